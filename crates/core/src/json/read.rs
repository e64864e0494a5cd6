//! Reading JSON, and refusing what two readers could read differently.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Json, Members};

/// Why bytes were not accepted as JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8, which RFC 8259 section 8.1 demands.
    #[error("the bytes from offset {offset} on are not UTF-8: encode the body as UTF-8")]
    NotUtf8 {
        /// How many bytes are valid.
        offset: usize,
    },
    /// U+FEFF at the start, which RFC 8259 section 8.1 forbids.
    #[error("the body starts with a byte order mark: send it without")]
    ByteOrderMark,
    /// Not JSON.
    #[error("not valid JSON at line {line}, column {column}: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
        /// What was found or missing.
        reason: String,
    },
    /// Half of a surrogate pair, which no UTF-8 text can hold.
    #[error(
        "lone surrogate at line {line}, column {column}: write a \\u escape of a pair whole, or raw UTF-8"
    )]
    LoneSurrogate {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// A number beyond the largest double.
    #[error(
        "the number at line {line}, column {column} is beyond what JSON readers hold: send it as a string"
    )]
    NumberTooLarge {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// A name used twice in one object, of which readers would keep one or the other.
    #[error("the member {pointer} is there twice: send each name once")]
    DuplicateMember {
        /// JSON pointer (RFC 6901) to the member.
        pointer: String,
    },
    /// More nesting than accepted.
    #[error("arrays and objects are nested more than {limit} deep: send flatter data")]
    TooDeep {
        /// What is accepted.
        limit: usize,
    },
}

/// What the visitor refused; `serde_json` can carry only its text.
enum Refusal {
    Duplicate { pointer: String },
    TooDeep,
}

pub(super) fn read(bytes: &[u8], depth_limit: usize) -> Result<Json, JsonError> {
    let text = str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError::ByteOrderMark);
    }
    let mut refusal = None;
    let mut source = serde_json::Deserializer::from_str(text);
    Reader { depth_left: depth_limit, refusal: &mut refusal }
        .deserialize(&mut source)
        .and_then(|value| source.end().map(|()| value))
        .map_err(|error| explain(&error, refusal, depth_limit))
}

/// Gives the fault a type. `serde_json` has none for single syntax errors, so that the two
/// which deserve advice of their own are known by their text; tests hold that text.
fn explain(error: &serde_json::Error, refusal: Option<Refusal>, limit: usize) -> JsonError {
    match refusal {
        Some(Refusal::Duplicate { pointer }) => return JsonError::DuplicateMember { pointer },
        Some(Refusal::TooDeep) => return JsonError::TooDeep { limit },
        None => {}
    }
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    match reason {
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            JsonError::LoneSurrogate { line, column }
        }
        "number out of range" => JsonError::NumberTooLarge { line, column },
        "recursion limit exceeded" => JsonError::TooDeep { limit },
        _ => JsonError::Syntax { line, column, reason: reason.to_owned() },
    }
}

struct Reader<'r> {
    depth_left: usize,
    refusal: &'r mut Option<Refusal>,
}

