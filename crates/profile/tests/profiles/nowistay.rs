//! The request of the `nowistay` profile, every byte of it.

use proptest::prelude::*;
use stayhook_core::{
    AllowList, BookingId, Envelope, EventType, Json, PropertyId, UnixMs, UrlRules, WebhookId, compose,
};
use stayhook_profile::{EventFacts, Preview};

use crate::arbitrary;
use crate::sample::{ATTEMPT, Sample, profile, secret};

/// The example of `nowistay.txt`, as a producer may have spaced it, with members that must not leave.
const DATA: &str = r#"{
  "booking": {
    "id": 9001, "propertyId": 101, "arrival": "2026-07-14", "departure": "2026-07-18",
    "status": "confirmed", "channel": "airbnb", "reservationNumber": "HMABCDE",
    "guest": { "firstName": "Maya", "lastName": "M.", "email": "maya@example.com" },
    "amounts": { "amount": "620.00", "currency": "EUR" },
    "identity": { "status": "verified" }, "smartLockCode": "4711"
  }
}"#;

/// "Step 2. Receive your first event": the headers in the document's order, then its body without
/// the spaces, in the order of its members. The signature was made with OpenSSL's command line.
const REQUEST: &str = concat!(
    "POST /nowistay/webhooks HTTP/1.1\r\n",
    "Host: partner.example.com\r\n",
    "Content-Type: application/json\r\n",
    "User-Agent: Nowistay-Webhooks/1.0\r\n",
    "Nowistay-Webhook-Id: 801\r\n",
    "Nowistay-Webhook-Event-Id: evt_AZ5qRS3gcACAAAAAAAAAKg\r\n",
    "Nowistay-Webhook-Event-Type: booking.updated\r\n",
    "Nowistay-Webhook-Timestamp: 1779292800\r\n",
    "Nowistay-Webhook-Signature: v1=226fb64c7c836b42c2e81c55fb3aceadcf823aa6be2be53849a8a8f950e98e23\r\n",
    "X-Request-Id: 3b1bf0ab-0dea-8e7b-b75d-23c98879bd4c\r\n",
    "Accept: */*\r\n",
    "Content-Length: 446\r\n",
    "\r\n",
    r#"{"id":"evt_AZ5qRS3gcACAAAAAAAAAKg","type":"booking.updated","createdAt":"2026-05-27T16:40:00Z","#,
    r#""apiVersion":"2026-05-27","propertyId":101,"bookingId":9001,"data":{"booking":{"id":9001,"#,
    r#""propertyId":101,"arrival":"2026-07-14","departure":"2026-07-18","status":"confirmed","#,
    r#""channel":"airbnb","reservationNumber":"HMABCDE","guest":{"firstName":"Maya","lastName":"M."},"#,
    r#""amounts":{"amount":"620.00","currency":"EUR"},"identity":{"status":"verified"}}}}"#
);

#[test]
fn every_byte_of_the_request_is_the_documents() {
    let sample = Sample::new("booking.updated", Some(BookingId::Number(9001)), DATA);
    let preview = Preview {
        url: None,
        rules: &UrlRules::default(),
        webhook: WebhookId(801),
        secret: &secret(),
        now: ATTEMPT,
        facts: sample.facts(),
        data: &sample.data,
        raw: sample.raw.as_bytes(),
        include_custom_parameters: false,
        authorization: None,
    };
    assert_eq!(profile("nowistay").preview(&preview).unwrap(), REQUEST);
}

fn bookings() -> impl Strategy<Value = Option<BookingId>> {
    prop_oneof![
        Just(None),
        (-9_007_199_254_740_991_i64..9_007_199_254_740_991)
            .prop_map(|number| Some(BookingId::Number(number))),
        "\\PC{1,12}".prop_map(|text| BookingId::text(&text).ok()),
    ]
}

proptest! {
    /// The profile's file says what `stayhook_core::compose` does.
    #[test]
    fn the_file_makes_the_bodies_that_core_makes(
        text in arbitrary::object_text(),
        booking in bookings(),
        kind in prop::sample::select(&["booking.created", "booking.updated", "order.created"][..]),
        (nested, custom) in any::<(bool, bool)>(),
        (property, at) in (1_i64..1 << 53, -62_135_596_800_000_i64..253_402_300_800_000),
    ) {
        let Ok(mut data) = Json::parse(text.as_bytes(), 64) else { return Ok(()) };
        if nested {
            data = Json::object([("booking", Json::object([("amounts", data)]))]);
        }
        let kind = EventType::parse(kind).unwrap();
        let property = PropertyId::new(property).unwrap();
        let (created_at, booking) = (UnixMs(at), booking.as_ref());
        let id = Sample::new("a", None, "{}").id;
        let facts = EventFacts { id, kind: &kind, created_at, property, booking };
        let ours = profile("nowistay").compose(&facts, &data, text.as_bytes(), custom);
        let envelope = Envelope { id, kind: &kind, created_at, property, booking };
        let cores = compose(&envelope, &data, custom, &AllowList::default());
        prop_assert_eq!(ours.body, cores.body);
        prop_assert_eq!(ours.has_custom_parameters, cores.has_custom_parameters);
    }
}
