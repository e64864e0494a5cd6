//! The names of things: events, deliveries, webhooks, properties, bookings, clients.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::UnixMs;

/// The largest whole number that every JSON reader holds exactly (2⁵³ − 1).
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// Why a value is no valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not `evt_` and 22 URL-safe characters.
    #[error("an event id is `evt_` followed by 22 URL-safe characters")]
    Event,
    /// Not a delivery id.
    #[error("this is not a delivery id")]
    Delivery,
    /// Zero, negative, or too large for JSON.
    #[error("must be a whole number from 1 to 9007199254740991")]
    Number,
    /// Too long, empty, or with control characters.
    #[error("must be a whole number or a text of 1 to 64 characters without control characters")]
    Booking,
    /// Too long, empty, or with control characters.
    #[error("must be a text of 1 to 200 characters without control characters")]
    Client,
}

/// An event: a UUIDv7 (RFC 9562) made by the node that accepts it, so that one value is
/// identity, order of acceptance and moment of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

impl EventId {
    /// An id for an event accepted at `at`. Of `entropy` the low 74 bits are used: the
    /// upper 12 of them order ids within a millisecond, the rest make them unguessable.
    pub fn new(at: UnixMs, entropy: u128) -> Self {
        let ms = u128::from(at.0.clamp(0, (1 << 48) - 1).unsigned_abs());
        let order = (entropy >> 62) & 0xfff;
        let random = entropy & ((1 << 62) - 1);
        Self(ms << 80 | 0x7 << 76 | order << 64 | 0b10 << 62 | random)
    }

    /// The smallest id that an event accepted at `at` can have: a bound for ranges.
    pub fn floor(at: UnixMs) -> Self {
        Self(u128::from(at.0.clamp(0, (1 << 48) - 1).unsigned_abs()) << 80)
    }

    /// When the event was accepted.
    pub fn accepted_at(self) -> UnixMs {
        // 48 bits always fit.
        UnixMs((self.0 >> 80) as i64)
    }

    /// The id as a UUID.
    pub fn as_uuid(self) -> Uuid {
        Uuid::from_u128(self.0)
    }

    /// The id as 16 bytes, in order.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id from 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Reads `evt_…`.
    ///
    /// # Errors
    /// When the text is not one that [`EventId`] prints.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let bytes: [u8; 16] = decode(text, "evt_").ok_or(IdError::Event)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{}", URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One event on its way to one webhook. Opaque outside: `dlv_` and 32 URL-safe characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// What is delivered.
    pub event: EventId,
    /// To whom.
    pub webhook: WebhookId,
}

impl DeliveryId {
    /// Reads `dlv_…`.
    ///
    /// # Errors
    /// When the text is not one that [`DeliveryId`] prints.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let bytes: [u8; 24] = decode(text, "dlv_").ok_or(IdError::Delivery)?;
        let (event, webhook) = bytes.split_first_chunk::<16>().ok_or(IdError::Delivery)?;
        let webhook = <[u8; 8]>::try_from(webhook).map_err(|_| IdError::Delivery)?;
        Ok(Self { event: EventId::from_bytes(*event), webhook: WebhookId(i64::from_be_bytes(webhook)) })
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.event.to_bytes());
        bytes[16..].copy_from_slice(&self.webhook.0.to_be_bytes());
        write!(f, "dlv_{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn decode<const N: usize>(text: &str, prefix: &str) -> Option<[u8; N]> {
    let encoded = text.strip_prefix(prefix)?;
    URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok()
}

/// A webhook: an integer given by the database, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(pub i64);

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A property of the booking platform: a whole number of at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyId(i64);

