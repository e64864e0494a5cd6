//! How other programs write the same JSON: with these bytes receivers make signatures that
//! do not match, and knowing whose they are tells the mistake.

use super::write::{indices_first, write_escape, write_number, write_text};
use super::{Json, Members};

/// One way of writing JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Who writes so.
    pub(crate) name: &'static str,
    /// Spaces a level, where every item has its own line.
    indent: Option<usize>,
    comma: &'static str,
    colon: &'static str,
    escapes: Escapes,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    /// Only what JSON demands.
    Few,
    /// Everything beyond ASCII as `\uXXXX`.
    Ascii,
    /// The same and `\/`.
    AsciiAndSlash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    AsGiven,
    JavaScript,
    ByName,
}

const COMPACT: Style = Style {
    name: "compact, as JSON.stringify writes it",
    indent: None,
    comma: ",",
    colon: ":",
    escapes: Escapes::Few,
    order: Order::JavaScript,
};
const INDENTED: Style = Style { name: "indented by two spaces", indent: Some(2), colon: ": ", ..COMPACT };
const PYTHON: Style = Style {
    name: "as Python's json.dumps writes it",
    comma: ", ",
    colon: ": ",
    escapes: Escapes::Ascii,
    order: Order::AsGiven,
    ..COMPACT
};

/// The ways in which frameworks write JSON unless told otherwise.
pub(crate) const STYLES: &[Style] = &[
    COMPACT,
    INDENTED,
    Style { name: "indented by four spaces", indent: Some(4), ..INDENTED },
    PYTHON,
    Style {
        name: "as Python's json.dumps with ensure_ascii=False writes it",
        escapes: Escapes::Few,
        ..PYTHON
    },
    Style { name: "compact with ASCII escapes", escapes: Escapes::Ascii, ..COMPACT },
    Style { name: "as PHP's json_encode writes it", escapes: Escapes::AsciiAndSlash, ..COMPACT },
    Style { name: "compact with sorted members", order: Order::ByName, ..COMPACT },
];

impl Style {
    /// The value written in this style.
    pub(crate) fn write(&self, json: &Json) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        self.value(json, 0, &mut out);
        out
    }

    fn value(&self, json: &Json, level: usize, out: &mut Vec<u8>) {
        match json {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(truth) => out.extend_from_slice(truth.to_string().as_bytes()),
            Json::Number(number) => write_number(*number, out),
            Json::Text(text) => self.text(text, out),
            Json::Array(items) => self.list(*b"[]", items, level, out, |item, out| {
                self.value(item, level + 1, out);
            }),
            Json::Object(members) => {
                self.list(*b"{}", &self.ordered(members), level, out, |(name, value), out| {
                    self.text(name, out);
                    out.extend_from_slice(self.colon.as_bytes());
                    self.value(value, level + 1, out);
                });
            }
        }
    }

    fn list<T>(
        &self,
        brackets: [u8; 2],
        items: &[T],
        level: usize,
        out: &mut Vec<u8>,
        write: impl Fn(&T, &mut Vec<u8>),
    ) {
        out.push(brackets[0]);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(self.comma.as_bytes());
            }
            self.line_break(level + 1, out);
            write(item, out);
        }
        if !items.is_empty() {
            self.line_break(level, out);
        }
        out.push(brackets[1]);
    }

    fn line_break(&self, level: usize, out: &mut Vec<u8>) {
        if let Some(indent) = self.indent {
            out.push(b'\n');
            out.resize(out.len() + indent * level, b' ');
        }
    }

    fn ordered<'a>(&self, members: &'a Members) -> Vec<(&'a str, &'a Json)> {
        let mut ordered: Vec<_> = members.iter().collect();
        match self.order {
            Order::AsGiven => {}
            Order::JavaScript => return indices_first(members),
            Order::ByName => ordered.sort_by_key(|(name, _)| *name),
        }
        ordered
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        if self.escapes == Escapes::Few {
            return write_text(text, out);
        }
        out.push(b'"');
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(b'/') if self.escapes == Escapes::AsciiAndSlash => out.extend_from_slice(b"\\/"),
                Ok(byte @ (0..0x20 | b'"' | b'\\')) => write_escape(byte, out),
                Ok(byte) if byte.is_ascii() => out.push(byte),
                _ => out.extend_from_slice(format!("\\u{unit:04x}").as_bytes()),
            }
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_write_as_their_programs_do() {
        let json = Json::parse(r#"{"b":["/é😀",1.5,{},[]],"2":null}"#.as_bytes(), 64).unwrap();
        let written: Vec<String> =
            STYLES.iter().map(|style| String::from_utf8(style.write(&json)).unwrap()).collect();
        assert_eq!(written[0].as_bytes(), json.to_stable_bytes());
        assert_eq!(
            written[1],
            "{\n  \"2\": null,\n  \"b\": [\n    \"/é😀\",\n    1.5,\n    {},\n    []\n  ]\n}"
        );
        assert_eq!(written[3], r#"{"b": ["/\u00e9\ud83d\ude00", 1.5, {}, []], "2": null}"#);
        assert_eq!(
            written[2],
            "{\n    \"2\": null,\n    \"b\": [\n        \"/é😀\",\n        1.5,\n        {},\n        []\n    ]\n}"
        );
        assert_eq!(written[5], r#"{"2":null,"b":["/\u00e9\ud83d\ude00",1.5,{},[]]}"#);
        assert_eq!(written[4], r#"{"b": ["/é😀", 1.5, {}, []], "2": null}"#);
        assert_eq!(written[6], r#"{"2":null,"b":["\/\u00e9\ud83d\ude00",1.5,{},[]]}"#);
    }

    #[test]
    fn styles_differ_in_the_order_of_members() {
        let json = Json::parse(br#"{"b":1,"a":2,"10":3,"9":4}"#, 2).unwrap();
        let written = |name: &str| {
            let style = STYLES.iter().find(|style| style.name == name).unwrap();
            String::from_utf8(style.write(&json)).unwrap()
        };
        assert_eq!(written("compact, as JSON.stringify writes it"), r#"{"9":4,"10":3,"b":1,"a":2}"#);
        assert_eq!(written("compact with sorted members"), r#"{"10":3,"9":4,"a":2,"b":1}"#);
        assert_eq!(written("as Python's json.dumps writes it"), r#"{"b": 1, "a": 2, "10": 3, "9": 4}"#);
    }

    #[test]
    fn every_style_is_told_apart_by_name_and_bytes() {
        let json = Json::parse("{\"b\":\"/é\",\"a\":[1,{}]}".as_bytes(), 3).unwrap();
        for (at, style) in STYLES.iter().enumerate() {
            for other in &STYLES[..at] {
                assert_ne!(style.name, other.name);
                assert_ne!(style.write(&json), other.write(&json), "{} and {}", style.name, other.name);
            }
        }
    }
}
