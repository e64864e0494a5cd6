//! `/admin/v1`: every client's webhooks and deliveries, figures, and the audit log. For tokens with
//! the scope `admin`, which opens nothing else.

mod audit;
mod deliveries;
mod stats;
mod webhooks;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use stayhook_core::WebhookId;
use stayhook_engine::By;
use stayhook_store::{Author, PropertyScope, Scope};

use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::openapi::Routes;
use crate::{Api, Shared, event_types};

pub(crate) fn routes() -> Routes {
    webhooks::routes()
        .merge(deliveries::routes())
        .merge(stats::routes())
        .merge(audit::routes())
        .merge(event_types::admin_routes())
}

/// Somebody who looks after the webhooks of all clients: those of the token's properties.
pub(crate) struct Administrator {
    caller: Caller,
    scope: Scope,
}

impl Administrator {
    /// Lets pass who has all of these scopes.
    ///
    /// # Errors
    /// 403 otherwise.
    pub(crate) fn needs(&self, needed: &'static [ScopeName]) -> Result<(), Problem> {
        self.caller.needs(needed)
    }

    /// Lets pass whose token is for every property: there are things that belong to none.
    ///
    /// # Errors
    /// 404 otherwise, as for any `thing` that a token may not see.
    pub(crate) fn needs_everything(&self, thing: &str) -> Result<(), Problem> {
        if self.scope == Scope::EVERYTHING { Ok(()) } else { Err(Problem::no_such(thing)) }
    }

    /// The webhooks of the token's properties, of all clients.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// In whose name something is changed.
    pub(crate) fn by(&self) -> By {
        By::new(Author::Admin(self.caller.client().clone()))
    }

    /// Lets pass who may see what belongs to a webhook, or, without one, to all of them.
    ///
    /// # Errors
    /// 404 otherwise, as for any `thing` that a token may not see.
    async fn sees(&self, api: &Api, webhook: Option<WebhookId>, thing: &str) -> Result<(), Problem> {
        match webhook {
            // Deleted webhooks are still spoken of.
            _ if self.scope == Scope::EVERYTHING => Ok(()),
            Some(id) if api.store().webhook(&self.scope, id).await?.is_some() => Ok(()),
            _ => Err(Problem::no_such(thing)),
        }
    }
}

impl FromRequestParts<Shared> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, api).await?;
        let properties: PropertyScope = caller.scope().properties.clone();
        Ok(Self { caller, scope: Scope { client: None, properties } })
    }
}
