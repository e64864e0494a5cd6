//! What a schema may ask of us. Schemas come from outside, and checking data costs about as many
//! steps as a schema has subschemas, references followed, for every value in the data: so they are
//! counted before a schema is ever used.
//!
//! References stay inside the schema (nothing is fetched) and never lead back into themselves; a
//! schema is thus a tree of bounded size. `unevaluatedProperties` and `unevaluatedItems` look at
//! everything beneath them a second time.

use serde_json::{Map, Value};

use super::schema::SchemaError;

/// The most bytes of a schema as compact JSON.
pub(super) const MOST_BYTES: usize = 64 * 1024;
/// How deep subschemas may stand inside each other, references followed.
const MOST_DEPTH: usize = 64;
/// The most steps for one value; see [`Count::schema`].
const MOST_STEPS: usize = 5_000;
/// What a regular expression counts.
const PATTERN_STEPS: usize = 25;

/// The dialects that are known, by `$schema`.
const DIALECTS: [&str; 5] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
];

/// Keywords with one subschema.
const ONE: [&str; 12] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    UNEVALUATED[0],
    UNEVALUATED[1],
];
/// Keywords with an array of them. `items` had one in earlier drafts.
const MANY: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
/// Keywords with an object of them.
const NAMED: [&str; 6] =
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];
const UNEVALUATED: [&str; 2] = ["unevaluatedItems", "unevaluatedProperties"];
/// Keywords that would make a reference mean something else than its pointer, and why they are
/// refused.
const REFUSED: [(&str, &str); 4] = [
    ("$dynamicRef", "is not supported: use $ref"),
    ("$recursiveRef", "is not supported: use $ref"),
    ("$id", "may stand at the root alone"),
    ("$schema", "may stand at the root alone"),
];
/// Those of them that are fine at the root.
const ROOT: [&str; 2] = ["$id", "$schema"];

/// How many steps a schema costs for one value.
///
/// # Errors
/// When it costs too many, or refers to what it may not.
pub(super) fn steps(schema: &Value) -> Result<usize, SchemaError> {
    if let Some(dialect) = schema.get("$schema") {
        let known = dialect.as_str().is_some_and(|it| DIALECTS.contains(&it.trim_end_matches('#')));
        if !known {
            let known = DIALECTS.join(", ");
            return Err(SchemaError::new("/$schema", format!("is not a known dialect: use one of {known}")));
        }
    }
    let mut count = Count { root: schema, steps: 0, within: Vec::new() };
    count.schema(schema, "", 1)?;
    Ok(count.steps)
}

struct Count<'a> {
    root: &'a Value,
    steps: usize,
    /// The subschemas around the one at hand.
    within: Vec<&'a Value>,
}

impl<'a> Count<'a> {
    /// Counts a subschema that stands, or is referred to, at the pointer `at`, and is looked at so
    /// many `times`.
    fn schema(&mut self, schema: &'a Value, at: &str, times: usize) -> Result<(), SchemaError> {
        self.add(1, times)?;
        let Value::Object(keywords) = schema else { return Ok(()) };
        if self.within.iter().any(|outer| std::ptr::eq(*outer, schema)) {
            return Err(SchemaError::new(at, "refers back into itself: recursion is not supported"));
        }
        if self.within.len() >= MOST_DEPTH {
            return Err(SchemaError::new(at, format!("stands more than {MOST_DEPTH} subschemas deep")));
        }
        self.refuse_keywords(keywords, at)?;
        self.within.push(schema);
        let again = UNEVALUATED.iter().filter(|keyword| keywords.contains_key(**keyword)).count();
        let times = (0..again).fold(times, |times, _| times.saturating_mul(2));
        self.keywords(keywords, at, times)?;
        self.reference(keywords, at, times)?;
        self.within.pop();
        Ok(())
    }

    fn add(&mut self, steps: usize, times: usize) -> Result<(), SchemaError> {
        self.steps = self.steps.saturating_add(steps.saturating_mul(times));
        if self.steps > MOST_STEPS {
            let what = "is too complex: use fewer subschemas, references, patterns and unevaluated… keywords";
            return Err(SchemaError::new("", what));
        }
        Ok(())
    }

    fn refuse_keywords(&self, keywords: &Map<String, Value>, at: &str) -> Result<(), SchemaError> {
        let is_root = self.within.is_empty();
        for (name, what) in REFUSED {
            let allowed = is_root && ROOT.contains(&name);
            if keywords.contains_key(name) && !allowed {
                return Err(SchemaError::new(format!("{at}/{name}"), what));
            }
        }
        Ok(())
    }

