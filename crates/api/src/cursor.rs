//! Cursors: where a page starts, opaque to callers. A version byte lets a later form be told
//! from this one; a kind byte keeps a cursor of one list out of another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stayhook_core::{DeliveryId, EventId, WebhookId};

use crate::fields::Wrong;

const VERSION: u8 = 1;
const WEBHOOKS: u8 = b'w';
const DELIVERIES: u8 = b'd';
const ALL_DELIVERIES: u8 = b'a';
const CHANGES: u8 = b'c';
const NOT_OURS: Wrong =
    Wrong::Borrowed("is not a cursor of this list: give the nextCursor of a page unchanged");

/// The cursor of the webhooks after this one.
pub(crate) fn after_webhook(id: WebhookId) -> String {
    encode(WEBHOOKS, &id.0.to_be_bytes())
}

/// The webhook that a cursor starts after.
pub(crate) fn webhook(cursor: &str) -> Result<WebhookId, Wrong> {
    decode(WEBHOOKS, cursor).map(|bytes| WebhookId(i64::from_be_bytes(bytes)))
}

/// The cursor of a webhook's deliveries after this one.
pub(crate) fn after_delivery(delivery: DeliveryId) -> String {
    let mut key = [0; 24];
    key[..8].copy_from_slice(&delivery.webhook.0.to_be_bytes());
    key[8..].copy_from_slice(&delivery.event.to_bytes());
    encode(DELIVERIES, &key)
}

/// The event whose delivery to this webhook a cursor starts after. The cursor of another
/// webhook's log would start anywhere.
pub(crate) fn delivery(webhook: WebhookId, cursor: &str) -> Result<EventId, Wrong> {
    let key: [u8; 24] = decode(DELIVERIES, cursor)?;
    let event = key.strip_prefix(&webhook.0.to_be_bytes()).and_then(|event| event.try_into().ok());
    event.map(EventId::from_bytes).ok_or(NOT_OURS)
}

/// The cursor of all webhooks' deliveries after this one.
pub(crate) fn after_any_delivery(id: DeliveryId) -> String {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&id.event.to_bytes());
    key[16..].copy_from_slice(&id.webhook.0.to_be_bytes());
    encode(ALL_DELIVERIES, &key)
}

/// The delivery that a cursor starts after.
pub(crate) fn any_delivery(cursor: &str) -> Result<DeliveryId, Wrong> {
    let key: [u8; 24] = decode(ALL_DELIVERIES, cursor)?;
    let (mut event, mut webhook) = ([0; 16], [0; 8]);
    event.copy_from_slice(&key[..16]);
    webhook.copy_from_slice(&key[16..]);
    Ok(DeliveryId { event: EventId::from_bytes(event), webhook: WebhookId(i64::from_be_bytes(webhook)) })
}

/// The cursor of the changes before this one.
pub(crate) fn after_change(id: i64) -> String {
    encode(CHANGES, &id.to_be_bytes())
}

/// The change that a cursor starts after.
pub(crate) fn change(cursor: &str) -> Result<i64, Wrong> {
    decode(CHANGES, cursor).map(i64::from_be_bytes)
}

fn encode(kind: u8, key: &[u8]) -> String {
    let mut bytes = vec![VERSION, kind];
    bytes.extend_from_slice(key);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<const N: usize>(kind: u8, cursor: &str) -> Result<[u8; N], Wrong> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes
        .as_deref()
        .and_then(|bytes| bytes.strip_prefix(&[VERSION, kind]))
        .and_then(|key| key.try_into().ok())
        .ok_or(NOT_OURS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_read_back(id: i64, other: i64, bytes: [u8; 16]) {
            let (id, other, event) = (WebhookId(id), WebhookId(other), EventId::from_bytes(bytes));
            let cursor = after_delivery(DeliveryId { event, webhook: id });
            prop_assert_eq!(webhook(&after_webhook(id)), Ok(id));
            prop_assert_eq!(delivery(id, &cursor), Ok(event));
            prop_assert_eq!(delivery(other, &cursor).is_ok(), other == id);
            prop_assert!(delivery(id, &after_webhook(id)).is_err());
            prop_assert!(webhook(&cursor).is_err());
            let any = DeliveryId { event, webhook: id };
            prop_assert_eq!(any_delivery(&after_any_delivery(any)), Ok(any));
            prop_assert!(any_delivery(&cursor).is_err() && delivery(id, &after_any_delivery(any)).is_err());
            prop_assert_eq!(change(&after_change(id.0)), Ok(id.0));
            prop_assert!(change(&after_webhook(id)).is_err());
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}", id: i64) {
            let _ = webhook(&text);
            let _ = delivery(WebhookId(id), &text);
            let _ = any_delivery(&text);
            let _ = change(&text);
        }
    }
}
