//! Values as both databases store them. What is read becomes a domain type or
//! [`StoreError::Corrupt`].

mod sealed;

use std::fmt::Display;
use std::sync::Arc;

use serde_json::Value;
use stayhook_core::{
    BookingId, DisabledReason, End, EventKind, EventType, Failing, JSON_DEPTH_LIMIT, Json, PropertyId,
    Reason, State, Status, UnixMs, WebhookId,
};

pub(crate) use self::sealed::{StoredWebhook, reseal, seal, seal_credentials, seal_secret};
use crate::{Body, NewRow, PropertyScope, StoreError};

/// What a row is called when a value in it is not valid.
#[derive(Clone, Copy)]
pub(crate) struct Name<K>(pub(crate) &'static str, pub(crate) K);

impl<K: Display> Name<K> {
    /// The value, or that this column does not hold one.
    pub(crate) fn valid<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(column))
    }

    /// This column does not hold what the schema promises.
    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt { table: self.0, column, row: self.1.to_string() }
    }
}

/// A booking as it is stored: JSON, so that `9001` and `"9001"` stay apart.
pub(crate) fn booking_text(booking: &BookingId) -> String {
    match booking {
        BookingId::Number(number) => number.to_string(),
        BookingId::Text(text) => Value::from(text.as_str()).to_string(),
    }
}

/// A booking from its stored form.
pub(crate) fn parse_booking(text: &str) -> Option<BookingId> {
    if text.starts_with('"') {
        BookingId::text(&serde_json::from_str::<String>(text).ok()?).ok()
    } else {
        BookingId::number(text.parse().ok()?).ok()
    }
}

/// The profile of bodies about which nothing is stored.
const USUAL_PROFILE: &str = "nowistay";

/// The profiles of an event's bodies, as they are stored: nothing where all are the usual one.
pub(crate) fn profiles_text(bodies: &[Body]) -> Option<String> {
    let usual = bodies.iter().all(|body| &*body.profile == USUAL_PROFILE);
    (!usual).then(|| bodies.iter().map(|body| &*body.profile).collect::<Vec<_>>().join(" "))
}

/// The profile of the body of this number; `None` where the column does not have it.
pub(crate) fn parse_profile(text: Option<&str>, number: u8) -> Option<Arc<str>> {
    let Some(text) = text else { return Some(USUAL_PROFILE.into()) };
    text.split(' ').nth(number.into()).filter(|name| !name.is_empty()).map(Arc::from)
}

/// What deliveries of one webhook must share for a newer one to take the place of an older one.
/// Events of no booking have nothing to be compared by.
pub(crate) fn gathered_text(event: &NewRow) -> Option<String> {
    event.booking.as_ref().map(|booking| format!("{} {}", event.kind, booking_text(booking)))
}

/// How a delivery ended, as its two columns say it: state and reason.
pub(crate) fn final_columns(state: State) -> (&'static str, Option<&'static str>) {
    (state.as_str(), state.reason().map(Reason::as_str))
}

/// How a delivery ended; `None` where the columns contradict each other.
pub(crate) fn parse_final(state: &str, reason: Option<&str>) -> Option<State> {
    let reason = match reason {
        None => return (state == State::Delivered.as_str()).then_some(State::Delivered),
        Some(reason) => Reason::parse(reason)?,
    };
    [End::Cancelled(reason), End::Expired(reason), End::Skipped(reason)]
        .into_iter()
        .map(State::Ended)
        .find(|it| it.as_str() == state)
}

/// What stands in the place of an administrator's words where the receiver wants nothing more.
pub(crate) const GONE: &str = "gone";

/// A status from its columns in `webhooks`, and the run of failures from those in `lanes`.
pub(crate) fn parse_status(
    name: &Name<WebhookId>,
    status: &str,
    since: Option<UnixMs>,
    words: Option<String>,
    run: Option<(UnixMs, UnixMs)>,
) -> Result<Status, StoreError> {
    match status {
        "active" => Ok(Status::Active { failing: run.map(|(since, last)| Failing { since, last }) }),
        "paused" => Ok(Status::Paused { since: name.valid("status_since", since)? }),
        "disabled" => {
            let reason = match words {
                None => DisabledReason::Failing,
                Some(words) if words == GONE => DisabledReason::Gone,
                Some(words) => DisabledReason::Admin(words),
            };
            Ok(Status::Disabled { at: name.valid("status_since", since)?, reason })
        }
        _ => Err(name.corrupt("status")),
    }
}

