//! A webhook as administrators see it: as its owner does, and whose it is.

use serde::Serialize;
use stayhook_core::Webhook;

use crate::openapi::{Component, Schema, shapes};
use crate::webhooks::{self, WebhookView};

/// A webhook.
pub(super) const WEBHOOK: Component = Component { name: "AdminWebhook", schema: webhook };
/// A page of webhooks.
pub(super) const PAGE: Component =
    Component { name: "AdminWebhookPage", schema: || shapes::page(Schema::of(&WEBHOOK)) };

fn webhook() -> Schema {
    webhooks::webhook().required("clientId", shapes::client_id().says("Whose it is."))
}

/// A webhook as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdminWebhookView<'a> {
    #[serde(flatten)]
    webhook: WebhookView<'a>,
    client_id: &'a str,
}

impl<'a> AdminWebhookView<'a> {
    pub(super) fn of(webhook: &'a Webhook) -> Self {
        Self { webhook: WebhookView::of(webhook), client_id: webhook.client.as_str() }
    }
}
