//! The request of the `nowistay` profile, as `nowistay.txt` ("Receive your first event")
//! shows it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue};
use stayhook_core::{DeliveryId, EventId, EventType, Progress, Signer, UnixMs, request_id};

use crate::registry::Entry;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("nowistay-webhook-id");
const EVENT_ID: HeaderName = HeaderName::from_static("nowistay-webhook-event-id");
const EVENT_TYPE: HeaderName = HeaderName::from_static("nowistay-webhook-event-type");
const TIMESTAMP: HeaderName = HeaderName::from_static("nowistay-webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("nowistay-webhook-signature");
const SIGNATURE_NEXT: HeaderName = HeaderName::from_static("nowistay-webhook-signature-next");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What one attempt says.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) event: EventId,
    pub(crate) kind: &'a EventType,
    /// The exact bytes to send.
    pub(crate) body: &'a Bytes,
    /// From 1.
    pub(crate) attempt: u32,
}

/// The headers of one attempt at `now`, signed with its own timestamp. While a rotation
/// overlaps, the secret that comes next signs the same content in a header of its own.
pub(crate) fn headers(entry: &Entry, message: &Message<'_>, now: UnixMs) -> Vec<(HeaderName, HeaderValue)> {
    let event_id = message.event.to_string();
    let timestamp = now.as_seconds();
    let (current, next) = entry.signers.at(now);
    let signature = |signer: &Signer| value(&signer.sign(timestamp, &event_id, message.body).text());
    let delivery = DeliveryId { event: message.event, webhook: entry.webhook.id };
    let mut headers = Vec::with_capacity(9);
    headers.extend([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static("Nowistay-Webhooks/1.0")),
        (WEBHOOK_ID, entry.id_header.clone()),
        (EVENT_ID, value(&event_id)),
        (EVENT_TYPE, value(message.kind.as_str())),
        (TIMESTAMP, HeaderValue::from(timestamp)),
        (SIGNATURE, signature(current)),
    ]);
    headers.extend(next.map(|next| (SIGNATURE_NEXT, signature(next))));
    headers.push((REQUEST_ID, value(&request_id(delivery, message.attempt))));
    headers
}

/// The number of the attempt that is made next.
pub(crate) fn number(progress: Progress) -> u32 {
    progress.attempts.saturating_add(1)
}

#[expect(clippy::expect_used, reason = "ids, signatures and event types are visible ASCII by construction")]
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("visible ASCII")
}
