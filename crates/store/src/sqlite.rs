//! The store in one SQLite file: WAL, one writing thread with group commit, a few readers.

mod audit;
mod change;
mod claim;
mod closing;
mod conclude;
mod copy;
mod entitlements;
mod event;
mod event_types;
mod fault;
mod hold;
mod intake;
mod lanes;
mod log;
mod migrate;
mod open;
mod order;
mod pack;
mod query;
mod readers;
mod records;
mod release;
mod requeue;
mod reseal;
mod rows;
mod search;
mod secrets;
mod sql;
mod stats;
mod sweep;
mod take_over;
#[cfg(test)]
mod tests;
mod tokens;
mod turns;
mod walk;
mod webhooks;
mod writer;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use rusqlite::Connection;
use stayhook_core::{DeliveryId, EventId, EventKind, EventType, PropertyId, UnixMs, Webhook, WebhookId};
use tokio::sync::mpsc;

pub(crate) use self::copy::SqliteSide;

use self::audit::Tale;
use self::open::Opened;
use self::readers::Readers;
use self::reseal::Resealing;

use self::writer::Writer;
use crate::columns::StoredWebhook;
use crate::{
    AttemptLine, AuditFilter, AuditLine, ChangeError, Claim, Claimed, Collected, Conclude, Concluded,
    CreateError, DeliveryFilter, DeliveryLine, DeliverySearch, EventLine, Intake, Keyring, NewToken,
    NewWebhook, Order, Page, PageRequest, Patch, Receipt, Recover, Registered, RegistryChanges, RequeueError,
    Rotation, Scope, Signal, Stats, StatsRequest, Step, Store, StoreError, Sweep, Swept, Tally, TokenHash,
    TokenLine, WebhookFilter,
};

/// How to open a database.
pub struct SqliteOptions {
    /// The file.
    pub path: PathBuf,
    /// What seals signing secrets.
    pub keyring: Keyring,
    /// Whether to create the file, or bring its schema up to date, where that is needed.
    pub migrate: bool,
    /// Whether to keep other servers out. Commands that work beside a server do not.
    pub exclusive: bool,
}

/// A [`Store`] in one SQLite file.
pub struct SqliteStore {
    // Dropped in this order: the lock is given back when all that was queued is written.
    writer: Writer,
    readers: Readers,
    keyring: Keyring,
    /// What was accepted before this moment is being pruned.
    pruned: Arc<AtomicI64>,
    /// This process has swept before.
    swept_before: AtomicBool,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the database. Blocks for as long as migrations take.
    ///
    /// # Errors
    /// Says what is wrong with the file, its schema, the key, or who holds it.
    pub fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        Self::start(open::open(&options)?, options.keyring)
    }

    fn start(opened: Opened, keyring: Keyring) -> Result<Self, StoreError> {
        Ok(Self {
            writer: Writer::start(opened.writer)?,
            readers: Readers::new(opened.readers),
            keyring,
            pruned: Arc::new(AtomicI64::new(0)),
            swept_before: AtomicBool::new(false),
            _lock: opened.lock,
        })
    }

    /// One part of a sweep, as a transaction of its own.
    async fn swept<T: Send + 'static>(
        &self,
        bytes: usize,
        sweep: &Arc<Sweep>,
        part: fn(&Connection, &Sweep) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let sweep = Arc::clone(sweep);
        self.writer.write(bytes, move |conn| part(conn, &sweep)).await
    }
}

/// About what a row takes beside its body.
const ROW: usize = 256;

