//! One event, and what a profile makes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use stayhook_core::{
    BookingId, DeliveryId, EventId, EventType, Json, PropertyId, SigningSecret, UnixMs, WebhookId,
};
use stayhook_profile::{Attempt, Composed, EventFacts, Profile, Profiles};

/// The secret of `nowistay.txt`.
pub(crate) const SECRET: &str = "whsec_9npwH6J8QyZp1L8U3xqG7sN2";
/// The moment of the attempt in `nowistay.txt`.
pub(crate) const ATTEMPT: UnixMs = UnixMs(1_779_292_800_000);
/// The moment of its event.
const CREATED: UnixMs = UnixMs(1_779_900_000_000);

/// An event as its producer reports it.
pub(crate) struct Sample {
    pub(crate) id: EventId,
    pub(crate) kind: EventType,
    pub(crate) property: PropertyId,
    pub(crate) booking: Option<BookingId>,
    pub(crate) raw: String,
    pub(crate) data: Json,
}

impl Sample {
    pub(crate) fn new(kind: &str, booking: Option<BookingId>, raw: &str) -> Self {
        Self {
            id: EventId::parse("evt_AZ5qRS3gcACAAAAAAAAAKg").unwrap(),
            kind: EventType::parse(kind).unwrap(),
            property: PropertyId::new(101).unwrap(),
            booking,
            raw: raw.to_owned(),
            data: Json::parse(raw.as_bytes(), 64).unwrap(),
        }
    }

    pub(crate) fn facts(&self) -> EventFacts<'_> {
        EventFacts {
            id: self.id,
            kind: &self.kind,
            created_at: CREATED,
            property: self.property,
            booking: self.booking.as_ref(),
        }
    }

    pub(crate) fn compose(&self, profile: &Profile) -> Composed {
        profile.compose(&self.facts(), &self.data, self.raw.as_bytes(), false)
    }

    pub(crate) fn attempt<'a>(&'a self, body: &'a [u8]) -> Attempt<'a> {
        Attempt {
            delivery: DeliveryId { event: self.id, webhook: WebhookId(801) },
            number: 1,
            kind: &self.kind,
            property: self.property,
            now: ATTEMPT,
            body,
            authorization: None,
        }
    }
}

pub(crate) fn secret() -> SigningSecret {
    SigningSecret::parse(SECRET).unwrap()
}

pub(crate) fn built_in() -> Profiles {
    Profiles::new(BTreeMap::new()).unwrap()
}

pub(crate) fn profile(name: &str) -> Arc<Profile> {
    Arc::clone(built_in().get(name).unwrap())
}

/// The profile `mine` of a configuration.
pub(crate) fn mine(text: &str) -> Arc<Profile> {
    let (profiles, _) = Profiles::read_file("mine.toml", "mine", text).unwrap();
    Arc::clone(profiles.get("mine").unwrap())
}

/// The value of a header; empty where there is none.
pub(crate) fn header<'a>(headers: &'a [(HeaderName, HeaderValue)], name: &str) -> &'a str {
    let mut found = headers.iter().filter(|(own, _)| own.as_str().eq_ignore_ascii_case(name));
    let value = found.next().map_or("", |(_, value)| value.to_str().unwrap());
    assert!(found.next().is_none(), "{name} stands there twice");
    value
}
