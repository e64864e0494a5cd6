//! The store in one PostgreSQL, for any number of nodes.
//!
//! What is shared is decided by the database: its clock says what is due, its rows say who
//! holds what, and who has no row in `nodes` holds nothing. Whoever changes what waits for a
//! webhook holds the lock of its lane; accepting events and concluding accepted attempts
//! needs no lock and no update.

mod acceptance;
mod access;
mod audit;
mod background;
mod change;
mod claim;
mod clock;
mod closing;
mod conclude;
mod copy;
mod days;
mod delivered;
mod doubt;
mod entitlements;
mod event;
mod event_types;
mod failure;
mod figures;
mod hold;
mod inbox;
mod intake;
mod keys;
mod lanes;
mod line;
mod log;
mod migrate;
mod open;
mod pooled;
mod registry;
mod release;
mod requeue;
mod retention;
mod rows;
mod search;
mod secrets;
mod shared;
mod sql;
mod sweep;
mod take_over;
mod tenure;
#[cfg(test)]
mod tests;
mod tokens;
mod turns;
mod webhooks;
mod writes;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use stayhook_core::{DeliveryId, EventId, EventKind, EventType, PropertyId, UnixMs, Webhook, WebhookId};
use tokio::sync::mpsc;

pub use self::clock::Timing;
pub use self::inbox::enqueue_in;

pub(crate) use self::copy::PostgresSide;

use self::background::Tasks;
use self::clock::Shift;
use self::shared::{Shared, transaction};
use crate::{
    AttemptLine, AuditFilter, AuditLine, ChangeError, Claim, Claimed, Collected, Conclude, Concluded,
    CreateError, DeliveryFilter, DeliveryLine, DeliverySearch, EventLine, Intake, Keyring, NewToken,
    NewWebhook, Order, Origin, Page, PageRequest, Patch, Receipt, Recover, Registered, RegistryChanges,
    RequeueError, Rotation, Scope, Signal, Stats, StatsRequest, Store, StoreError, Sweep, Swept, Tally,
    TokenHash, TokenLine, WebhookFilter,
};