#[async_trait]
impl Store for SqliteStore {
    async fn create_webhook(&self, new: NewWebhook) -> Result<Registered, CreateError> {
        let keyring = self.keyring.clone();
        self.writer.write(ROW, move |conn| webhooks::create(conn, &keyring, &new)).await
    }

    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let scope = scope.clone();
        let found = self.readers.read(move |conn| webhooks::find(conn, &scope, id)).await?;
        Ok(found.map(|it| it.webhook))
    }

    async fn webhooks(
        &self,
        scope: &Scope,
        filter: &WebhookFilter,
        page: PageRequest<WebhookId>,
    ) -> Result<Page<Webhook, WebhookId>, StoreError> {
        let (scope, filter) = (scope.clone(), filter.clone());
        self.readers.read(move |conn| webhooks::page(conn, &scope, &filter, page)).await
    }

    async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        patch: Patch,
        order: &Order,
        retry_by: UnixMs,
    ) -> Result<Registered, ChangeError> {
        let (scope, order) = (scope.clone(), order.clone());
        let keyring = self.keyring.clone();
        let job =
            move |conn: &Connection| change::change(conn, &keyring, &scope, id, &patch, &order, retry_by);
        self.writer.write(ROW, job).await
    }

    async fn delete_webhook(&self, scope: &Scope, id: WebhookId, order: &Order) -> Result<(), ChangeError> {
        let (keyring, scope, order) = (self.keyring.clone(), scope.clone(), order.clone());
        self.writer.write(ROW, move |conn| webhooks::delete(conn, &keyring, &scope, id, &order)).await
    }

    async fn rotate_secret(
        &self,
        scope: &Scope,
        id: WebhookId,
        rotation: Rotation,
        order: &Order,
    ) -> Result<Registered, ChangeError> {
        let (keyring, scope, order) = (self.keyring.clone(), scope.clone(), order.clone());
        let job = move |conn: &Connection| secrets::rotate(conn, &keyring, &scope, id, &rotation, &order);
        self.writer.write(ROW, job).await
    }

    async fn retry(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
        order: &Order,
    ) -> Result<(), RequeueError> {
        let (scope, order) = (scope.clone(), order.clone());
        self.writer.write(ROW, move |conn| requeue::retry(conn, &scope, id, event, &order)).await
    }

    async fn recover(
        &self,
        scope: &Scope,
        id: WebhookId,
        recover: Recover,
        order: &Order,
    ) -> Result<u64, RequeueError> {
        let mut tale = Tale::default();
        // No event has the smallest id of a moment, so that those of `since` come after it.
        let mut after = EventId::floor(recover.since);
        loop {
            // Found beside the writer, and judged anew by it.
            let found = self.readers.read(move |conn| requeue::candidates(conn, id, after, recover.until));
            let found = found.await?;
            let (last, more) = (found.last().copied(), found.len() == requeue::BATCH);
            let (scope, order) = (scope.clone(), order.clone());
            let job =
                move |conn: &Connection| requeue::recover(conn, &scope, id, &recover, &order, &found, tale);
            tale = self.writer.write(requeue::BATCH * ROW, job).await?;
            match last {
                Some(last) if more => after = last,
                _ => return Ok(tale.done),
            }
        }
    }

    async fn set_entitlement(
        &self,
        property: PropertyId,
        entitled: bool,
        order: &Order,
    ) -> Result<Vec<Registered>, StoreError> {
        let (keyring, order) = (self.keyring.clone(), order.clone());
        let job = move |conn: &Connection| entitlements::set(conn, &keyring, property, entitled, &order);
        self.writer.write(ROW, job).await
    }

    async fn put_event_type(&self, kind: EventKind, order: &Order) -> Result<(), StoreError> {
        let order = order.clone();
        self.writer.write(ROW, move |conn| event_types::put(conn, &kind, &order)).await
    }

    async fn event_types(&self) -> Result<Vec<EventKind>, StoreError> {
        self.readers.read(event_types::all).await
    }

    async fn announce(&self, _types: Vec<EventType>, _event_bytes: usize) -> Result<(), StoreError> {
        // Nobody enqueues by SQL into this file.
        Ok(())
    }

    async fn registry(&self) -> Result<Vec<Registered>, StoreError> {
        let keyring = self.keyring.clone();
        let open = move |stored: StoredWebhook| stored.open(&keyring);
        self.readers.read(move |conn| webhooks::all(conn)?.into_iter().map(open).collect()).await
    }

    async fn registered(&self, ids: &[WebhookId]) -> Result<Vec<Registered>, StoreError> {
        let all = self.registry().await?;
        Ok(all.into_iter().filter(|it| ids.contains(&it.webhook.id)).collect())
    }

    async fn registry_changes(&self, _since: i64) -> Result<RegistryChanges, StoreError> {
        // This process makes all of the changes itself.
        Ok(RegistryChanges { generation: 0, changed: Some(Vec::new()), event_types: false })
    }

    fn signals(&self) -> mpsc::Receiver<Signal> {
        mpsc::channel(1).1
    }

    async fn intake(&self, intake: Intake) -> Result<Receipt, StoreError> {
        let bodies = intake.events.iter().flat_map(|it| &it.bodies).map(|body| body.bytes.len());
        let bytes = intake.events.len() * ROW + bodies.sum::<usize>();
        self.writer.write(bytes, move |conn| intake::intake(conn, &intake)).await
    }

    async fn collect(&self, _limit: usize) -> Result<Vec<Collected>, StoreError> {
        // Nobody shares a transaction with this file.
        Ok(Vec::new())
    }

    async fn conclude(&self, batch: Conclude) -> Result<Concluded, StoreError> {
        let bytes = batch.conclusions.iter().map(|it| match &it.step {
            Step::Tried(tried) => ROW + tried.reply.body.len(),
            Step::Ended(_) | Step::Spilled { .. } => ROW,
        });
        let (bytes, pruned) = (bytes.sum(), Arc::clone(&self.pruned));
        let job =
            move |conn: &Connection| conclude::conclude(conn, &batch, UnixMs(pruned.load(Ordering::Relaxed)));
        self.writer.write(bytes, job).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let bytes = claim.lanes.saturating_mul(claim.per_lane).saturating_mul(ROW);
        self.writer.write(bytes, move |conn| claim::claim(conn, &claim)).await
    }

    async fn take_over(&self, now: UnixMs) -> Result<u64, StoreError> {
        self.writer.write(ROW, move |conn| take_over::take_over(conn, now)).await
    }

    async fn leave(&self) -> Result<(), StoreError> {
        // Nobody waits for it.
        Ok(())
    }

    async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError> {
        let bytes = sweep.batch.saturating_mul(ROW);
        let sweep = Arc::new(sweep);
        self.swept(bytes, &sweep, sweep::free).await?;
        let mut expired = self.swept(bytes, &sweep, sweep::expire).await?;
        if !self.swept_before.swap(true, Ordering::Relaxed) {
            self.swept(bytes, &sweep, hold::look_again).await?;
        }
        expired += self.swept(bytes, &sweep, hold::expire).await?;
        self.pruned.store(sweep.now.before(sweep.prune).0, Ordering::Relaxed);
        let pruned = self.swept(bytes, &sweep, sweep::prune).await?;
        self.swept(bytes, &sweep, secrets::promote).await?;
        self.swept(bytes, &sweep, stats::prune).await?;
        // Last, and nothing after it: until the caller hears of a disabled webhook, its copy of it is wrong.
        let (statuses, next) = self.swept(bytes, &sweep, sweep::disable_and_look_ahead).await?;
        Ok(Swept { statuses, expired, pruned, next })
    }

    async fn deliveries(
        &self,
        scope: &Scope,
        id: WebhookId,
        filter: &DeliveryFilter,
        page: PageRequest<EventId>,
    ) -> Result<Option<Page<DeliveryLine, EventId>>, StoreError> {
        let (scope, filter) = (scope.clone(), filter.clone());
        self.readers.read(move |conn| log::page(conn, &scope, id, &filter, page)).await
    }

    async fn all_deliveries(
        &self,
        search: &DeliverySearch,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
        let search = search.clone();
        self.readers.read(move |conn| search::page(conn, &search, page)).await
    }

    async fn delivery(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
    ) -> Result<Option<(DeliveryLine, Vec<AttemptLine>)>, StoreError> {
        let scope = scope.clone();
        self.readers.read(move |conn| log::delivery(conn, &scope, id, event)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<EventLine>, StoreError> {
        self.readers.read(move |conn| event::event(conn, id)).await
    }

    async fn create_token(&self, new: NewToken) -> Result<TokenLine, StoreError> {
        self.writer.write(ROW, move |conn| tokens::create(conn, &new)).await
    }

    async fn tokens(&self) -> Result<Vec<TokenLine>, StoreError> {
        self.readers.read(tokens::all).await
    }

    async fn token(&self, hash: &TokenHash) -> Result<Option<TokenLine>, StoreError> {
        let hash = *hash;
        self.readers.read(move |conn| tokens::find(conn, &hash)).await
    }

    async fn revoke_token(&self, id: i64, at: UnixMs) -> Result<bool, StoreError> {
        self.writer.write(ROW, move |conn| tokens::revoke(conn, id, at)).await
    }

    async fn count(&self, tallies: Vec<Tally>) -> Result<(), StoreError> {
        let bytes = tallies.len() * ROW;
        self.writer.write(bytes, move |conn| stats::count(conn, &tallies)).await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Stats, StoreError> {
        self.readers.read(move |conn| stats::stats(conn, &request)).await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        page: PageRequest<i64>,
    ) -> Result<Page<AuditLine, i64>, StoreError> {
        let filter = filter.clone();
        self.readers.read(move |conn| audit::page(conn, &filter, page)).await
    }

    async fn reseal(&self, at: UnixMs) -> Result<u64, StoreError> {
        let mut resealing = Resealing::default();
        while !resealing.over {
            let keyring = self.keyring.clone();
            let job = move |conn: &Connection| resealing.go_on(conn, &keyring, at);
            resealing = self.writer.write(ROW, job).await?;
        }
        Ok(resealing.tale.done)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.readers.read(|conn| query::number(conn, sql::FIRST_FAILING, [])).await?;
        self.writer
            .write(ROW, |conn| query::run(conn, sql::SET_META, rusqlite::params!["ping", b""]))
            .await?;
        Ok(())
    }
}
