//! The body of a request under the `nowistay` profile, byte for byte as the reference shows it.

use bytes::Bytes;

use crate::decimal::Decimal;
use crate::json::write_text;
use crate::redaction::redact;
use crate::{AllowList, BookingId, EventId, EventType, Json, PropertyId, UnixMs};

/// The version of the body's shape, which receivers find in `apiVersion`.
pub const API_VERSION: &str = "2026-05-27";

/// What the body tells of an event besides its data.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// `id`
    pub id: EventId,
    /// `type`
    pub kind: &'a EventType,
    /// `createdAt`, written in whole seconds.
    pub created_at: UnixMs,
    /// `propertyId`
    pub property: PropertyId,
    /// `bookingId`, left out where there is none.
    pub booking: Option<&'a BookingId>,
}

/// A body, composed once and sent in every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The bytes that are stored, signed and sent.
    pub body: Bytes,
    /// Whether the data holds custom parameters. Where it does not, the bodies with and
    /// without them are equal bytes, and need to be composed and stored once only.
    pub has_custom_parameters: bool,
}

/// Composes the body of an event for webhooks that want custom parameters, or for those that
/// do not. The bytes are stable: see [`Json::write_stable`].
pub fn compose(
    envelope: &Envelope<'_>,
    data: &Json,
    include_custom_parameters: bool,
    allowed: &AllowList,
) -> Composed {
    let redacted = redact(envelope.kind, data, include_custom_parameters, allowed);
    let mut out = Vec::with_capacity(1024);
    write_head(envelope, &mut out);
    redacted.data.write_stable(&mut out);
    out.push(b'}');
    Composed { body: out.into(), has_custom_parameters: redacted.met_custom_parameters }
}

fn write_head(envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    write_text(&envelope.id.to_string(), out);
    out.extend_from_slice(b",\"type\":");
    write_text(envelope.kind.as_str(), out);
    out.extend_from_slice(b",\"createdAt\":");
    write_text(&envelope.created_at.rfc3339_seconds(), out);
    out.extend_from_slice(b",\"apiVersion\":");
    write_text(API_VERSION, out);
    out.extend_from_slice(b",\"propertyId\":");
    out.extend_from_slice(Decimal::new(envelope.property.get()).as_bytes());
    match envelope.booking {
        None => {}
        Some(BookingId::Number(number)) => {
            out.extend_from_slice(b",\"bookingId\":");
            out.extend_from_slice(Decimal::new(*number).as_bytes());
        }
        Some(BookingId::Text(text)) => {
            out.extend_from_slice(b",\"bookingId\":");
            write_text(text, out);
        }
    }
    out.extend_from_slice(b",\"data\":");
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKING: &str = r#"{
      "booking": {
        "id": 9001,
        "propertyId": 101,
        "arrival": "2026-07-14",
        "departure": "2026-07-18",
        "status": "confirmed",
        "channel": "airbnb",
        "reservationNumber": "HMABCDE",
        "guest": { "firstName": "Maya", "lastName": "M." },
        "amounts": { "amount": "620.00", "currency": "EUR" },
        "identity": { "status": "verified" }
      }
    }"#;

    fn composed(kind: &str, booking: Option<&BookingId>, data: &str, custom: bool) -> Composed {
        let kind = EventType::parse(kind).unwrap();
        let id = EventId::parse("evt_AZ5qRS3gcACAAAAAAAAAKg").unwrap();
        let property = PropertyId::new(101).unwrap();
        let envelope = Envelope { id, kind: &kind, created_at: UnixMs(1_779_900_000_987), property, booking };
        let data = Json::parse(data.as_bytes(), 64).unwrap();
        compose(&envelope, &data, custom, &AllowList::default())
    }

    #[test]
    fn the_reference_example_is_met_byte_for_byte() {
        let body = composed("booking.updated", Some(&BookingId::Number(9001)), BOOKING, false).body;
        assert_eq!(
            str::from_utf8(&body).unwrap(),
            concat!(
                r#"{"id":"evt_AZ5qRS3gcACAAAAAAAAAKg","type":"booking.updated","createdAt":"2026-05-27T16:40:00Z","#,
                r#""apiVersion":"2026-05-27","propertyId":101,"bookingId":9001,"data":{"booking":{"id":9001,"#,
                r#""propertyId":101,"arrival":"2026-07-14","departure":"2026-07-18","status":"confirmed","#,
                r#""channel":"airbnb","reservationNumber":"HMABCDE","guest":{"firstName":"Maya","lastName":"M."},"#,
                r#""amounts":{"amount":"620.00","currency":"EUR"},"identity":{"status":"verified"}}}}"#
            )
        );
    }

    #[test]
    fn booking_ids_are_numbers_texts_or_absent() {
        let body = |booking| {
            let body = composed("order.created", booking, "{}", false).body;
            str::from_utf8(&body).unwrap().split_once("\"propertyId\":101,").unwrap().1.to_owned()
        };
        assert_eq!(body(None), r#""data":{}}"#);
        assert_eq!(body(Some(&BookingId::Number(-7))), r#""bookingId":-7,"data":{}}"#);
        assert_eq!(body(Some(&BookingId::text("b\"1").unwrap())), r#""bookingId":"b\"1","data":{}}"#);
    }

    #[test]
    fn bodies_tell_whether_custom_parameters_matter() {
        let plain = composed("booking.updated", None, BOOKING, true);
        assert!(!plain.has_custom_parameters);
        assert_eq!(plain, composed("booking.updated", None, BOOKING, false));
        let data = r#"{"booking":{"id":1,"customParameters":{"Parking":"B2"}}}"#;
        let (with, without) =
            (composed("booking.updated", None, data, true), composed("booking.updated", None, data, false));
        assert!(with.has_custom_parameters && without.has_custom_parameters);
        assert_ne!(with.body, without.body);
    }
}
