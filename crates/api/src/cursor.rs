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

/// The cursor of the webhooks after this one.
pub(crate) fn after_webhook(id: WebhookId) -> String {
    encode(WEBHOOKS, &id.0.to_be_bytes())
}

/// The webhook that a cursor starts after.
pub(crate) fn webhook(cursor: &str) -> Result<WebhookId, Wrong> {
    decode(WEBHOOKS, cursor).map(|bytes| WebhookId(i64::from_be_bytes(bytes)))
}

/// The cursor of the deliveries after the one of this event.
pub(crate) fn after_delivery(event: EventId) -> String {
    encode(DELIVERIES, &event.to_bytes())
}

/// The event whose delivery a cursor starts after.
pub(crate) fn delivery(cursor: &str) -> Result<EventId, Wrong> {
    decode(DELIVERIES, cursor).map(EventId::from_bytes)
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
        .ok_or(Wrong::Borrowed("is not a cursor of this list: give the nextCursor of a page unchanged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_read_back(id: i64, bytes: [u8; 16]) {
            let event = EventId::from_bytes(bytes);
            prop_assert_eq!(webhook(&after_webhook(WebhookId(id))), Ok(WebhookId(id)));
            prop_assert_eq!(delivery(&after_delivery(event)), Ok(event));
            prop_assert!(delivery(&after_webhook(WebhookId(id))).is_err());
            prop_assert!(webhook(&after_delivery(event)).is_err());
            let any = DeliveryId { event, webhook: WebhookId(id) };
            prop_assert_eq!(any_delivery(&after_any_delivery(any)), Ok(any));
            prop_assert_eq!(change(&after_change(id)), Ok(id));
            prop_assert!(change(&after_webhook(WebhookId(id))).is_err());
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}") {
            let _ = webhook(&text);
            let _ = delivery(&text);
            let _ = any_delivery(&text);
            let _ = change(&text);
        }
    }
}
