//! Takes members out of a JSON object and gathers everything that is wrong with them, so
//! that one answer names it all.

use std::borrow::Cow;

use stayhook_core::{Json, Members, PropertyId};

use crate::error::FieldError;

/// What is wrong with a value, in words that follow its name.
pub(crate) type Wrong = Cow<'static, str>;

/// An answer names at most so many wrong fields: enough for any caller that errs, and no
/// way to blow a small request up into a large answer.
const MOST_ERRORS: usize = 100;

/// An object that is being read.
pub(crate) struct Fields {
    members: Members,
    /// Where the object stands in the body.
    at: String,
    wrong: Vec<FieldError>,
}

impl Fields {
    /// Starts to read the object that stands at the pointer `at` of a body.
    ///
    /// # Errors
    /// When the value is no object.
    pub(crate) fn of(json: Json, at: String) -> Result<Self, Vec<FieldError>> {
        match json.into_object() {
            Ok(members) => Ok(Self { members, at, wrong: Vec::new() }),
            Err(other) => Err(vec![FieldError { pointer: at, detail: must_be("an object", &other) }]),
        }
    }

    /// A member that must be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Json) -> Result<T, Wrong>,
    ) -> Option<T> {
        match self.members.take(name) {
            Some(value) => self.read(name, value, read),
            None => {
                self.refuse(name, "is missing");
                None
            }
        }
    }

    /// A member that may be left out, for which `null` stands too.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Json) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.members.take(name).filter(|value| !value.is_null())?;
        self.read(name, value, read)
    }

    /// A member that may be left out, for which `null` is a value like any other.
    pub(crate) fn given<T>(&mut self, name: &str, read: impl FnOnce(Json) -> Result<T, Wrong>) -> Option<T> {
        let value = self.members.take(name)?;
        self.read(name, value, read)
    }

    /// Says that the member `name`, or with `name/0` something in it, is wrong.
    pub(crate) fn refuse(&mut self, name: &str, detail: impl Into<Wrong>) {
        if self.wrong.len() < MOST_ERRORS {
            self.wrong.push(FieldError { pointer: format!("{}/{name}", self.at), detail: detail.into() });
        }
    }

    /// Says what is wrong within a member that was read as an object of its own.
    pub(crate) fn refuse_all(&mut self, wrong: Vec<FieldError>) {
        let room = MOST_ERRORS.saturating_sub(self.wrong.len());
        self.wrong.extend(wrong.into_iter().take(room));
    }

    /// Ends the reading: whatever was not taken is a member that nobody knows. Returns every
    /// wrong field; there is none if every required member was read.
    pub(crate) fn finish(mut self) -> Vec<FieldError> {
        let room = MOST_ERRORS.saturating_sub(self.wrong.len());
        let unknown =
            self.members.iter().take(room).map(|(name, _)| FieldError::unknown(&self.at, name, "member"));
        self.wrong.extend(unknown);
        self.wrong
    }

    fn read<T>(&mut self, name: &str, value: Json, read: impl FnOnce(Json) -> Result<T, Wrong>) -> Option<T> {
        read(value).map_err(|detail| self.refuse(name, detail)).ok()
    }
}

/// A string.
pub(crate) fn text(json: Json) -> Result<String, Wrong> {
    match json {
        Json::Text(text) => Ok(text),
        other => Err(must_be("a string", &other)),
    }
}

/// `true` or `false`.
pub(crate) fn boolean(json: Json) -> Result<bool, Wrong> {
    match json {
        Json::Bool(truth) => Ok(truth),
        other => Err(must_be("true or false", &other)),
    }
}

/// A property's id.
pub(crate) fn property(json: Json) -> Result<PropertyId, Wrong> {
    match json {
        Json::Number(_) => {
            PropertyId::new(json.as_i64().unwrap_or(0)).map_err(|error| error.to_string().into())
        }
        other => Err(must_be("a whole number", &other)),
    }
}

/// What a value of the wrong kind is told.
pub(crate) fn must_be(wanted: &str, found: &Json) -> Wrong {
    format!("must be {wanted}, not {}", found.kind()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of(Json::parse(text.as_bytes(), 64).unwrap(), String::new()).ok().unwrap()
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let mut fields = fields(r#"{"a":1,"c":null,"x/y":0,"d":true}"#);
        assert_eq!(fields.required("a", text), None);
        assert_eq!(fields.required("b", text), None);
        assert_eq!(fields.optional("c", text), None);
        assert_eq!(fields.given("d", boolean), Some(true));
        let wrong: Vec<_> = fields.finish().into_iter().map(|it| (it.pointer, it.detail)).collect();
        let expected = [
            ("/a", "must be a string, not a number"),
            ("/b", "is missing"),
            ("/x~1y", "is not a known member: leave it out"),
        ];
        assert_eq!(wrong, expected.map(|(pointer, detail)| (pointer.to_owned(), detail.into())));
    }

    #[test]
    fn null_is_a_value_only_where_it_means_something() {
        let mut fields = fields(r#"{"a":null}"#);
        assert_eq!(fields.given("a", |json| Ok(json.is_null())), Some(true));
        assert!(fields.finish().is_empty());
    }

    #[test]
    fn an_answer_names_a_bounded_number_of_wrong_fields() {
        let many: Vec<String> = (0..1_000).map(|n| format!("\"m{n}\":0")).collect();
        let wrong = fields(&format!("{{{}}}", many.join(","))).finish();
        assert_eq!(wrong.len(), MOST_ERRORS);
    }

    #[test]
    fn property_ids_are_whole_numbers_from_1() {
        assert_eq!(property(Json::from(101)), Ok(PropertyId::new(101).unwrap()));
        for bad in [Json::from(0), Json::from(-1), Json::from(1.5), Json::from(1e300), Json::from("101")] {
            assert!(property(bad.clone()).is_err(), "{bad:?}");
        }
    }
}
