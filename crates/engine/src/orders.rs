//! What owners and administrators ask for: webhooks are registered, changed, given another
//! secret and deleted; deliveries are requeued.
//!
//! What the store has written is taken over into memory before a call returns, also when its
//! caller hung up meanwhile.

use std::sync::Arc;

use stayhook_core::{
    ClientId, Credentials, Description, EventId, PropertyId, SigningSecret, Span, Subscription, UnixMs,
    Webhook, WebhookId, WebhookOptions,
};
use stayhook_store::{
    Author, ChangeError, CreateError, NewWebhook, Order, Patch, Recover, Registered, RequeueError, Rotation,
    Scope,
};

use crate::engine::{Engine, Shared, to_the_end};

/// A webhook that somebody registers.
#[derive(Clone)]
pub struct Registration {
    /// Who.
    pub client: ClientId,
    /// For which property.
    pub property: PropertyId,
    /// Where to: the text as it was given, judged under its profile.
    pub url: String,
    /// Which events.
    pub events: Subscription,
    /// The owner's note.
    pub description: Option<Description>,
    /// The owner's choices.
    pub options: WebhookOptions,
    /// What the receiver wants to hear besides the signature.
    pub credentials: Option<Credentials>,
}

/// On whose behalf something is changed, and on what condition. The engine adds the moment:
/// together they are an [`Order`] to the store, which writes it into the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who asks.
    pub author: Author,
    /// Only while the webhook has one of these versions (`If-Match`); whatever it has if `None`.
    pub versions: Option<Vec<i64>>,
}

/// A webhook with its new signing secret.
#[derive(Clone)]
pub struct Rotated {
    /// The webhook as it is now.
    pub webhook: Webhook,
    /// The new secret, which is shown this once.
    pub secret: SigningSecret,
    /// Until then the documented signature is made with the old secret.
    pub previous_expires_at: UnixMs,
}

impl By {
    /// Unconditionally.
    pub fn new(author: Author) -> Self {
        Self { author, versions: None }
    }

    pub(crate) fn order(self, at: UnixMs) -> Order {
        Order { by: self.author, at, versions: self.versions }
    }
}

impl Engine {
    /// Registers a webhook and gives out its secret, once.
    ///
    /// # Errors
    /// When the property has no slot left or the store fails.
    pub async fn create_webhook(&self, new: Registration) -> Result<(Webhook, SigningSecret), CreateError> {
        let shared = Arc::clone(&self.shared);
        let new = NewWebhook {
            client: new.client,
            property: new.property,
            url: new.url,
            events: new.events,
            description: new.description,
            options: new.options,
            secret: SigningSecret::from_entropy(shared.dice.secret()),
            credentials: new.credentials,
            at: shared.clock.now(),
            limit: shared.config.webhooks_per_property,
        };
        to_the_end(async move {
            let registered = shared.store.create_webhook(new).await?;
            shared.registry.apply(&registered);
            let Registered { webhook, secrets, .. } = registered;
            Ok((webhook, secrets.current))
        })
        .await
    }

    /// Changes a webhook; no attempt that the change forbids starts after this returns.
    ///
    /// # Errors
    /// When the scope does not see it, it has another version than asked for, its status does
    /// not allow it, or the store fails.
    pub async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        patch: Patch,
        by: By,
    ) -> Result<Webhook, ChangeError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        let order = by.order(shared.clock.now());
        let retry_by = order.at.after(shared.config.policy.backoff.delay(1, shared.dice.roll()));
        to_the_end(async move {
            let registered = shared.store.change_webhook(&scope, id, patch, &order, retry_by).await?;
            shared.follow_change(&registered);
            Ok(registered.webhook)
        })
        .await
    }

    /// Deletes a webhook: its secrets are wiped, its slot is free, what waits is cancelled.
    ///
    /// # Errors
    /// When the scope does not see it, it has another version than asked for, or the store fails.
    pub async fn delete_webhook(&self, scope: &Scope, id: WebhookId, by: By) -> Result<(), ChangeError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        let order = by.order(shared.clock.now());
        to_the_end(async move {
            shared.store.delete_webhook(&scope, id, &order).await?;
            shared.registry.remove(id);
            shared.transport.forget(id);
            shared.reconsider(id);
            Ok(())
        })
        .await
    }

    /// Gives a webhook a new signing secret. For `overlap` the documented signature is still
    /// made with the old one, and the new one's is sent beside it.
    ///
    /// # Errors
    /// As [`Engine::change_webhook`].
    pub async fn rotate_secret(
        &self,
        scope: &Scope,
        id: WebhookId,
        overlap: Span,
        by: By,
    ) -> Result<Rotated, ChangeError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        let order = by.order(shared.clock.now());
        let secret = SigningSecret::from_entropy(shared.dice.secret());
        to_the_end(async move {
            let rotation = Rotation { secret: secret.clone(), overlap };
            let registered = shared.store.rotate_secret(&scope, id, rotation, &order).await?;
            shared.registry.apply(&registered);
            let previous_expires_at = order.at.after(overlap);
            Ok(Rotated { webhook: registered.webhook, secret, previous_expires_at })
        })
        .await
    }

    /// Makes a delivery due now that has ended, however that was, or that waits.
    ///
    /// # Errors
    /// When the scope does not see it, its webhook is not active, it is being attempted, or the
    /// store fails.
    pub async fn retry(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
        by: By,
    ) -> Result<(), RequeueError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        let order = by.order(shared.clock.now());
        to_the_end(async move {
            shared.store.retry(&scope, id, event, &order).await?;
            shared.feed.wake();
            Ok(())
        })
        .await
    }

    /// Makes ended deliveries of a webhook due now, in order of acceptance; returns how many.
    ///
    /// # Errors
    /// When the scope does not see the webhook, it is not active, or the store fails: then some
    /// may have been requeued already, and asking again requeues the rest.
    pub async fn recover(
        &self,
        scope: &Scope,
        id: WebhookId,
        recover: Recover,
        by: By,
    ) -> Result<u64, RequeueError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        let order = by.order(shared.clock.now());
        to_the_end(async move {
            let requeued = shared.store.recover(&scope, id, recover, &order).await;
            // Also after a failure: part of it may be done.
            shared.feed.wake();
            requeued
        })
        .await
    }
}

impl Shared {
    /// Takes a changed webhook over: what is in memory of it is looked at anew, and what the
    /// change released is fetched.
    pub(crate) fn follow_change(self: &Arc<Self>, registered: &Registered) {
        let id = registered.webhook.id;
        self.take_over(registered);
        self.transport.forget(id);
        self.feed.wake();
    }
}
