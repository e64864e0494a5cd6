//! Doors for the fuzz targets, in no other build.

use stayhook_core::WebhookId;

use crate::{cursor, events};

/// Reads a batch of events.
pub fn batch(body: &[u8]) {
    let Some(items) = events::items(body) else { return };
    assert!((1..=1000).contains(&items.len()));
    for item in items {
        assert!(body.as_ptr_range().contains(&item.as_ptr()), "an item is a part of the body");
    }
}

/// Reads a cursor of every list: what is read is written the same again.
pub fn cursor(text: &str) {
    if let Ok(id) = cursor::webhook(text) {
        assert_eq!(cursor::after_webhook(id), text);
    }
    if let Ok(id) = cursor::any_delivery(text) {
        assert_eq!(cursor::after_any_delivery(id), text);
    }
    if let Ok(id) = cursor::change(text) {
        assert_eq!(cursor::after_change(id), text);
    }
    for webhook in [WebhookId(0), WebhookId(1), WebhookId(i64::MAX)] {
        if let Ok(event) = cursor::delivery(webhook, text) {
            assert_eq!(cursor::after_delivery(stayhook_core::DeliveryId { event, webhook }), text);
        }
    }
}
