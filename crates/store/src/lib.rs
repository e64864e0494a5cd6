//! What is written: one [`Store`] trait, its implementations, and one suite that all of
//! them pass.
//!
//! The idea: **no queue row on the happy path.** An accepted event is one row; the
//! deliveries that this node will make at once are named in one `handoffs` row for the whole
//! group commit; an attempt is one appended row. Only what must wait gets a row in `pending`.
//! A delivery's state is therefore derived: in `pending` it waits, is held or is being
//! attempted; else its last final attempt says; else it is in a handoff, that is, in flight.

mod columns;
mod delivery;
mod derived;
mod error;
mod event;
mod inbox;
mod page;
mod postgres;
mod records;
mod registry;
mod seal;
mod signal;
mod sqlite;
mod targets;
mod token;

#[cfg(feature = "conformance")]
pub mod conformance;

use async_trait::async_trait;
use stayhook_core::{EventId, UnixMs, Webhook, WebhookChange, WebhookId};
use tokio::sync::mpsc;

pub use delivery::{
    AttemptLine, Claim, Claimed, Conclude, Concluded, Conclusion, DeliveryFilter, DeliveryLine, Due, Fate,
    HandoffId, Origin, Reply, StatusChanged, Step, Sweep, Swept, Tried,
};
pub use error::{ChangeError, CreateError, StoreError};
pub use event::{
    Accepted, EventLine, IdempotencyClaim, Intake, NewRow, Receipt, Target, TargetFate, TargetLine,
};
pub use inbox::Collected;
pub use page::{Page, PageRequest};
pub use postgres::{PostgresOptions, PostgresStore, Timing, enqueue_in};
pub use registry::{NewWebhook, PropertyScope, Registered, Scope, StatusName, WebhookFilter};
pub use seal::{KeyError, Keyring};
pub use signal::{RegistryChanges, Signal};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use token::{NewToken, TokenHash, TokenLine};

