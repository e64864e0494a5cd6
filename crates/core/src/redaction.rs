//! What of an event's data a subscriber may see under the `nowistay` profile.
//!
//! Of a booking only what an allow-list names leaves; of anything else, what bears no
//! sensitive name. Sensitive names leave at no depth, whatever the list says.

use crate::allow_list::Branch;
use crate::sensitive::{is_sensitive, is_spelling_of};
use crate::{AllowList, EventType, Json, Members};

/// Data as a subscriber may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Redacted {
    /// What is left.
    pub data: Json,
    /// Whether custom parameters were found, left in or not. Where none were, the choice
    /// makes no difference.
    pub met_custom_parameters: bool,
}

/// Redacts the data of an event by an allow-list. Of `booking.*` events `data` is an object with the member
/// `booking` alone, or with none where there is no booking in it; of others what
/// [`redact_names`] leaves.
pub fn redact(kind: &EventType, data: &Json, custom_parameters: bool, allowed: &AllowList) -> Redacted {
    if !kind.as_str().starts_with("booking.") {
        return redact_names(data, custom_parameters);
    }
    let mut redaction = Redaction { custom_parameters, met_custom_parameters: false };
    let booking = data.get("booking").and_then(|booking| redaction.pick(booking, allowed.root()));
    redaction.left(Json::object(booking.map(|booking| ("booking", booking))))
}

/// Takes what bears a sensitive name out of the data of an event, at any depth, and custom
/// parameters where they are not wanted.
pub fn redact_names(data: &Json, custom_parameters: bool) -> Redacted {
    let mut redaction = Redaction { custom_parameters, met_custom_parameters: false };
    // Only an entry of a list can be refused as a whole; data is an object by contract.
    let left = redaction.scrub(data, Place::Elsewhere).unwrap_or_else(|| Json::Object(Members::default()));
    redaction.left(left)
}

struct Redaction {
    custom_parameters: bool,
    met_custom_parameters: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    CustomParameters,
    Elsewhere,
}

impl Redaction {
    fn left(self, data: Json) -> Redacted {
        Redacted { data, met_custom_parameters: self.met_custom_parameters }
    }

    /// What the branch allows of a value; nothing where the value has no members to choose from.
    fn pick(&mut self, json: &Json, branch: &Branch) -> Option<Json> {
        match json {
            Json::Object(members) => {
                Some(Json::Object(members.filter_map(|name, value| match branch.get(name)? {
                    Some(below) => self.pick(value, below),
                    None => self.member(name, value, Place::Elsewhere),
                })))
            }
            Json::Array(items) => {
                Some(Json::Array(items.iter().filter_map(|item| self.pick(item, branch)).collect()))
            }
            _ => None,
        }
    }

    /// A member whose name is not sensitive.
    fn member(&mut self, name: &str, value: &Json, place: Place) -> Option<Json> {
        if !is_spelling_of(name, "customparameters") {
            return self.scrub(value, place);
        }
        self.met_custom_parameters = true;
        if self.custom_parameters { self.scrub(value, Place::CustomParameters) } else { None }
    }

    /// The value without anything sensitive; nothing where it is sensitive as a whole.
    fn scrub(&mut self, json: &Json, place: Place) -> Option<Json> {
        match json {
            Json::Object(members) if is_sensitive_entry(members, place) => None,
            Json::Object(members) => Some(Json::Object(members.filter_map(|name, value| {
                if is_sensitive(name) { None } else { self.member(name, value, place) }
            }))),
            Json::Array(items) => {
                Some(Json::Array(items.iter().filter_map(|item| self.scrub(item, place)).collect()))
            }
            scalar => Some(scalar.clone()),
        }
    }
}

/// Members that name what an entry such as `{"label": "Guest e-mail", "value": …}` holds.
const NAMING: &[&str] = &[
    "name",
    "key",
    "label",
    "title",
    "field",
    "fieldname",
    "id",
    "code",
    "slug",
    "type",
    "question",
    "parameter",
];
/// Members that hold it.
const HOLDING: &[&str] = &["value", "values", "answer", "content", "data", "text"];

/// Whether an object is an entry for something sensitive. Among custom parameters the name
/// suffices; elsewhere a value must stand beside it, so that a channel called "Mail" stays.
fn is_sensitive_entry(members: &Members, place: Place) -> bool {
    let holds = holds_value(members);
    if place == Place::Elsewhere && !holds {
        return false;
    }
    // The name may stand one object deeper: {"parameter": {"name": "Guest e-mail"}, "value": …}.
    let described = |value: &Json| {
        value.as_object().is_some_and(|inner| !holds_value(inner) && has_sensitive_label(inner))
    };
    has_sensitive_label(members) || (holds && members.iter().any(|(_, value)| described(value)))
}

