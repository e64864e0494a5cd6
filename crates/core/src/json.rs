//! JSON (RFC 8259) as a tree that keeps the order of members.
//!
//! A producer's `data` is read once, at the door, and written once, into the body that is
//! signed and stored. Numbers are what every receiver will make of them: IEEE 754 doubles.

mod read;
mod style;
mod write;

pub use read::JsonError;
pub(crate) use style::{STYLES, Style};
pub(crate) use write::write_text;

use crate::MAX_SAFE_INTEGER;

/// How many arrays and objects may stand inside one another in what we accept.
pub const JSON_DEPTH_LIMIT: usize = 64;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as the double nearest to what was written.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Members),
}

impl Json {
    /// Reads one JSON text of UTF-8 bytes, in which no more than `depth_limit` arrays and
    /// objects stand inside one another.
    ///
    /// # Errors
    /// When the bytes are no JSON text, or one that receivers could read in different ways:
    /// members named twice, lone surrogates, numbers that no double holds.
    pub fn parse(bytes: &[u8], depth_limit: usize) -> Result<Self, JsonError> {
        read::read(bytes, depth_limit)
    }

    /// An object of these members; of several with one name the last counts.
    pub fn object<N: Into<String>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        let mut object = Members::default();
        for (name, value) in members {
            object.insert(name.into(), value);
        }
        Self::Object(object)
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// `true` or `false`, where this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The number, where this is one.
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The whole number, where this is one that a double holds exactly: at most 2⁵³ − 1
    /// either way, so that no rounded neighbour is mistaken for what was written.
    pub fn as_i64(&self) -> Option<i64> {
        let number = self.as_f64()?;
        let exact = number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64;
        exact.then_some(number as i64)
    }

    /// The string, where this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The items, where this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The members, where this is an object.
    pub fn as_object(&self) -> Option<&Members> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The members by value, or the value back where this is no object.
    ///
    /// # Errors
    /// The value itself, unchanged.
    pub fn into_object(self) -> Result<Members, Self> {
        if let Self::Object(members) = self { Ok(members) } else { Err(self) }
    }

    /// The member called `name`, where this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// What kind of value this is, in words: `a string`, `an object`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// Appends compact JSON for which `JSON.stringify(JSON.parse(body)) === body` holds in
    /// every JavaScript engine, so that a receiver who parses and writes a body before
    /// verifying it still gets the bytes that were signed.
    ///
    /// ECMAScript's rules are followed for numbers (Number::toString), for escapes
    /// (QuoteJSONString) and for the order of members (OrdinaryOwnPropertyKeys: array
    /// indices first, ascending). A number that is not finite becomes `null`, as there.
    pub fn write_stable(&self, out: &mut Vec<u8>) {
        write::write_value(self, out);
    }

    /// Appends compact JSON in which the members of every object stand in the order of their
    /// names, so that two texts with the same meaning to a receiver are the same bytes.
    pub fn write_sorted(&self, out: &mut Vec<u8>) {
        write::write_sorted(self, out);
    }

    /// The bytes of [`Json::write_stable`].
    pub fn to_stable_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        self.write_stable(&mut bytes);
        bytes
    }
}

impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// The nearest double, as JavaScript would read it.
impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Self::Number(number as f64)
    }
}

/// The members of an object: each name once, in the order of their arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members(Vec<(String, Json)>);

impl Members {
    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The member called `name`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Takes the member called `name` out; the others keep their order.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(at).1)
    }

    /// Sets a member: in its old place where there is one of this name, else at the end.
    pub fn insert(&mut self, name: String, value: Json) {
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Names and what `choose` makes of the values, without those where it makes nothing.
    pub(crate) fn filter_map(&self, mut choose: impl FnMut(&str, &Json) -> Option<Json>) -> Self {
        let chosen = self.iter().filter_map(|(name, value)| Some((name.to_owned(), choose(name, value)?)));
        Self(chosen.collect())
    }
}

/// Names and values in order, by value.
impl IntoIterator for Members {
    type Item = (String, Json);
    type IntoIter = std::vec::IntoIter<(String, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_taken_only_when_they_are_exact() {
        assert_eq!(Json::from(9_007_199_254_740_991).as_i64(), Some(9_007_199_254_740_991));
        assert_eq!(Json::from(9_007_199_254_740_993).as_i64(), None);
        assert_eq!(Json::from(90.0).as_i64(), Some(90));
        assert_eq!(Json::from(90.5).as_i64(), None);
        assert_eq!(Json::from(f64::NAN).as_i64(), None);
        assert_eq!(Json::from("90").as_i64(), None);
    }

    #[test]
    fn members_are_set_in_place_and_taken_in_order() {
        let object = Json::object([("b", Json::from(1)), ("a", Json::Null), ("b", Json::from(2))]);
        assert_eq!(object.to_stable_bytes(), br#"{"b":2,"a":null}"#);
        let mut members = object.into_object().unwrap();
        assert_eq!(members.take("b"), Some(Json::from(2)));
        assert_eq!(members.take("b"), None);
        assert_eq!(members.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a"]);
    }
}