/// Where everything that must survive a crash is kept. What is not in the store did not
/// happen.
///
/// Every call is one transaction (or, for [`Store::sweep`], a few short ones) and durable
/// when it returns. Calls may be made at once from many tasks; writes are grouped.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Registers a webhook and takes one of its property's slots.
    ///
    /// # Errors
    /// [`CreateError::LimitReached`] when the property has no slot left.
    async fn create_webhook(&self, new: NewWebhook) -> Result<Registered, CreateError>;

    /// The webhook, where the scope may see it.
    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// The scope's webhooks, newest (highest id) first.
    async fn webhooks(
        &self,
        scope: &Scope,
        filter: &WebhookFilter,
        page: PageRequest<WebhookId>,
    ) -> Result<Page<Webhook>, StoreError>;

    /// Changes a webhook by the rules of [`Webhook::changed`] and does to its pending
    /// deliveries what they demand, all or nothing. Returns it as it is now.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`] when the scope does not see it, [`ChangeError::Refused`]
    /// when its status does not allow the change.
    async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        change: WebhookChange,
        timing: ChangeTiming,
    ) -> Result<Registered, ChangeError>;

    /// Deletes a webhook: its secret is wiped, its slot free, what waits is cancelled
    /// (`webhook_deleted`). Returns whether the scope saw it.
    async fn delete_webhook(&self, scope: &Scope, id: WebhookId, at: UnixMs) -> Result<bool, StoreError>;

    /// Every webhook with its secrets opened: what a node loads at start.
    async fn registry(&self) -> Result<Vec<Registered>, StoreError>;

    /// These webhooks with their secrets opened; those that are missing were deleted.
    async fn registered(&self, ids: &[WebhookId]) -> Result<Vec<Registered>, StoreError>;

    /// Which webhooks any node has changed since that generation; 0 asks for the generation
    /// alone. A copy of the registry that is loaded after this call is of that generation or
    /// a later one.
    async fn registry_changes(&self, since: i64) -> Result<RegistryChanges, StoreError>;

    /// What other nodes do, for one listener: whoever asks first. It ends at once where there
    /// are no others.
    fn signals(&self) -> mpsc::Receiver<Signal>;

    /// Accepts events: one row each, pending rows for what must wait, final rows for what is
    /// skipped, one handoff for all that is to be sent at once.
    ///
    /// # Errors
    /// [`StoreError::StaleRegistry`] when the fan-out was decided by an old copy of the webhooks.
    async fn intake(&self, intake: Intake) -> Result<Receipt, StoreError>;

    /// Takes events that were enqueued inside other programs' transactions, for the caller to
    /// accept within ten seconds: see [`Intake::collected`].
    async fn collect(&self, limit: usize) -> Result<Vec<Collected>, StoreError>;

    /// Writes what became of deliveries, each under its fence: the number of attempts that
    /// the delivery had when it was taken. One that comes late writes nothing.
    async fn conclude(&self, batch: Conclude) -> Result<Concluded, StoreError>;

    /// Takes due deliveries under a lease, fairly over webhooks. One whose lease ran out
    /// gets an `interrupted` attempt first, so that whoever held it finds the fence closed.
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError>;

    /// Whether a delivery that this node took, and that had so many attempts then, is certainly
    /// still its own. Where nodes share a database, one that was stopped for a while or does
    /// not reach it cannot know: then nothing is sent, and what is concluded stands or falls
    /// with its fence.
    fn holds(&self, _webhook: WebhookId, _event: EventId, _origin: Origin, _attempts: u32) -> bool {
        true
    }

    /// Gives back what nodes held that died, such as this one before it was started again:
    /// deliveries of their handoffs and leases become due at once, with an `interrupted`
    /// attempt each ("may have been sent"), except where an attempt or a pending row shows
    /// that they were settled. Never what a live node holds. Returns how many.
    async fn take_over(&self, now: UnixMs) -> Result<u64, StoreError>;

    /// Says goodbye at the end of a process, so that others need not wait to see whether it is
    /// dead: whatever it still holds may be given back at once. Nothing is accepted or
    /// concluded by it after that.
    async fn leave(&self) -> Result<(), StoreError>;

    /// Does what the clock demands: the 72-hour rule, expiry, pruning, the rest of large
    /// cancellations; each in short bounded transactions.
    async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError>;

    /// The webhook's deliveries, newest first; `None` where the scope does not see it.
    async fn deliveries(
        &self,
        scope: &Scope,
        id: WebhookId,
        filter: &DeliveryFilter,
        page: PageRequest<EventId>,
    ) -> Result<Option<Page<DeliveryLine>>, StoreError>;

    /// One delivery with its attempts in order; `None` where the scope does not see the
    /// webhook or the webhook has no such delivery.
    async fn delivery(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
    ) -> Result<Option<(DeliveryLine, Vec<AttemptLine>)>, StoreError>;

    /// One event and what became of it at each webhook that its property had.
    async fn event(&self, id: EventId) -> Result<Option<EventLine>, StoreError>;

    /// Stores an API token's hash and what it may do.
    async fn create_token(&self, new: NewToken) -> Result<TokenLine, StoreError>;

    /// Every API token, oldest first.
    async fn tokens(&self) -> Result<Vec<TokenLine>, StoreError>;

    /// The token of that hash, unless it was revoked.
    async fn token(&self, hash: &TokenHash) -> Result<Option<TokenLine>, StoreError>;

    /// Revokes a token. Returns whether there was one to revoke.
    async fn revoke_token(&self, id: i64, at: UnixMs) -> Result<bool, StoreError>;

    /// Whether the database answers and takes writes.
    ///
    /// # Errors
    /// Says what is wrong with it.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// When a change is made, and how near it brings pending retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeTiming {
    /// The moment of the change.
    pub at: UnixMs,
    /// A change of URL makes every pending retry due no later than this.
    pub retry_by: UnixMs,
}
