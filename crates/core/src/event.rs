//! Something that happened to a booking, as an internal service reports it.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{BookingId, ClientId, EventType, Json, PropertyId, UnixMs};

/// An event that an internal service asks to have delivered.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Who reports it.
    pub client: ClientId,
    /// What happened.
    pub kind: EventType,
    /// At which property.
    pub property: PropertyId,
    /// To which booking.
    pub booking: Option<BookingId>,
    /// The details: an object.
    pub data: Json,
    /// The bytes of `data` as the producer wrote them, for profiles that send them untouched; where
    /// there are none, those of [`Json::to_stable_bytes`] take their place.
    pub raw: Option<Bytes>,
    /// When it happened, where that is not the moment of acceptance.
    pub created_at: Option<UnixMs>,
    /// Makes a repeated report harmless.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The client whose action caused it, for webhooks that do not want to hear themselves.
    pub origin: Option<ClientId>,
}

/// A producer's own name for a report: 1 to 255 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The key is empty, too long, or holds control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a text of 1 to {} characters without control characters", IdempotencyKey::MOST)]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The most characters it may have.
    pub const MOST: usize = 255;

    /// A key from its text.
    ///
    /// # Errors
    /// When it is empty, too long, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = !text.is_empty() && text.chars().count() <= Self::MOST;
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NewEvent {
    /// What the same key must come with again: type, property, booking and data. Two
    /// spellings of the same data (spaces, `90.00` for `90`, another order of members) are the
    /// same content.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut bytes = Vec::with_capacity(1_024);
        bytes.extend_from_slice(self.kind.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.property.get().to_be_bytes());
        match &self.booking {
            None => bytes.push(0),
            Some(BookingId::Number(number)) => {
                bytes.push(1);
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Some(BookingId::Text(text)) => {
                bytes.push(2);
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(0);
            }
        }
        self.data.write_sorted(&mut bytes);
        Sha256::digest(&bytes).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> NewEvent {
        NewEvent {
            client: ClientId::parse("bookings").unwrap(),
            kind: EventType::parse("booking.created").unwrap(),
            property: PropertyId::new(101).unwrap(),
            booking: None,
            data: Json::parse(data.as_bytes(), 64).unwrap(),
            raw: None,
            created_at: None,
            idempotency_key: None,
            origin: None,
        }
    }

    #[test]
    fn spelling_does_not_change_the_content() {
        assert_eq!(event(r#"{"a": 90.00}"#).content_hash(), event(r#"{"a":90}"#).content_hash());
        assert_ne!(event(r#"{"a":90}"#).content_hash(), event(r#"{"a":91}"#).content_hash());
        let ordered = event(r#"{"a":{"c":[{"x":1,"y":2}],"d":0},"b":null}"#).content_hash();
        assert_eq!(ordered, event(r#"{"b":null,"a":{"d":0,"c":[{"y":2,"x":1}]}}"#).content_hash());
        assert_ne!(ordered, event(r#"{"a":{"c":[{"x":2,"y":1}],"d":0},"b":null}"#).content_hash());
        assert_ne!(event(r#"{"a":[1,2]}"#).content_hash(), event(r#"{"a":[2,1]}"#).content_hash());
    }

    #[test]
    fn booking_number_and_text_are_different_content() {
        let with = |booking| NewEvent { booking: Some(booking), ..event("{}") }.content_hash();
        assert_ne!(with(BookingId::Number(1)), with(BookingId::Text("1".to_owned())));
    }
}