/// A status in the columns of `webhooks`: name, since when, an administrator's words.
pub(crate) fn status_columns(status: &Status) -> (&'static str, Option<i64>, Option<&str>) {
    let (since, words) = match status {
        Status::Active { .. } => (None, None),
        Status::Paused { since } => (Some(since.0), None),
        Status::Disabled { at, reason: DisabledReason::Failing } => (Some(at.0), None),
        Status::Disabled { at, reason: DisabledReason::Gone } => (Some(at.0), Some(GONE)),
        Status::Disabled { at, reason: DisabledReason::Admin(words) } => (Some(at.0), Some(words.as_str())),
    };
    (status.as_str(), since, words)
}

/// A list of texts as JSON.
pub(crate) fn list_text<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    Value::from_iter(texts).to_string()
}

/// What stands for every property.
const ALL: &str = "all";

/// Properties as JSON: "all" or their numbers.
pub(crate) fn properties_text(properties: &PropertyScope) -> String {
    match properties {
        PropertyScope::All => Value::from(ALL).to_string(),
        PropertyScope::Only(list) => Value::from_iter(list.iter().map(|it| it.get())).to_string(),
    }
}

/// Properties from their stored form.
pub(crate) fn parse_properties(text: &str) -> Option<PropertyScope> {
    match serde_json::from_str(text).ok()? {
        Value::String(all) if all == ALL => Some(PropertyScope::All),
        Value::Array(list) => {
            let properties = list.iter().map(|it| PropertyId::new(it.as_i64()?).ok());
            let mut properties: Vec<PropertyId> = properties.collect::<Option<_>>()?;
            properties.sort_unstable();
            Some(PropertyScope::Only(properties))
        }
        _ => None,
    }
}

/// A JSON Schema as it is stored.
pub(crate) fn schema_text(kind: &EventKind) -> Option<String> {
    kind.schema.as_ref().and_then(|it| String::from_utf8(it.to_stable_bytes()).ok())
}

/// An event type from its columns in `event_types`.
pub(crate) fn parse_event_type(
    name: &str,
    label: String,
    description: String,
    schema: Option<&str>,
) -> Result<EventKind, StoreError> {
    let row = Name("event_types", name);
    let schema = schema.map(|it| row.valid("schema", Json::parse(it.as_bytes(), JSON_DEPTH_LIMIT).ok()));
    let kind = row.valid("name", EventType::parse(name).ok())?;
    Ok(EventKind { name: kind, label, description, schema: schema.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_booking_keeps_its_type() {
        for booking in [BookingId::Number(9001), BookingId::Text("9001".to_owned())] {
            assert_eq!(parse_booking(&booking_text(&booking)), Some(booking));
        }
    }

    #[test]
    fn every_end_reads_back() {
        for reason in Reason::ALL {
            for end in [End::Cancelled(reason), End::Expired(reason), End::Skipped(reason)] {
                let (state, reason) = final_columns(State::Ended(end));
                assert_eq!(parse_final(state, reason), Some(State::Ended(end)));
            }
        }
        assert_eq!(parse_final("delivered", None), Some(State::Delivered));
        assert_eq!(parse_final("delivered", Some("retention")), None);
        assert_eq!(parse_final("cancelled", None), None);
        assert_eq!(parse_final("pending", Some("retention")), None);
    }

    proptest! {
        #[test]
        fn bookings_read_back(text in "\\PC{1,64}") {
            let booking = BookingId::Text(text);
            prop_assert_eq!(parse_booking(&booking_text(&booking)), Some(booking));
        }

        #[test]
        fn reading_bookings_never_panics(text in ".{0,80}") {
            let _ = parse_booking(&text);
        }
    }

    #[test]
    fn properties_read_back() {
        let only =
            |list: &[i64]| PropertyScope::Only(list.iter().map(|it| PropertyId::new(*it).unwrap()).collect());
        for scope in [PropertyScope::All, only(&[]), only(&[101, 102])] {
            assert_eq!(parse_properties(&properties_text(&scope)), Some(scope));
        }
        for wrong in ["", "none", "\"none\"", "[0]", "[\"101\"]", "{}"] {
            assert_eq!(parse_properties(wrong), None, "{wrong}");
        }
    }
}
