//! What is written: one [`Store`] trait, its implementations, and one suite that all of
//! them pass.
//!
//! The idea: **no queue row on the happy path.** An accepted event is one row; the
//! deliveries that this node will make at once are named in one `handoffs` row for the whole
//! group commit; an attempt is one appended row. Only what must wait gets a row in `pending`.
//! A delivery's state is therefore derived: in `pending` it waits, is held or is being
//! attempted; else its last final attempt says; else it is in a handoff, that is, in flight.

mod audit;
mod columns;
mod copy;
mod delivery;
mod derived;
mod error;
mod event;
mod inbox;
mod order;
mod page;
mod postgres;
mod records;
mod registry;
mod seal;
mod signal;
mod sqlite;
mod stats;
mod targets;
mod token;
mod turns;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
mod model;

use async_trait::async_trait;
use stayhook_core::{
    DeliveryId, EventId, EventKind, EventType, PropertyId, Span, UnixMs, Webhook, WebhookId,
};
use tokio::sync::mpsc;

pub use audit::{Action, AuditFilter, AuditLine};
pub use copy::{CopyError, CopyOptions, CopyProgress, Counted, Place, copy};
pub use delivery::{
    AttemptLine, Claim, Claimed, Conclude, Concluded, Conclusion, DeliveryFilter, DeliveryLine,
    DeliverySearch, Due, Fate, HandoffId, HoldLimits, Origin, Recover, Recovered, Reply, StatusChanged, Step,
    Sweep, Swept, Tried,
};
pub use error::{ChangeError, CreateError, RequeueError, StoreError};
pub use event::{
    Accepted, Body, EventLine, IdempotencyClaim, Intake, NewRow, Receipt, Target, TargetFate, TargetLine,
};
pub use inbox::Collected;
#[cfg(feature = "conformance")]
pub use model::{Model, ModelStore, StoreClock};
pub use order::{Author, Order};
pub use page::{Page, PageRequest};
pub use postgres::{PostgresOptions, PostgresStore, Timing, enqueue_in};
pub use registry::{
    Entitlement, NewWebhook, Patch, PropertyScope, Registered, Rotation, Scope, StatusName, WebhookFilter,
};
pub use seal::{KeyChange, KeyError, Keyring};
pub use signal::{RegistryChanges, Signal};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use stats::{Stats, StatsRequest, Tally};
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
    ) -> Result<Page<Webhook, WebhookId>, StoreError>;

    /// Changes a webhook by the rules of [`Webhook::changed`] and does to its pending
    /// deliveries what they demand, all or nothing. Returns it as it is now. A new URL makes
    /// every pending retry due no later than `retry_by`.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`] when the scope does not see it, [`ChangeError::OtherVersion`]
    /// when the order forbids it, [`ChangeError::Refused`] when its status does not allow the
    /// change.
    async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        patch: Patch,
        order: &Order,
        retry_by: UnixMs,
    ) -> Result<Registered, ChangeError>;

    /// Deletes a webhook: its secrets are wiped, its slot free, what waits is cancelled
    /// (`webhook_deleted`).
    ///
    /// # Errors
    /// As [`Store::change_webhook`].
    async fn delete_webhook(&self, scope: &Scope, id: WebhookId, order: &Order) -> Result<(), ChangeError>;

    /// Gives a webhook a new signing secret, by the rules of [`stayhook_core::Secrets::rotated`].
    ///
    /// # Errors
    /// As [`Store::change_webhook`].
    async fn rotate_secret(
        &self,
        scope: &Scope,
        id: WebhookId,
        rotation: Rotation,
        order: &Order,
    ) -> Result<Registered, ChangeError>;

    /// Makes a delivery due now that has ended, however that was, or that waits.
    ///
    /// # Errors
    /// When the scope does not see it, its webhook is not active, or it is being attempted.
    async fn retry(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
        order: &Order,
    ) -> Result<(), RequeueError>;

    /// Makes ended deliveries of a webhook due now, in order of acceptance, each once; returns how
    /// many, and how many stay as they are because they would end at once again. Done in bounded
    /// transactions: after a failure some may have been requeued already, and asking again requeues
    /// the rest.
    ///
    /// # Errors
    /// When the scope does not see the webhook, or it is not active.
    async fn recover(
        &self,
        scope: &Scope,
        id: WebhookId,
        recover: Recover,
        order: &Order,
    ) -> Result<Recovered, RequeueError>;

    /// Says whether a property may be served from now on. Returns its webhooks as they are now.
    async fn set_entitlement(
        &self,
        property: PropertyId,
        entitled: bool,
        order: &Order,
    ) -> Result<Vec<Registered>, StoreError>;

    /// Adds an event type, in place of one of the same name.
    async fn put_event_type(&self, kind: EventKind, order: &Order) -> Result<(), StoreError>;

    /// The event types that were added by [`Store::put_event_type`], by name.
    async fn event_types(&self) -> Result<Vec<EventKind>, StoreError>;

    /// Tells programs that enqueue by SQL what this node accepts: types that it knows besides
    /// [`Store::event_types`], and the most bytes of an event's data.
    async fn announce(&self, types: Vec<EventType>, event_bytes: usize) -> Result<(), StoreError>;

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
    /// accept within ten seconds: see [`Intake::collected`]. One that was enqueued longer ago than
    /// `fresh` (its transaction was open for so long, or no node was there) gets a new id, so that
    /// it is not pruned before it is delivered.
    async fn collect(&self, limit: usize, fresh: Span) -> Result<Vec<Collected>, StoreError>;

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

    /// Lets the clocks of failing webhooks stand still from `from` until `until`, by
    /// [`stayhook_core::Failing::frozen`]: a node could reach nobody then. In short bounded
    /// transactions; the same time may be told again and again, and by any number of nodes.
    async fn freeze(&self, from: UnixMs, until: UnixMs) -> Result<(), StoreError>;

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
    ) -> Result<Option<Page<DeliveryLine, EventId>>, StoreError>;

    /// Deliveries of all webhooks that there are, newest event first.
    async fn all_deliveries(
        &self,
        search: &DeliverySearch,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryLine, DeliveryId>, StoreError>;

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

    /// Adds up what this node counted.
    async fn count(&self, tallies: Vec<Tally>) -> Result<(), StoreError>;

    /// Figures of one webhook or of all.
    async fn stats(&self, request: StatsRequest) -> Result<Stats, StoreError>;

    /// What was changed, newest first.
    async fn audit(
        &self,
        filter: &AuditFilter,
        page: PageRequest<i64>,
    ) -> Result<Page<AuditLine, i64>, StoreError>;

    /// Seals every stored secret anew that is not sealed under the keyring's first key; returns
    /// how many. In bounded transactions, beside whatever else goes on.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] when one does not open under any of its keys.
    async fn reseal(&self, at: UnixMs) -> Result<u64, StoreError>;

    /// Whether the database answers and takes writes.
    ///
    /// # Errors
    /// Says what is wrong with it.
    async fn ping(&self) -> Result<(), StoreError>;
}
