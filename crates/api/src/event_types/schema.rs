//! JSON Schemas of events' `data`: judged when they are given, and what data is held against.

use std::fmt;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Number, Value};
use stayhook_core::Json;

use super::bounds;
use crate::error::FieldError;

/// The most bytes that one compiled regular expression, and its cache, may take.
const PATTERN_BYTES: usize = 512 * 1024;
/// The most faults of one event that are named.
const MOST_FAULTS: usize = 20;
/// Beyond so many steps, only the first fault is looked for: the validator gathers all faults of an
/// array before it gives the first one, and each takes about half a kilobyte.
const THOROUGH_STEPS: usize = 100_000;
/// The most characters of a fault's words: they may name members of the data.
const MOST_CHARS: usize = 300;

/// A JSON Schema that is safe to use: it fetches nothing, its regular expressions take linear
/// time, and it is of bounded size. `format` is not asserted, as draft 2020-12 has it.
pub struct DataSchema {
    validator: Validator,
    /// For one value.
    steps: usize,
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SchemaError {
    /// JSON pointer (RFC 6901) into the schema.
    pub pointer: String,
    /// What is wrong there, in words that follow the pointer.
    pub detail: String,
}

impl SchemaError {
    pub(super) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.pointer.is_empty() { "" } else { " " };
        write!(f, "{}{separator}{}", self.pointer, self.detail)
    }
}

impl DataSchema {
    /// Judges and compiles a schema: draft 2020-12 unless `$schema` says otherwise.
    ///
    /// # Errors
    /// Names the place in the schema that is wrong, or that asks too much.
    pub fn compile(schema: &Json) -> Result<Self, SchemaError> {
        if !matches!(schema, Json::Object(_)) {
            return Err(SchemaError::new("", format!("must be an object, not {}", schema.kind())));
        }
        if schema.to_stable_bytes().len() > bounds::MOST_BYTES {
            return Err(SchemaError::new("", format!("may have at most {} bytes", bounds::MOST_BYTES)));
        }
        let schema = value(schema);
        let steps = bounds::steps(&schema)?;
        let mut options =
            jsonschema::options().offline().should_validate_formats(false).with_pattern_options(
                PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES),
            );
        if schema.get("$schema").is_none() {
            options = options.with_draft(Draft::Draft202012);
        }
        let validator = options
            .build(&schema)
            .map_err(|error| SchemaError::new(error.instance_path().as_str(), words(&error)))?;
        Ok(Self { validator, steps })
    }

    /// About how many steps it takes to check data of so many bytes.
    pub(super) fn steps(&self, bytes: usize) -> usize {
        self.steps.saturating_mul(bytes)
    }

    /// What is wrong with data of so many bytes, which stands at the pointer `at` of a body.
    pub(super) fn faults(&self, data: &Value, bytes: usize, at: &str) -> Vec<FieldError> {
        let fault = |error: jsonschema::ValidationError<'_>| FieldError {
            pointer: format!("{at}{}", error.instance_path().as_str()),
            detail: words(&error).into(),
        };
        match self.validator.validate(data) {
            Ok(()) => Vec::new(),
            Err(first) if self.steps(bytes) > THOROUGH_STEPS => vec![fault(first)],
            Err(_) => self.validator.iter_errors(data).take(MOST_FAULTS).map(fault).collect(),
        }
    }
}

/// The validator's words without the values that it found.
fn words(error: &jsonschema::ValidationError<'_>) -> String {
    let mut words = error.masked_with("it").to_string();
    if let Some((end, _)) = words.char_indices().nth(MOST_CHARS) {
        words.truncate(end);
        words.push('…');
    }
    format!("does not fit the schema: {words}")
}