    fn keywords(
        &mut self,
        keywords: &'a Map<String, Value>,
        at: &str,
        times: usize,
    ) -> Result<(), SchemaError> {
        for (name, value) in keywords {
            let at = format!("{at}/{}", escaped(name));
            match value {
                Value::String(_) if name == "pattern" => self.add(PATTERN_STEPS, times)?,
                Value::Array(choices) if name == "enum" => self.add(choices.len(), times)?,
                Value::Array(names) if name == "required" => self.add(names.len(), times)?,
                Value::Object(lists) if name == "dependentRequired" => self.lists(lists, times)?,
                Value::Object(_) if ONE.contains(&name.as_str()) => self.schema(value, &at, times)?,
                Value::Array(items) if MANY.contains(&name.as_str()) => {
                    for (index, item) in items.iter().enumerate() {
                        self.schema(item, &format!("{at}/{index}"), times)?;
                    }
                }
                Value::Object(members) if NAMED.contains(&name.as_str()) => {
                    if name == "patternProperties" {
                        self.add(members.len().saturating_mul(PATTERN_STEPS), times)?;
                    }
                    self.lists(members, times)?;
                    for (member, schema) in members {
                        self.schema(schema, &format!("{at}/{}", escaped(member)), times)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Each name in lists of names is looked for, and can be missing.
    fn lists(&mut self, lists: &Map<String, Value>, times: usize) -> Result<(), SchemaError> {
        let names = lists.values().filter_map(Value::as_array).map(Vec::len).sum();
        self.add(names, times)
    }

    fn reference(
        &mut self,
        keywords: &Map<String, Value>,
        at: &str,
        times: usize,
    ) -> Result<(), SchemaError> {
        let Some(Value::String(reference)) = keywords.get("$ref") else { return Ok(()) };
        let at = format!("{at}/$ref");
        let outside =
            "leads out of the schema: nothing is fetched, so refer to a part of it, as in #/$defs/name";
        let pointer = reference.strip_prefix('#').ok_or_else(|| SchemaError::new(&at, outside))?;
        let target = percent_decoded(pointer).and_then(|pointer| self.root.pointer(&pointer));
        let target = target.ok_or_else(|| {
            SchemaError::new(&at, "leads nowhere: refer to a part of it, as in #/$defs/name")
        })?;
        self.schema(target, &at, times)
    }
}

/// A name as a part of a JSON pointer (RFC 6901, section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The fragment of a URI as the pointer that it encodes (RFC 6901, section 6).
fn percent_decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(schema: &Value) -> String {
        let error = steps(schema).unwrap_err();
        format!("{} {}", error.pointer, error.detail)
    }

    #[test]
    fn steps_are_subschemas_with_references_followed() {
        assert_eq!(steps(&json!(true)).ok(), Some(1));
        assert_eq!(steps(&json!({"properties": {"a": {}, "b": {"items": {}}}})).ok(), Some(4));
        let twice =
            json!({"$defs": {"a": {"not": {}}}, "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/%24defs/a"}]});
        assert_eq!(steps(&twice).ok(), Some(1 + 2 + 2 * (1 + 2)));
        let again = json!({"unevaluatedProperties": false, "properties": {"a": {"enum": [1, 2, 3]}}});
        assert_eq!(steps(&again).ok(), Some(1 + 2 * (1 + 3)));
        let names = json!({"required": ["a", "b"], "dependentRequired": {"a": ["b", "c"]},
            "dependencies": {"a": ["d"]}});
        assert_eq!(steps(&names).ok(), Some(1 + 2 + 2 + 1 + 1));
    }

    #[test]
    fn names_are_not_keywords_and_values_are_not_schemas() {
        for fine in [
            json!({"properties": {"$ref": {}, "$id": {"type": "string"}, "$dynamicRef": {}}}),
            json!({"enum": [{"$ref": "https://example.com/x"}], "const": {"$ref": 1}}),
            json!({"examples": [{"$ref": "https://example.com/x"}]}),
        ] {
            assert!(steps(&fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn nothing_leads_out_or_around() {
        for (schema, expected) in [
            (json!({"$ref": "https://example.com/x"}), "/$ref leads out"),
            (json!({"$ref": "other.json#/x"}), "/$ref leads out"),
            (
                json!({"properties": {"a/b": {"$ref": "file:///etc/passwd"}}}),
                "/properties/a~1b/$ref leads out",
            ),
            (json!({"$ref": "#anchor"}), "/$ref leads nowhere"),
            (json!({"$ref": "#/%zz"}), "/$ref leads nowhere"),
            (json!({"$ref": "#"}), "/$ref refers back"),
            (json!({"items": {"$ref": "#"}}), "/items/$ref refers back"),
            (json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}), "refers back"),
            (json!({"items": {"$id": "https://example.com/x"}}), "/items/$id may stand at the root"),
            (json!({"$dynamicRef": "#a"}), "/$dynamicRef is not supported"),
            (json!({"$schema": "https://example.com/mine"}), "/$schema is not a known dialect"),
            (json!({"$schema": 7}), "/$schema is not a known dialect"),
        ] {
            assert!(refused(&schema).contains(expected), "{schema}: {}", refused(&schema));
        }
    }

    #[test]
    fn what_would_cost_too_much_is_refused_at_once() {
        let mut doubling = json!({"$defs": {"a0": {}}, "$ref": "#/$defs/a40"});
        for n in 1..=40 {
            let below = json!({"$ref": format!("#/$defs/a{}", n - 1)});
            doubling["$defs"][format!("a{n}")] = json!({"allOf": [below.clone(), below]});
        }
        assert!(refused(&doubling).contains("too complex"));
        let nested = (0..20).fold(json!({}), |inner, _| json!({"unevaluatedItems": false, "allOf": [inner]}));
        assert!(refused(&nested).contains("too complex"));
        let deep = (0..65).fold(json!({}), |inner, _| json!({"not": inner}));
        assert!(refused(&deep).contains("deep"));
        let patterns: Map<_, _> = (0..300).map(|n| (format!("^x{n}"), json!({}))).collect();
        assert!(refused(&json!({"patternProperties": patterns})).contains("too complex"));
        let names: Vec<String> = (0..6_000).map(|n| format!("r{n}")).collect();
        assert!(refused(&json!({"items": {"required": names}})).contains("too complex"));
        assert!(refused(&json!({"dependentRequired": {"a": names}})).contains("too complex"));
    }
}