fn has_sensitive_label(members: &Members) -> bool {
    let is_label = |name: &str| NAMING.iter().any(|naming| is_spelling_of(name, naming));
    members
        .iter()
        .any(|(name, value)| value.as_str().is_some_and(|text| is_label(name) && is_sensitive(text)))
}

fn holds_value(members: &Members) -> bool {
    members.iter().any(|(name, _)| HOLDING.iter().any(|holding| is_spelling_of(name, holding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(kind: &str, data: &str, custom: bool) -> String {
        let kind = EventType::parse(kind).unwrap();
        let data = Json::parse(data.as_bytes(), 64).unwrap();
        let data = redact(&kind, &data, custom, &AllowList::default()).data;
        String::from_utf8(data.to_stable_bytes()).unwrap()
    }

    #[test]
    fn bookings_keep_the_included_set_alone() {
        let data = r#"{"booking":{"id":9001,"propertyId":101,"arrival":"2026-07-14","guest":{"firstName":"Maya",
            "lastName":"M.","email":"m@example.com","phone":"+331","birthDate":"2000-01-01"},"adults":2,"children":1,
            "amounts":{"amount":"620.00","currency":"EUR","cityTax":"4.20","billing_address":"x"},"notes":"secret",
            "identity":{"status":"verified","documentNumber":"X1"},"smartLockCode":"4711","city":"Nice"},
            "previous":{"status":"pending"}}"#;
        assert_eq!(
            redacted("booking.updated", data, false),
            r#"{"booking":{"id":9001,"propertyId":101,"arrival":"2026-07-14","guest":{"firstName":"Maya","lastName":"M."},"adults":2,"children":1,"amounts":{"amount":"620.00","currency":"EUR","cityTax":"4.20"},"identity":{"status":"verified"}}}"#
        );
    }

    #[test]
    fn custom_parameters_leave_only_where_they_are_wanted() {
        let data = r#"{"booking":{"id":1,"customParameters":{"Parking":"yes","Guest e-mail":"a@b.c",
            "deep":{"door_code":"1","floor":2}}}}"#;
        assert_eq!(redacted("booking.created", data, false), r#"{"booking":{"id":1}}"#);
        assert_eq!(
            redacted("booking.created", data, true),
            r#"{"booking":{"id":1,"customParameters":{"Parking":"yes","deep":{"floor":2}}}}"#
        );
    }

    #[test]
    fn entries_with_sensitive_labels_leave_nowhere() {
        let data = r#"{"booking":{"customParameters":[{"name":"Guest e-mail","value":"LEAK"},{"key":"zip","value":"LEAK"},
            {"Label":"Smart-lock code","answers":["LEAK"]},{"parameter":{"name":"phone"},"value":"LEAK"},
            {"name":"Parking","value":"B2"},{"wrapped":[{"title":"City","text":"LEAK"}]}]}}"#;
        assert_eq!(
            redacted("booking.created", data, true),
            r#"{"booking":{"customParameters":[{"name":"Parking","value":"B2"},{"wrapped":[]}]}}"#
        );
        let data = r#"{"order":{"fields":[{"name":"email","value":"LEAK"}],"channel":{"name":"Mail"},
            "lines":[{"name":"City tax","value":3}]}}"#;
        assert_eq!(
            redacted("order.created", data, false),
            r#"{"order":{"fields":[],"channel":{"name":"Mail"},"lines":[{"name":"City tax","value":3}]}}"#
        );
    }

    #[test]
    fn other_events_lose_sensitive_names_alone() {
        let data =
            r#"{"id":"cust_1","name":"Jane","contact":{"E_MAIL":"x","age":3},"custom_parameters":{"a":1}}"#;
        assert_eq!(
            redacted("customer.created", data, false),
            r#"{"id":"cust_1","name":"Jane","contact":{"age":3}}"#
        );
    }

    #[test]
    fn data_without_a_booking_leaves_nothing() {
        for data in [r#"{"id":1,"email":"x"}"#, r#"{"booking":"x@y.z"}"#, r#"{"booking":null}"#, "[1]", "7"] {
            assert_eq!(redacted("booking.created", data, true), "{}", "{data}");
        }
    }

    #[test]
    fn paths_pass_through_arrays() {
        let kind = EventType::parse("booking.created").unwrap();
        let allowed = AllowList::new(["rooms.name"]).unwrap();
        let data =
            Json::parse(br#"{"booking":{"rooms":[{"name":"A","x":1},"y",[{"name":"B"}]]}}"#, 64).unwrap();
        let data = redact(&kind, &data, false, &allowed).data;
        assert_eq!(data.to_stable_bytes(), br#"{"booking":{"rooms":[{"name":"A"},[{"name":"B"}]]}}"#);
    }
}
