//! Bodies that cannot be made yet: of a webhook whose profile the configuration does not have.
//!
//! What is needed to make one is stored in its place, so that nothing is lost until the profile
//! is there again. Only then the body is made, before every attempt: the one case in which a
//! later change of the profile counts for an event that was accepted before.

use std::sync::Arc;

use bytes::Bytes;
use stayhook_core::{BookingId, EventId, EventType, JSON_DEPTH_LIMIT, Json, PropertyId, UnixMs};
use stayhook_profile::{EventFacts, Profile};
use stayhook_store::Body;

/// Stands before the name of the profile.
const MARK: char = '?';

/// What stands in the place of a body.
pub(crate) fn put_off(profile: &str, created_at: UnixMs, raw: &[u8], custom_parameters: bool) -> Body {
    let mut bytes = format!("{} {} ", created_at.0, u8::from(custom_parameters)).into_bytes();
    bytes.extend_from_slice(raw);
    Body { profile: format!("{MARK}{profile}").into(), bytes: bytes.into() }
}

/// The name of the profile that a stored name stands for, and whether the body is still to be made.
pub(crate) fn name(stored: &str) -> (&str, bool) {
    stored.strip_prefix(MARK).map_or((stored, false), |name| (name, true))
}

/// What is known of the event besides what was put off.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) id: EventId,
    pub(crate) kind: &'a EventType,
    pub(crate) property: PropertyId,
    pub(crate) booking: Option<&'a BookingId>,
}

/// Makes the body; `None` where what stands in its place is something else.
pub(crate) fn make(profile: &Arc<Profile>, stored: &[u8], known: Known<'_>) -> Option<Bytes> {
    let text = str::from_utf8(stored).ok()?;
    let (created_at, rest) = text.split_once(' ')?;
    let (custom_parameters, raw) = rest.split_once(' ')?;
    let created_at = UnixMs(created_at.parse().ok()?);
    let data = Json::parse(raw.as_bytes(), JSON_DEPTH_LIMIT + 1).ok()?;
    let Known { id, kind, property, booking } = known;
    let facts = EventFacts { id, kind, created_at, property, booking };
    Some(profile.compose(&facts, &data, raw.as_bytes(), custom_parameters == "1").body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProfileSet;

    #[test]
    fn a_body_that_was_put_off_is_the_one_that_would_have_been_made() {
        let set = ProfileSet::built_in().unwrap();
        let kind = EventType::parse("booking.created").unwrap();
        let (id, property) = (EventId::new(UnixMs(5), 1), PropertyId::new(101).unwrap());
        let known = Known { id, kind: &kind, property, booking: None };
        let raw = br#"{ "booking": {"id": 1.0, "customParameters": {"a": 1}} }"#;
        let data = Json::parse(raw, 64).unwrap();
        let facts = EventFacts { id, kind: &kind, created_at: UnixMs(7_000), property, booking: None };
        for profile in set.all().iter() {
            for custom in [true, false] {
                let body = put_off(profile.name(), UnixMs(7_000), raw, custom);
                assert_eq!(name(&body.profile), (profile.name(), true));
                let made = make(profile, &body.bytes, known).unwrap();
                assert_eq!(made, profile.compose(&facts, &data, raw, custom).body);
            }
        }
    }

    #[test]
    fn anything_else_is_no_body_that_was_put_off() {
        let set = ProfileSet::built_in().unwrap();
        let profile = set.all().get("nowistay").unwrap();
        let kind = EventType::parse("x").unwrap();
        let (id, property) = (EventId::new(UnixMs(5), 1), PropertyId::new(1).unwrap());
        for other in [&b""[..], b"1", b"1 1", b"x 1 {}", b"1 1 {", b"\xff"] {
            assert_eq!(make(profile, other, Known { id, kind: &kind, property, booking: None }), None);
        }
        assert_eq!(name("nowistay"), ("nowistay", false));
    }
}