impl Reader<'_> {
    /// The reader of the values inside.
    fn inner(&mut self) -> Reader<'_> {
        Reader { depth_left: self.depth_left, refusal: self.refusal }
    }

    fn descend<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let Some(depth_left) = self.depth_left.checked_sub(1) else {
            *self.refusal = Some(Refusal::TooDeep);
            return Err(E::custom("too deep"));
        };
        self.depth_left = depth_left;
        Ok(())
    }

    /// Tells a refused member on the way out where it stands.
    fn locate(&mut self, segment: &str) {
        if let Some(Refusal::Duplicate { pointer }) = self.refusal {
            pointer.insert_str(0, &pointer_segment(segment));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Json, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut source: A) -> Result<Json, A::Error> {
        self.descend()?;
        let mut items = Vec::new();
        loop {
            match source.next_element_seed(self.inner()) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(Json::Array(items)),
                Err(error) => {
                    self.locate(&items.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut source: A) -> Result<Json, A::Error> {
        self.descend()?;
        let mut members = Vec::new();
        while let Some(name) = source.next_key::<String>()? {
            match source.next_value_seed(self.inner()) {
                Ok(value) => members.push((name, value)),
                Err(error) => {
                    self.locate(&name);
                    return Err(error);
                }
            }
        }
        if let Some(name) = duplicate(&members) {
            *self.refusal = Some(Refusal::Duplicate { pointer: pointer_segment(name) });
            return Err(A::Error::custom("duplicate member"));
        }
        Ok(Json::Object(Members(members)))
    }
}

/// A name that several members bear. Bookings are small objects, for which comparing all
/// pairs is cheapest; a large one from a stranger must not cost its square.
fn duplicate(members: &[(String, Json)]) -> Option<&str> {
    const SMALL: usize = 24;
    if members.len() <= SMALL {
        return (1..members.len()).find_map(|at| {
            let name = &members[at].0;
            members[..at].iter().any(|(earlier, _)| earlier == name).then_some(name.as_str())
        });
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// `/` and the name with `~` and `/` escaped (RFC 6901 section 3).
fn pointer_segment(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Json, JsonError> {
        Json::parse(text.as_bytes(), 64)
    }

    #[test]
    fn duplicate_members_are_named_by_pointer() {
        let pointer = |text: &str| match parse(text) {
            Err(JsonError::DuplicateMember { pointer }) => pointer,
            other => panic!("{other:?}"),
        };
        assert_eq!(pointer(r#"{"a":1,"b":2,"a":3}"#), "/a");
        assert_eq!(pointer(r#"{"a":[{},{"x/y":{"~":1,"\u007e":2}}]}"#), "/a/1/x~1y/~0");
        let wide: String = (0..40).map(|n| format!("\"k{n}\":{n},")).collect();
        assert_eq!(pointer(&format!("{{{wide}\"k7\":0}}")), "/k7");
        assert_eq!(pointer(r#"{"":0,"":1}"#), "/");
    }

    #[test]
    fn depth_is_bounded_exactly() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(64)).is_ok());
        assert_eq!(parse(&nested(65)), Err(JsonError::TooDeep { limit: 64 }));
        assert_eq!(parse(&"[".repeat(100_000)), Err(JsonError::TooDeep { limit: 64 }));
        assert_eq!(Json::parse(nested(200).as_bytes(), 1_000), Err(JsonError::TooDeep { limit: 1_000 }));
        assert!(Json::parse(b"1", 0).is_ok());
    }

    #[test]
    fn lone_surrogates_are_refused() {
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800x""#, r#"{"\ud83d":1}"#] {
            assert!(matches!(parse(text), Err(JsonError::LoneSurrogate { line: 1, .. })), "{text}");
        }
        assert_eq!(parse(r#""\ud83d\ude00""#), Ok(Json::from("😀")));
    }

    #[test]
    fn numbers_become_the_nearest_double() {
        assert_eq!(parse("12345678901234567890"), Ok(Json::Number(12_345_678_901_234_567_000.0)));
        assert_eq!(parse("1e-400"), Ok(Json::Number(0.0)));
        assert!(matches!(parse("1e400"), Err(JsonError::NumberTooLarge { line: 1, .. })));
        assert!(matches!(parse("[-1e309]"), Err(JsonError::NumberTooLarge { .. })));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        assert_eq!(Json::parse(b"{\"a\":\"\xff\"}", 64), Err(JsonError::NotUtf8 { offset: 6 }));
        assert_eq!(parse("\u{feff}{}"), Err(JsonError::ByteOrderMark));
        for text in
            ["", " ", "{", "{}{}", "{'a':1}", "[1,]", "01", "+1", "NaN", "1.", "\"\n\"", "\"\\x\"", "nul"]
        {
            assert!(matches!(parse(text), Err(JsonError::Syntax { .. })), "{text:?}: {:?}", parse(text));
        }
        let error = parse("{\n \"a\" 1\n}").unwrap_err().to_string();
        assert!(error.starts_with("not valid JSON at line 2, column 6: "), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, depth in 0_usize..80) {
            let _ = Json::parse(&bytes, depth);
        }

        #[test]
        fn anything_like_json_is_read_or_refused(text in r#"[\[\]{}",:\\u0-9dDeE.+\-a-f ]{0,48}"#) {
            let _ = parse(&text);
        }

        /// The oracle is the standard library's exact reader of decimals.
        #[test]
        fn decimals_lose_nothing(text in r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,20}(e-?[0-9]{1,2})?") {
            prop_assert_eq!(parse(&text).unwrap().as_f64(), text.parse().ok());
        }
    }
}
