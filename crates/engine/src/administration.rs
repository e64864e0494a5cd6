//! What administrators and internal services ask for beyond single webhooks: which properties
//! are served, which event types there are, and how much was delivered.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use stayhook_core::{Catalogue, EventKind, PropertyId};
use stayhook_store::{AttemptLine, DeliveryLine, Stats, StatsRequest, StoreError};

use crate::engine::{Engine, to_the_end};
use crate::orders::By;
use crate::profiles::ProfileSet;
use crate::sender::Message;
use crate::unmade;

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

    /// The wire profiles that webhooks may name.
    pub fn profiles(&self) -> &ProfileSet {
        &self.shared.config.profiles
    }

    /// The headers that an attempt was made with, by name, but for signatures and credentials:
    /// worked out again from what the log holds. `None` where that is too little.
    pub fn request_headers(
        &self,
        delivery: &DeliveryLine,
        attempt: &AttemptLine,
    ) -> Option<BTreeMap<String, String>> {
        let entry = self.shared.registry.get(delivery.webhook)?;
        let (profile, _) = unmade::name(delivery.profile.as_deref()?);
        let message = Message {
            event: delivery.event,
            kind: &delivery.kind,
            profile,
            body: &Bytes::new(),
            attempt: attempt.number,
        };
        entry.sender.unsigned_headers(&message, attempt.started_at)
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
