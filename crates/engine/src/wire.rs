//! The request of the `nowistay` profile, as `nowistay.txt` ("Receive your first event")
//! shows it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue};
use stayhook_core::{DeliveryId, EventId, EventType, Progress, Signer, UnixMs, WebhookId, request_id};

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
    let timestamp = now.as_seconds();
    let event_id = message.event.to_string();
    let (current, next) = entry.signers.at(now);
    let signature = |signer: &Signer| value(&signer.sign(timestamp, &event_id, message.body).text());
    let signatures = [Some((SIGNATURE, signature(current))), next.map(|it| (SIGNATURE_NEXT, signature(it)))];
    let Message { event, kind, attempt, .. } = *message;
    let [before @ .., id] = unsigned(entry.webhook.id, event, kind, attempt, now);
    before.into_iter().chain(signatures.into_iter().flatten()).chain([id]).collect()
}

/// The headers that an attempt was made with, by name, but for its signatures: worked out again
/// from what the log holds.
pub fn unsigned_headers(
    webhook: WebhookId,
    event: EventId,
    kind: &EventType,
    attempt: u32,
    started_at: UnixMs,
) -> BTreeMap<String, String> {
    let headers = unsigned(webhook, event, kind, attempt, started_at);
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (title_case(name.as_str()), text(value))).collect()
}

fn unsigned(
    webhook: WebhookId,
    event: EventId,
    kind: &EventType,
    attempt: u32,
    now: UnixMs,
) -> [(HeaderName, HeaderValue); 7] {
    [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static("Nowistay-Webhooks/1.0")),
        (WEBHOOK_ID, HeaderValue::from(webhook.0)),
        (EVENT_ID, value(&event.to_string())),
        (EVENT_TYPE, value(kind.as_str())),
        (TIMESTAMP, HeaderValue::from(now.as_seconds())),
        (REQUEST_ID, value(&request_id(DeliveryId { event, webhook }, attempt))),
    ]
}

/// A name as it goes out.
fn title_case(name: &str) -> String {
    let part = |part: &str| {
        let mut rest = part.chars();
        rest.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(rest).collect::<String>()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

/// The number of the attempt that is made next.
pub(crate) fn number(progress: Progress) -> u32 {
    progress.attempts.saturating_add(1)
}

#[expect(clippy::expect_used, reason = "ids, signatures and event types are visible ASCII by construction")]
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("visible ASCII")
}
