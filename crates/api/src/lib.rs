//! What the world asks: the HTTP API, one endpoint a file.
//!
//! A request goes through `request_id` (every answer bears its id), the router, then the
//! endpoint, which reads from the top: may the caller (`auth`)? what is asked (`path`,
//! `query`, `body`, `fields`)? do it (engine or store), answer (`answer`, or a `Problem`).

mod admin;
mod answer;
mod auth;
mod body;
mod cursor;
mod deliveries;
mod entitlements;
mod error;
mod etag;
mod event_types;
mod events;
mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
mod health;
mod metrics;
mod openapi;
mod path;
mod query;
mod rate;
mod request_id;
mod times;
mod webhooks;

use std::sync::Arc;

use axum::{Router, middleware};
use stayhook_core::UrlRules;
use stayhook_engine::Engine;
use stayhook_store::Store;

pub use auth::{
    IntrospectionConfig, Issuers, IssuersConfig, IssuersError, JwksSource, ScopeName, UnknownScope,
    hash_token, new_token,
};
pub use event_types::{DataSchema, SchemaError};
pub use stayhook_store::TokenHash;

use auth::TokenCache;
use body::Room;
use error::Problem;
use event_types::Validators;
use openapi::{Description, Routes};
use rate::Rate;

/// What the API works with.
#[derive(Clone)]
pub struct ApiState {
    /// Does what is asked.
    pub engine: Engine,
    /// What a webhook's URL must keep to.
    pub url_rules: UrlRules,
    /// Bounds on what is accepted.
    pub limits: ApiLimits,
    /// Whose access tokens count besides our own.
    pub issuers: Issuers,
    /// Renders the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Bounds on what is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// The most bytes that one event may have as JSON (`limits.event_bytes`).
    pub event_bytes: usize,
    /// How often a token may be used per second at the public API
    /// (`limits.requests_per_second`); what comes in within ten seconds may come at once. None
    /// means no limit.
    pub requests_per_second: Option<u32>,
    /// How many events a token may report per second (`limits.events_per_second`).
    pub events_per_second: Option<u32>,
}

/// Which part of the API answers at an address (`server.admin_listen` and `server.roles` split
/// it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Everything.
    All,
    /// What webhook owners need.
    Public,
    /// What internal services and administrators need.
    Internal,
    /// What whoever runs the process needs, and nothing that changes anything: `/metrics`,
    /// `/healthz` and `/readyz`.
    Service,
    /// Whether the process is well: `/healthz` and `/readyz`.
    Health,
}

/// What every endpoint gets.
struct Api {
    state: ApiState,
    tokens: TokenCache,
    requests: Rate,
    events: Rate,
    room: Room,
    validators: Validators,
    description: Description,
}

type Shared = Arc<Api>;

impl Api {
    fn new(state: ApiState, description: Description) -> Self {
        let ApiLimits { requests_per_second, events_per_second, .. } = state.limits;
        let (requests, events) = (Rate::new(requests_per_second), Rate::new(events_per_second));
        Self {
            state,
            tokens: TokenCache::default(),
            requests,
            events,
            room: Room::new(),
            validators: Validators::new(),
            description,
        }
    }

    fn store(&self) -> &dyn Store {
        self.state.engine.store().as_ref()
    }
}

/// The API as a service, for one address.
pub fn router(state: ApiState, surface: Surface) -> Router {
    let Routes { router, operations } = routes(surface);
    let api = Arc::new(Api::new(state, Description::of(&operations)));
    router
        .fallback(async || Problem::no_such("path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn_with_state(Arc::clone(&api), request_id::stamp))
        .with_state(api)
}

/// Every endpoint of a surface.
fn routes(surface: Surface) -> Routes {
    let mut routes = Routes::new();
    if matches!(surface, Surface::All | Surface::Public) {
        routes = routes.merge(webhooks::routes()).merge(deliveries::routes()).merge(event_types::routes());
    }
    if matches!(surface, Surface::All | Surface::Internal) {
        routes = routes.merge(events::routes()).merge(entitlements::routes()).merge(admin::routes());
    }
    if matches!(surface, Surface::All | Surface::Internal | Surface::Service) {
        routes = routes.merge(metrics::routes());
    }
    if matches!(surface, Surface::All | Surface::Public | Surface::Internal) {
        routes = routes.merge(openapi::routes());
    }
    routes.merge(health::routes())
}
