//! The request of the `nowistay` profile, as `nowistay.txt` ("Receive your first event")
//! shows it.

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue};
use stayhook_core::{DeliveryId, Progress, UnixMs, request_id};

use crate::queues::Item;
use crate::registry::Entry;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("nowistay-webhook-id");
const EVENT_ID: HeaderName = HeaderName::from_static("nowistay-webhook-event-id");
const EVENT_TYPE: HeaderName = HeaderName::from_static("nowistay-webhook-event-type");
const TIMESTAMP: HeaderName = HeaderName::from_static("nowistay-webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("nowistay-webhook-signature");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of one attempt at `now`, signed with its own timestamp.
pub(crate) fn headers(entry: &Entry, item: &Item, now: UnixMs) -> Vec<(HeaderName, HeaderValue)> {
    let event_id = item.event.to_string();
    let timestamp = now.as_seconds();
    let signature = entry.signer.sign(timestamp, &event_id, &item.body);
    vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static("Nowistay-Webhooks/1.0")),
        (WEBHOOK_ID, entry.id_header.clone()),
        (EVENT_ID, value(&event_id)),
        (EVENT_TYPE, value(item.kind.as_str())),
        (TIMESTAMP, HeaderValue::from(timestamp)),
        (SIGNATURE, value(&signature.text())),
        (REQUEST_ID, value(&request_id(delivery(item), number(item.progress)))),
    ]
}

/// The number of the attempt that is made next.
pub(crate) fn number(progress: Progress) -> u32 {
    progress.attempts.saturating_add(1)
}

fn delivery(item: &Item) -> DeliveryId {
    DeliveryId { event: item.event, webhook: item.webhook }
}

#[expect(clippy::expect_used, reason = "ids, signatures and event types are visible ASCII by construction")]
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("visible ASCII")
}