/// How to open a database.
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`; with `?pgbouncer=true` where a pooler in
    /// transaction mode stands between.
    pub url: String,
    /// What seals signing secrets.
    pub keyring: Keyring,
    /// Whether to bring the schema up to date where that is needed.
    pub migrate: bool,
    /// What people call this node; it need not be unique.
    pub node: String,
    /// Whose clock counts.
    pub timing: Timing,
}

/// A [`Store`] in one PostgreSQL.
pub struct PostgresStore {
    shared: Arc<Shared>,
    keyring: Keyring,
    signals: Mutex<Option<mpsc::Receiver<Signal>>>,
    /// This process has swept before.
    swept: AtomicBool,
    _tasks: Option<Tasks>,
}

impl PostgresStore {
    /// Opens the database and joins its nodes.
    ///
    /// # Errors
    /// Says what is wrong with the database, its settings, its schema or the key.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let access = open::open(&options, open::Use::Serve).await?;
        let shared = Arc::new(Shared::start(access, options.node, options.timing).await?);
        let (tasks, signals) = match options.timing {
            Timing::Database => Some(background::start(&shared)).unzip(),
            Timing::Caller => (None, None),
        };
        let (signals, swept) = (Mutex::new(signals), AtomicBool::new(false));
        Ok(Self { shared, keyring: options.keyring, signals, swept, _tasks: tasks })
    }

    fn opened(&self, stored: Vec<crate::columns::StoredWebhook>) -> Result<Vec<Registered>, StoreError> {
        stored.into_iter().map(|it| it.open(&self.keyring)).collect()
    }
}

/// A query, again where the connection turns out to be lost: after a restart of the database
/// all in the pool are.
macro_rules! query {
    ($self:ident, |$conn:ident| $job:expr) => {
        query!($self, line::PATIENCE, None, |$conn| $job)
    };
    ($self:ident, $patience:expr, $begin:expr, |$conn:ident| $job:expr) => {
        async {
            let mut left = open::POOL;
            loop {
                let mut held = $self.shared.pooled().await?;
                let result = line::work!(held, $patience, $begin, |$conn| $job);
                match held.done(result) {
                    Err(failure) if failure.is_lost_connection() && left > 0 => left -= 1,
                    other => break other,
                }
            }
        }
        .await
    };
}

/// Several queries that see one snapshot.
macro_rules! snapshot {
    ($self:ident, |$conn:ident| $job:expr) => {
        query!($self, line::PATIENCE, Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), |$conn| $job)
    };
}

#[async_trait]
impl Store for PostgresStore {
    async fn create_webhook(&self, new: NewWebhook) -> Result<Registered, CreateError> {
        let created = transaction!(self.shared.pooled(), |conn| webhooks::create(conn, &self.keyring, &new));
        created.map_err(StoreError::from)?
    }

    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let found = query!(self, |conn| webhooks::find(conn, scope, id))?;
        Ok(found.map(|it| it.webhook))
    }

    async fn webhooks(
        &self,
        scope: &Scope,
        filter: &WebhookFilter,
        page: PageRequest<WebhookId>,
    ) -> Result<Page<Webhook, WebhookId>, StoreError> {
        Ok(query!(self, |conn| webhooks::page(conn, scope, filter, page))?)
    }

    async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        patch: Patch,
        order: &Order,
        retry_by: UnixMs,
    ) -> Result<Registered, ChangeError> {
        let changed = transaction!(self.shared.pooled(), |conn| async {
            let shift = Shift::read(conn, self.shared.timing, order.at).await?;
            let asked = change::Asked { patch: &patch, order, retry_by };
            change::change(conn, shift, &self.keyring, scope, id, asked).await
        });
        let stored = changed.map_err(StoreError::from)??;
        Ok(stored.open(&self.keyring)?)
    }

    async fn delete_webhook(&self, scope: &Scope, id: WebhookId, order: &Order) -> Result<(), ChangeError> {
        let deleted = transaction!(self.shared.pooled(), |conn| async {
            let shift = Shift::read(conn, self.shared.timing, order.at).await?;
            webhooks::delete(conn, shift, &self.keyring, scope, id, order).await
        });
        deleted.map_err(StoreError::from)?
    }

    async fn rotate_secret(
        &self,
        scope: &Scope,
        id: WebhookId,
        rotation: Rotation,
        order: &Order,
    ) -> Result<Registered, ChangeError> {
        let rotated = transaction!(self.shared.pooled(), |conn| async {
            let shift = Shift::read(conn, self.shared.timing, order.at).await?;
            secrets::rotate(conn, shift, &self.keyring, scope, id, &rotation, order).await
        });
        rotated.map_err(StoreError::from)?
    }

    async fn retry(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
        order: &Order,
    ) -> Result<(), RequeueError> {
        let retried = transaction!(self.shared.pooled(), |conn| async {
            let shift = Shift::read(conn, self.shared.timing, order.at).await?;
            requeue::retry(conn, shift, scope, id, event, order).await
        });
        retried.map_err(StoreError::from)?
    }

    async fn recover(
        &self,
        scope: &Scope,
        id: WebhookId,
        recover: Recover,
        order: &Order,
    ) -> Result<u64, RequeueError> {
        let mut recovery = requeue::Recovery::start(recover);
        while !recovery.done {
            let step = transaction!(self.shared.pooled(), |conn| async {
                let shift = Shift::read(conn, self.shared.timing, order.at).await?;
                recovery.step(conn, shift, scope, id, &recover, order).await
            });
            recovery = step.map_err(StoreError::from)??;
        }
        Ok(recovery.requeued)
    }

    async fn set_entitlement(
        &self,
        property: PropertyId,
        entitled: bool,
        order: &Order,
    ) -> Result<Vec<Registered>, StoreError> {
        let set =
            transaction!(self.shared.pooled(), |conn| entitlements::set(conn, property, entitled, order));
        self.opened(set?)
    }

    async fn put_event_type(&self, kind: EventKind, order: &Order) -> Result<(), StoreError> {
        Ok(transaction!(self.shared.pooled(), |conn| event_types::put(conn, &kind, order))?)
    }

    async fn event_types(&self) -> Result<Vec<EventKind>, StoreError> {
        Ok(query!(self, |conn| event_types::all(conn))?)
    }

    async fn announce(&self, types: Vec<EventType>, event_bytes: usize) -> Result<(), StoreError> {
        Ok(transaction!(self.shared.pooled(), |conn| event_types::announce(conn, &types, event_bytes))?)
    }

    async fn registry(&self) -> Result<Vec<Registered>, StoreError> {
        self.opened(query!(self, |conn| registry::all(conn))?)
    }

    async fn registered(&self, ids: &[WebhookId]) -> Result<Vec<Registered>, StoreError> {
        self.opened(query!(self, |conn| registry::these(conn, ids))?)
    }

    async fn registry_changes(&self, since: i64) -> Result<RegistryChanges, StoreError> {
        Ok(query!(self, |conn| registry::changes(conn, since))?)
    }

    fn signals(&self) -> mpsc::Receiver<Signal> {
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner).take();
        signals.unwrap_or_else(|| mpsc::channel(1).1)
    }

    async fn intake(&self, intake: Intake) -> Result<Receipt, StoreError> {
        Ok(self.shared.intake(&intake).await?)
    }

    async fn collect(&self, limit: usize) -> Result<Vec<Collected>, StoreError> {
        Ok(transaction!(self.shared.pooled(), |conn| inbox::collect(conn, limit))?)
    }

    async fn conclude(&self, batch: Conclude) -> Result<Concluded, StoreError> {
        Ok(self.shared.conclude(&batch).await?)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        Ok(self.shared.claim(&claim).await?)
    }

    fn holds(&self, webhook: WebhookId, event: EventId, origin: Origin, attempts: u32) -> bool {
        self.shared.timing == Timing::Caller || self.shared.tenure.holds(webhook, event, origin, attempts)
    }

    async fn take_over(&self, now: UnixMs) -> Result<u64, StoreError> {
        Ok(self.shared.take_over(now).await?)
    }

    async fn leave(&self) -> Result<(), StoreError> {
        Ok(self.shared.leave().await?)
    }

    async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError> {
        let (shared, sweep, timing) = (&self.shared, &sweep, self.shared.timing);
        let statuses = transaction!(shared.upkeep.hold(), |conn| sweep::disable(conn, timing, sweep))?;
        transaction!(shared.upkeep.hold(), |conn| sweep::close(conn, timing, sweep))?;
        transaction!(shared.upkeep.hold(), |conn| secrets::promote(conn, sweep))?;
        transaction!(shared.upkeep.hold(), |conn| sweep::free(conn, timing, sweep))?;
        let expired = transaction!(shared.upkeep.hold(), |conn| sweep::expire(conn, sweep))?;
        if !self.swept.swap(true, Ordering::Relaxed) {
            transaction!(shared.upkeep.hold(), |conn| hold::look_again(conn, timing, sweep))?;
        }
        let let_go = transaction!(shared.upkeep.hold(), |conn| hold::expire(conn, timing, sweep))?;
        shared.pruned.fetch_max(sweep.now.before(sweep.prune).0, Ordering::Relaxed);
        let pruned = self.prune(sweep).await?;
        let next = transaction!(shared.upkeep.hold(), |conn| sweep::next(conn, timing, sweep))?;
        Ok(Swept { statuses, expired: expired + let_go, pruned, next })
    }

    async fn deliveries(
        &self,
        scope: &Scope,
        id: WebhookId,
        filter: &DeliveryFilter,
        page: PageRequest<EventId>,
    ) -> Result<Option<Page<DeliveryLine, EventId>>, StoreError> {
        Ok(snapshot!(self, |conn| log::page(conn, scope, id, filter, page))?)
    }

    async fn all_deliveries(
        &self,
        search: &DeliverySearch,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
        Ok(snapshot!(self, |conn| search::page(conn, search, page))?)
    }

    async fn delivery(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
    ) -> Result<Option<(DeliveryLine, Vec<AttemptLine>)>, StoreError> {
        Ok(snapshot!(self, |conn| log::delivery(conn, scope, id, event))?)
    }

    async fn event(&self, id: EventId) -> Result<Option<EventLine>, StoreError> {
        Ok(snapshot!(self, |conn| event::event(conn, id))?)
    }

    async fn create_token(&self, new: NewToken) -> Result<TokenLine, StoreError> {
        Ok(transaction!(self.shared.pooled(), |conn| tokens::create(conn, &new))?)
    }

    async fn tokens(&self) -> Result<Vec<TokenLine>, StoreError> {
        Ok(query!(self, |conn| tokens::all(conn))?)
    }

    async fn token(&self, hash: &TokenHash) -> Result<Option<TokenLine>, StoreError> {
        Ok(query!(self, line::PROMPT, None, |conn| tokens::find(conn, hash))?)
    }

    async fn revoke_token(&self, id: i64, at: UnixMs) -> Result<bool, StoreError> {
        Ok(transaction!(self.shared.pooled(), |conn| tokens::revoke(conn, id, at))?)
    }

    async fn count(&self, tallies: Vec<Tally>) -> Result<(), StoreError> {
        let node = self.shared.node();
        Ok(transaction!(self.shared.pooled(), |conn| figures::count(conn, node, &tallies))?)
    }

    async fn stats(&self, request: StatsRequest) -> Result<Stats, StoreError> {
        Ok(snapshot!(self, |conn| figures::stats(conn, request))?)
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        page: PageRequest<i64>,
    ) -> Result<Page<AuditLine, i64>, StoreError> {
        Ok(query!(self, |conn| audit::page(conn, filter, page))?)
    }

    async fn reseal(&self, at: UnixMs) -> Result<u64, StoreError> {
        let mut resealing = secrets::Resealing::START;
        while !resealing.done {
            let step = transaction!(self.shared.pooled(), |conn| resealing.step(conn, &self.keyring, at));
            resealing = step?;
        }
        Ok(resealing.resealed)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        query!(self, line::PROMPT, None, |conn| async {
            sqlx::query(sql::SET_META).bind("ping").bind(&b""[..]).execute(conn).await?;
            Ok(())
        })?;
        Ok(())
    }
}

impl PostgresStore {
    /// Events that are too old, whole days first.
    async fn prune(&self, sweep: &Sweep) -> Result<u64, StoreError> {
        let shared = &self.shared;
        let days = transaction!(shared.upkeep.hold(), |conn| retention::prune_day(conn, sweep));
        let days = match days {
            // Somebody reads them; the next sweep tries again.
            Err(failure) if failure.is_locked_out() => 0,
            other => other?,
        };
        let rows = transaction!(shared.upkeep.hold(), |conn| retention::prune_rows(conn, sweep))?;
        transaction!(shared.upkeep.hold(), |conn| figures::prune(conn, sweep))?;
        transaction!(shared.upkeep.hold(), |conn| registry::forget(conn))?;
        Ok(days + rows)
    }
}