/// The value as the validator knows it: whole numbers are integers, also those written `90.0`.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match json.as_i64() {
            Some(whole) => Value::Number(whole.into()),
            None => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        },
        Json::Text(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::Object(members) => Value::Object(
            members.iter().map(|(name, member)| (name.to_owned(), value(member))).collect::<Map<_, _>>(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), 64).unwrap()
    }

    fn refused(schema: &str) -> String {
        DataSchema::compile(&json(schema)).err().unwrap().to_string()
    }

    fn faults(schema: &str, data: &str) -> Vec<(String, String)> {
        let schema = DataSchema::compile(&json(schema)).unwrap_or_else(|error| panic!("{error}"));
        let faults = schema.faults(&value(&json(data)), data.len(), "/data");
        faults.into_iter().map(|it| (it.pointer, it.detail.into_owned())).collect()
    }

    #[test]
    fn faults_name_the_place_and_not_the_value() {
        let schema = r#"{"type":"object","required":["booking"],"properties":{"booking":{"type":"object",
            "properties":{"id":{"type":"integer"},"email":{"type":"string","maxLength":3}}}}}"#;
        assert!(faults(schema, r#"{"booking":{"id":90.00}}"#).is_empty());
        let found = faults(schema, r#"{"booking":{"id":"x","email":"guest@example.com"}}"#);
        assert_eq!(
            found.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(),
            ["/data/booking/email", "/data/booking/id"]
        );
        assert!(!format!("{found:?}").contains("guest@"), "{found:?}");
        let missing = faults(schema, "{}");
        assert_eq!(
            missing,
            [("/data".to_owned(), "does not fit the schema: \"booking\" is a required property".to_owned())]
        );
        let many = format!("{{\"a\":[{}]}}", vec!["1"; 100].join(","));
        let items = r#"{"properties":{"a":{"items":{"type":"string"}}}}"#;
        assert_eq!(faults(items, &many).len(), MOST_FAULTS);
        let more = format!("{{\"a\":[{}]}}", vec!["1"; 1_000_000].join(","));
        assert_eq!(faults(items, &more).len(), 1);
    }

    #[test]
    fn what_is_no_schema_is_refused_with_its_place() {
        for (schema, expected) in [
            ("[]", "must be an object"),
            (r#"{"type":"text"}"#, "/type "),
            (r#"{"properties":{"a":{"minimum":"1"}}}"#, "/properties/a/minimum "),
            (r#"{"properties":{"a":{"pattern":"("}}}"#, "/properties/a/pattern "),
            (r#"{"pattern":"(?=a)b"}"#, "/pattern "),
            (r#"{"pattern":"(a)\\1"}"#, "/pattern "),
            (r#"{"pattern":"((a{1000}){1000}){1000}"}"#, "/pattern "),
            (
                r#"{"$schema":"http://json-schema.org/draft-04/schema#","exclusiveMinimum":1}"#,
                "/exclusiveMinimum ",
            ),
        ] {
            let words = refused(schema);
            assert!(words.starts_with(expected), "{schema}: {words}");
        }
        let large = format!(r#"{{"description":"{}"}}"#, "x".repeat(bounds::MOST_BYTES));
        assert!(refused(&large).contains("at most 65536 bytes"));
    }

    #[test]
    fn drafts_are_told_by_their_name() {
        let tuple = r#""items":[{"type":"string"}]"#;
        assert!(refused(&format!("{{{tuple}}}")).starts_with("/items "), "2020-12 unless told otherwise");
        let older = format!(
            r#"{{"$schema":"http://json-schema.org/draft-07/schema#","properties":{{"a":{{{tuple}}}}}}}"#
        );
        assert_eq!(faults(&older, r#"{"a":[1]}"#)[0].0, "/data/a/0");
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let schema = r#"{"properties":{"a":{"pattern":"^(a|a)*(a+)+$"}}}"#;
        let data = format!(r#"{{"a":"{}!"}}"#, "a".repeat(200_000));
        // An engine that backtracks would be at it for ages, or give up.
        assert_eq!(faults(schema, &data).len(), 1);
        assert!(faults(schema, &data.replace('!', "")).is_empty());
    }

    proptest! {
        #[test]
        fn any_object_is_compiled_or_refused(
            keyword in "(type|items|properties|allOf|not|pattern|\\$ref|\\$id|\\$schema|enum|const|required|if|\\$anchor|id)",
            value in r#"(true|1|"[a-z#/$]{0,9}"|\[\]|\["a"\]|\{\}|\{"a":\{"items":\{"\$ref":"\#/[a-z/]{0,9}"\}\}\}|null)"#,
        ) {
            let text = format!("{{\"{keyword}\":{value}}}");
            if let Ok(schema) = DataSchema::compile(&json(&text)) {
                let _ = schema.faults(&Value::Null, 4, "");
            }
        }
    }
}
