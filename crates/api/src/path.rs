//! Ids in paths. One that does not parse names nothing, and is answered like any id that
//! names nothing.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use stayhook_core::{DeliveryId, EventId, PropertyId, WebhookId};

use crate::error::Problem;
use crate::openapi::{Parameter, shapes};
use crate::query::whole;

const PARAMETERS: [Parameter; 5] = [
    Parameter { name: "webhook", description: "A webhook's id.", schema: shapes::webhook_id },
    Parameter { name: "delivery", description: "A delivery's id.", schema: shapes::delivery_id },
    Parameter { name: "event", description: "An event's id.", schema: shapes::event_id },
    Parameter { name: "property", description: "A property's id.", schema: shapes::property_id },
    Parameter { name: "type", description: "The name of an event type.", schema: shapes::event_type },
];

/// What a parameter of a path means.
pub(crate) fn parameter(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

/// The parameters of a route's path. Taken apart by the endpoint, after it has asked
/// whether the caller may.
pub(crate) struct Path(Option<RawPathParams>);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(RawPathParams::from_request_parts(parts, state).await.ok()))
    }
}

impl Path {
    /// The webhook that `{webhook}` names.
    pub(crate) fn webhook(&self) -> Result<WebhookId, Problem> {
        let id = self.get("webhook").and_then(whole);
        id.map(WebhookId).ok_or_else(|| Problem::no_such("webhook"))
    }

    /// The event whose delivery to `webhook` is named by `{delivery}`.
    pub(crate) fn delivery(&self, webhook: WebhookId) -> Result<EventId, Problem> {
        self.get("delivery")
            .and_then(|text| DeliveryId::parse(text).ok())
            .filter(|id| id.webhook == webhook)
            .map(|id| id.event)
            .ok_or_else(|| Problem::no_such("delivery"))
    }

    /// The delivery that `{delivery}` names.
    pub(crate) fn any_delivery(&self) -> Result<DeliveryId, Problem> {
        let id = self.get("delivery").and_then(|text| DeliveryId::parse(text).ok());
        id.ok_or_else(|| Problem::no_such("delivery"))
    }

    /// The property that `{property}` names.
    pub(crate) fn property(&self) -> Result<PropertyId, Problem> {
        let id = self.get("property").and_then(whole).and_then(|number| PropertyId::new(number).ok());
        id.ok_or_else(|| Problem::no_such("property"))
    }

    /// What stands in the place of a parameter, for a name that does not yet name anything.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The event that `{event}` names.
    pub(crate) fn event(&self) -> Result<EventId, Problem> {
        let id = self.get("event").and_then(|text| EventId::parse(text).ok());
        id.ok_or_else(|| Problem::no_such("event"))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.iter().find_map(|(own, value)| (own == name).then_some(value))
    }
}
