//! What administrators and internal services ask for beyond single webhooks: which properties
//! are served, which event types there are, and how much was delivered.

use std::sync::Arc;

use stayhook_core::{Catalogue, EventKind, PropertyId};
use stayhook_store::{Stats, StatsRequest, StoreError};

use crate::engine::{Engine, to_the_end};
use crate::orders::By;

impl Engine {
    /// Says whether a property may be served from now on. Events of one that may not are
    /// skipped; deliveries that wait are cancelled when their attempt comes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_entitlement(
        &self,
        property: PropertyId,
        entitled: bool,
        by: By,
    ) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let order = by.order(shared.clock.now());
        to_the_end(async move {
            for registered in shared.store.set_entitlement(property, entitled, &order).await? {
                shared.registry.apply(&registered);
                shared.reconsider(registered.webhook.id);
            }
            Ok(())
        })
        .await
    }

    /// Adds an event type, in place of one of the same name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_event_type(&self, kind: EventKind, by: By) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let order = by.order(shared.clock.now());
        to_the_end(async move {
            shared.store.put_event_type(kind, &order).await?;
            shared.refresh_catalogue().await
        })
        .await
    }

    /// The event types that events and webhooks may name now: those of the built-in profiles,
    /// of the configuration, and of [`Engine::put_event_type`] on any node.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.shared.catalogue.current()
    }

    /// Figures of one webhook or of all, with what this node has counted up to now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stats(&self, request: StatsRequest) -> Result<Stats, StoreError> {
        self.shared.flush_tallies().await?;
        self.shared.store.stats(request).await
    }
}
