//! Splits the body of a batch into the texts of its events, none of which is looked into: one
//! that cannot be read spoils no other.

use std::fmt;

use axum::body::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use stayhook_core::JsonError;

use super::batch::MOST_EVENTS;
use crate::error::{FieldError, Problem, Subject};

/// The events of `{"events": […]}`, each as its own text.
///
/// # Errors
/// When the body is no JSON, or not this object of 1 to 1000 events.
pub(super) fn items(body: &[u8]) -> Result<Vec<&str>, Problem> {
    let text = str::from_utf8(body).map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError::ByteOrderMark.into());
    }
    match serde_json::from_str::<Outer<'_>>(text).map_err(|error| unreadable(&error))? {
        Outer::Object(members) => events(&members),
        Outer::Else(kind) => Err(wrong("", format!("must be an object, not {kind}"))),
    }
}

/// The text of the member `data` of an event that was read: the producer's own bytes.
pub(super) fn data(event: &Bytes) -> Option<Bytes> {
    let Ok(Outer::Object(members)) = serde_json::from_slice::<Outer<'_>>(event) else { return None };
    let (_, data) = members.into_iter().find(|(name, _)| name == "data")?;
    Some(event.slice_ref(data.get().as_bytes()))
}

fn events<'a>(members: &[(String, &'a RawValue)]) -> Result<Vec<&'a str>, Problem> {
    let mut given = members.iter().filter(|(name, _)| name == "events").map(|(_, value)| *value);
    let (first, second) = (given.next(), given.next());
    if second.is_some() {
        return Err(JsonError::DuplicateMember { pointer: "/events".to_owned() }.into());
    }
    let mut errors: Vec<FieldError> = members
        .iter()
        .filter(|(name, _)| name != "events")
        .map(|(name, _)| FieldError::unknown("", name, "member"))
        .take(MOST_ERRORS)
        .collect();
    let events = match first.map(|value| list(value.get())) {
        Some(Ok(events)) => Some(events),
        Some(Err(detail)) => {
            errors.insert(0, FieldError { pointer: "/events".to_owned(), detail: detail.into() });
            None
        }
        None => {
            errors.insert(0, FieldError { pointer: "/events".to_owned(), detail: "is missing".into() });
            None
        }
    };
    events.filter(|_| errors.is_empty()).ok_or_else(|| Problem::invalid(Subject::Request, errors))
}

/// An answer names at most so many wrong members.
const MOST_ERRORS: usize = 100;

fn list(text: &str) -> Result<Vec<&str>, String> {
    let many = |count| Err(format!("must hold 1 to {MOST_EVENTS} events, not {count}"));
    match serde_json::from_str::<List<'_>>(text) {
        Ok(List { count, .. }) if count == 0 || count > MOST_EVENTS => many(count),
        Ok(List { items, .. }) => Ok(items.into_iter().map(RawValue::get).collect()),
        Err(_) => Err("must be an array of events".to_owned()),
    }
}

/// serde_json says where in the text the fault is; its words are passed on.
fn unreadable(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default().to_owned();
    JsonError::Syntax { line: error.line(), column: error.column(), reason }.into()
}

fn wrong(pointer: &str, detail: String) -> Problem {
    Problem::invalid_field(Subject::Request, pointer, detail)
}

/// The outermost value: its members as texts, where it is an object.
enum Outer<'a> {
    Object(Vec<(String, &'a RawValue)>),
    Else(&'static str),
}

/// As many items of an array as a batch may have, and how many there are.
struct List<'a> {
    items: Vec<&'a RawValue>,
    count: usize,
}

struct OuterVisitor;
struct ListVisitor;

impl<'de: 'a, 'a> Deserialize<'de> for Outer<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(OuterVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_seq(ListVisitor)
    }
}

impl<'de> Visitor<'de> for OuterVisitor {
    type Value = Outer<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = source.next_entry::<String, &RawValue>()? {
            members.push(member);
        }
        Ok(Outer::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        while source.next_element::<&RawValue>()?.is_some() {}
        Ok(Outer::Else("an array"))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Outer::Else("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Outer::Else("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Outer::Else("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Outer::Else("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Outer::Else("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Outer::Else("a string"))
    }
}

impl<'de> Visitor<'de> for ListVisitor {
    type Value = List<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut list = List { items: Vec::new(), count: 0 };
        while let Some(item) = source.next_element::<&RawValue>()? {
            list.count += 1;
            if list.items.len() < MOST_EVENTS {
                list.items.push(item);
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;
    use proptest::prelude::*;

    fn status(body: &[u8]) -> u16 {
        items(body).map_or_else(|problem| problem.into_response().status().as_u16(), |_| 200)
    }

    #[test]
    fn events_are_split_and_not_looked_into() {
        let body = br#" {"events" : [ {"a":1,"a":2} , [[1]] , "x", 1e999 ] } "#;
        assert_eq!(items(body).unwrap(), [r#"{"a":1,"a":2}"#, "[[1]]", r#""x""#, "1e999"]);
        let escaped = br#"{"\u0065vents":[1]}"#;
        assert_eq!(items(escaped).unwrap(), ["1"]);
    }

    #[test]
    fn data_is_the_producers_own_bytes() {
        let of = |text: &'static str| data(&Bytes::from_static(text.as_bytes()));
        let event = r#" {"type":"x", "data" : { "b":1.0 ,"data":{"\u00e9" :2}} , "propertyId":1}"#;
        assert_eq!(of(event).unwrap(), r#"{ "b":1.0 ,"data":{"\u00e9" :2}}"#);
        assert_eq!(of(r#"{"d\u0061ta":{}}"#).unwrap(), "{}");
        for none in ["{}", "[]", "{", ""] {
            assert_eq!(of(none), None);
        }
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for (body, expected) in [
            (&b""[..], 400),
            (b"{", 400),
            (b"{\"events\":[1]", 400),
            (b"{\"events\":[1]}x", 400),
            (b"\xff", 400),
            ("\u{feff}{\"events\":[1]}".as_bytes(), 400),
            (br#"{"events":[1],"events":[1]}"#, 400),
            (br#"{"events":[1],"x":1}"#, 422),
            (br#"{"events":{}}"#, 422),
            (br#"{"events":null}"#, 422),
            (br#"{"events":[]}"#, 422),
            (b"{}", 422),
            (b"[1]", 422),
            (b"\"events\"", 422),
            (b"7", 422),
            (b"null", 422),
        ] {
            assert_eq!(status(body), expected, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"events\":[{}{}]}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(items(deep.as_bytes()).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_or_refused(text in r#"\{"events":[\[\]{}",:\\u0-9a ]{0,40}|.{0,40}"#) {
            let _ = items(text.as_bytes());
        }

        #[test]
        fn as_many_as_there_are(count in 1_usize..2_000) {
            let body = format!("{{\"events\":[{}]}}", vec!["{}"; count].join(","));
            prop_assert_eq!(items(body.as_bytes()).is_ok(), count <= MOST_EVENTS);
        }
    }
}