impl PropertyId {
    /// A property id, where the number may be one.
    ///
    /// # Errors
    /// When it is not from 1 to 2⁵³ − 1.
    pub fn new(number: i64) -> Result<Self, IdError> {
        if (1..=MAX_SAFE_INTEGER).contains(&number) { Ok(Self(number)) } else { Err(IdError::Number) }
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A booking as its platform names it: a whole number or a short text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BookingId {
    /// `9001`
    Number(i64),
    /// `"book_123"`
    Text(String),
}

impl BookingId {
    /// A booking id from a number.
    ///
    /// # Errors
    /// When JSON readers would not hold it exactly.
    pub fn number(number: i64) -> Result<Self, IdError> {
        if number.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() {
            Ok(Self::Number(number))
        } else {
            Err(IdError::Booking)
        }
    }

    /// A booking id from a text.
    ///
    /// # Errors
    /// When it is empty, longer than 64 characters, or holds control characters.
    pub fn text(text: &str) -> Result<Self, IdError> {
        if is_plain(text, 64) { Ok(Self::Text(text.to_owned())) } else { Err(IdError::Booking) }
    }

    /// What the id reads as: the number `9001` and the text `"9001"` name the same booking.
    pub fn key(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// An OAuth client, or the name under which an API token acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// A client id from its text.
    ///
    /// # Errors
    /// When it is empty, longer than 200 characters, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if is_plain(text, 200) { Ok(Self(text.to_owned())) } else { Err(IdError::Client) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn event_ids_look_as_documented() {
        let text = EventId::new(UnixMs(1_779_900_000_000), 42).to_string();
        assert!(text.starts_with("evt_") && text.len() == 4 + 22, "{text}");
        assert_eq!(EventId::parse("evt_short"), Err(IdError::Event));
        assert_eq!(EventId::parse("LkP2sxR9zV8QyW0000000A"), Err(IdError::Event));
    }

    #[test]
    fn the_floor_is_the_moment_alone() {
        let of = |at| EventId::floor(UnixMs(at)).to_bytes();
        let mut bytes = [0; 16];
        assert_eq!((of(0), of(-5)), (bytes, bytes));
        bytes[5] = 1;
        assert_eq!(of(1), bytes);
        let latest = UnixMs((1 << 48) - 1);
        assert_eq!(EventId::floor(UnixMs(i64::MAX)).accepted_at(), latest);
        assert_eq!(EventId::new(UnixMs(i64::MAX), 0).accepted_at(), latest);
    }

    #[test]
    fn entropy_orders_and_hides() {
        let id = |entropy| u128::from_be_bytes(EventId::new(UnixMs(0), entropy).to_bytes());
        assert_eq!(id(0), 0x7 << 76 | 0b10 << 62);
        assert_eq!(id((1 << 74) - 1), 0x7fff << 64 | 0b10 << 62 | ((1 << 62) - 1));
        assert_eq!(id(1 << 74), id(0), "what is beyond 74 bits is not used");
        assert_eq!(id(1 << 62), id(0) + (1 << 64));
    }

    #[test]
    fn names_print_as_they_were_given() {
        assert_eq!(WebhookId(801).to_string(), "801");
        assert_eq!(PropertyId::new(101).unwrap().to_string(), "101");
        assert_eq!(PropertyId::new(101).unwrap().get(), 101);
        let client = ClientId::parse("pms").unwrap();
        assert_eq!((client.as_str(), client.to_string().as_str()), ("pms", "pms"));
        let id = EventId::new(UnixMs(7), 9);
        assert_eq!(format!("{id:?}"), id.to_string());
        assert_eq!(EventId::from_bytes(id.to_bytes()), id);
        assert_eq!(*id.as_uuid().as_bytes(), id.to_bytes());
    }

    #[test]
    fn names_are_bounded() {
        for number in [1, MAX_SAFE_INTEGER] {
            assert_eq!(PropertyId::new(number).map(PropertyId::get), Ok(number));
        }
        for number in [0, -1, MAX_SAFE_INTEGER + 1] {
            assert_eq!(PropertyId::new(number), Err(IdError::Number));
        }
        for (text, fits) in
            [("", false), ("b", true), ("a\tb", false), (&"é".repeat(64), true), (&"b".repeat(65), false)]
        {
            assert_eq!(BookingId::text(text).is_ok(), fits, "{text}");
        }
        for (text, fits) in
            [("", false), ("c", true), ("\u{7f}", false), (&"c".repeat(200), true), (&"c".repeat(201), false)]
        {
            assert_eq!(ClientId::parse(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn a_booking_is_named_by_what_it_reads_as() {
        assert_eq!(BookingId::Number(9001).key(), "9001");
        assert_eq!(BookingId::text("9001").unwrap().key(), "9001");
    }

    #[test]
    fn event_ids_are_version_7_uuids() {
        let uuid = EventId::new(UnixMs(1_779_900_000_000), u128::MAX).as_uuid();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn booking_numbers_must_survive_javascript() {
        assert!(BookingId::number(MAX_SAFE_INTEGER).is_ok());
        assert!(BookingId::number(MAX_SAFE_INTEGER + 1).is_err());
        assert!(BookingId::number(i64::MIN).is_err());
    }

    proptest! {
        #[test]
        fn ids_read_back(ms in 0_i64..1 << 48, entropy: u128, webhook: i64) {
            let event = EventId::new(UnixMs(ms), entropy);
            prop_assert_eq!(event.accepted_at(), UnixMs(ms));
            prop_assert!(EventId::floor(UnixMs(ms)) <= event);
            prop_assert_eq!(EventId::parse(&event.to_string()), Ok(event));
            let delivery = DeliveryId { event, webhook: WebhookId(webhook) };
            prop_assert_eq!(DeliveryId::parse(&delivery.to_string()), Ok(delivery));
        }

        #[test]
        fn ids_keep_the_order_of_acceptance(a in 0_i64..1 << 47, b in 0_i64..1 << 47, x: u128, y: u128) {
            prop_assume!(a < b);
            prop_assert!(EventId::new(UnixMs(a), x) < EventId::new(UnixMs(b), y));
        }

        #[test]
        fn reading_never_panics(text in ".{0,64}") {
            let _ = EventId::parse(&text);
            let _ = DeliveryId::parse(&text);
        }
    }
}
