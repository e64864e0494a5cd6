//! Things as the audit log shows them: JSON objects without secrets and payloads.

use serde_json::{Map, Value, json};
use stayhook_core::{Description, DisabledReason, EventKind, EventPattern, State, Status, UnixMs, Webhook};

use crate::TokenLine;
use crate::columns::{GONE, properties_text, schema_text};

/// The member that names the kind of a webhook's credentials.
pub(super) const AUTH: &str = "auth";

/// What is shown of a webhook: its configuration, and the kind of its credentials.
pub(super) fn webhook_members(webhook: &Webhook, credentials: Option<&str>) -> Map<String, Value> {
    let options = &webhook.options;
    let patterns: Vec<&str> = webhook.events.patterns().iter().map(EventPattern::as_str).collect();
    let (disabled_at, disabled_reason) = match &webhook.status {
        Status::Disabled { at, reason } => (Some(at.rfc3339_millis()), Some(reason_text(reason))),
        Status::Active { .. } | Status::Paused { .. } => (None, None),
    };
    let members = [
        ("propertyId", json!(webhook.property.get())),
        ("url", json!(webhook.url)),
        ("events", json!(patterns)),
        ("description", json!(webhook.description.as_ref().map(Description::as_str))),
        ("status", json!(webhook.status.as_str())),
        ("disabledAt", json!(disabled_at)),
        ("disabledReason", json!(disabled_reason)),
        ("includeCustomParameters", json!(options.include_custom_parameters)),
        ("skipOwn", json!(options.skip_own)),
        ("ordering", json!(options.ordering.as_str())),
        ("profile", json!(options.profile)),
        ("shadowProfile", json!(options.shadow_profile)),
        (AUTH, credentials.map_or(Value::Null, |kind| json!({ "type": kind }))),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn reason_text(reason: &DisabledReason) -> &str {
    match reason {
        DisabledReason::Failing => "failing",
        DisabledReason::Gone => GONE,
        DisabledReason::Admin(words) => words,
    }
}

/// Where a delivery stands, as in the API.
pub(super) fn state_text(state: State) -> String {
    match state.reason() {
        None => json!({ "status": state.as_str() }),
        Some(reason) => json!({ "status": state.as_str(), "reason": reason.as_str() }),
    }
    .to_string()
}

/// An event type without its name, which is the subject.
pub(super) fn event_type_text(kind: &EventKind) -> String {
    let schema = schema_text(kind).and_then(|it| serde_json::from_str::<Value>(&it).ok());
    json!({ "label": kind.label, "description": kind.description, "schema": schema }).to_string()
}

/// What a token may do.
pub(super) fn token_text(token: &TokenLine) -> String {
    let properties: Value = serde_json::from_str(&properties_text(&token.properties)).unwrap_or_default();
    json!({
        "name": token.name,
        "clientId": token.client.as_str(),
        "scopes": token.scopes,
        "properties": properties,
        "revokedAt": token.revoked_at.map(UnixMs::rfc3339_millis),
    })
    .to_string()
}

/// An object as text.
pub(super) fn text(members: Map<String, Value>) -> String {
    Value::Object(members).to_string()
}
