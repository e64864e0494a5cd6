//! A node's way to the store, with somebody who listens, and who can cut it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use stayhook_core::{
    DeliveryId, EventId, EventKind, EventType, Outcome, PropertyId, Span, UnixMs, Webhook, WebhookId,
};
use stayhook_store::{
    AttemptLine, AuditFilter, AuditLine, ChangeError, Claim, Claimed, Collected, Conclude, Concluded,
    Conclusion, CreateError, DeliveryFilter, DeliveryLine, DeliverySearch, EventLine, Intake, NewRow,
    NewToken, NewWebhook, Order, Origin, Page, PageRequest, Patch, Receipt, Recover, Recovered, Registered,
    RegistryChanges, RequeueError, Rotation, Scope, Signal, Stats, StatsRequest, StatusChanged, Step, Store,
    StoreError, Sweep, Swept, Tally, TokenHash, TokenLine, WebhookFilter,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::calls::OWNER;
use crate::history::{Accepted, Applied, What, Written, WrittenStep};
use crate::network::Outside;

/// The store as one process of one node has it.
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) node: usize,
    /// Where its calls are made, if not on the spot.
    pub(crate) elsewhere: Option<Handle>,
    pub(crate) line: Arc<Line>,
}

/// The connection to the store.
#[derive(Default)]
pub(crate) struct Line {
    /// The process dies with a write.
    fuse: Mutex<Option<Fuse>>,
    dead: AtomicBool,
    /// The store does not answer before then.
    outage: Mutex<Option<UnixMs>>,
}

#[derive(Clone, Copy)]
pub(crate) struct Fuse {
    /// So many writes are left; the last is where the process dies.
    pub(crate) writes: u32,
    /// Before that write, or after it.
    pub(crate) before: bool,
}

impl Line {
    pub(crate) fn light(&self, fuse: Fuse) {
        *self.fuse.lock().unwrap_or_else(PoisonError::into_inner) = Some(fuse);
    }

    /// Nothing is wrong with it any more.
    pub(crate) fn mend(&self) {
        *self.fuse.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn cut(&self, until: UnixMs) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub(crate) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Whether the process dies with this write: before it, or after.
    fn burn(&self) -> Option<bool> {
        let mut fuse = self.fuse.lock().unwrap_or_else(PoisonError::into_inner);
        let Fuse { writes, before } = fuse.as_mut()?;
        *writes = writes.saturating_sub(1);
        (*writes == 0).then_some(*before)
    }

    fn outage(&self, now: UnixMs) -> Option<StoreError> {
        let outage = *self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.filter(|until| now < *until).map(|_| StoreError::Unavailable("simulated".to_owned()))
    }
}

impl Watched {
    /// A call that changes something; the process may die with it.
    async fn write<T: Send, E: From<StoreError> + Send>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send,
        note: impl FnOnce(&T),
    ) -> Result<T, E> {
        self.alive().await;
        if let Some(error) = self.line.outage(self.outside.timeline.now()) {
            return Err(error.into());
        }
        let dies = self.line.burn();
        if dies == Some(true) {
            self.line.die();
        }
        self.alive().await;
        let result = self.read(work).await;
        if let Ok(value) = &result {
            note(value);
        }
        if dies == Some(false) {
            self.line.die();
        }
        self.alive().await;
        result
    }

    /// A call of the store is over before anything else happens: how fast a database answers
    /// must not decide what comes first.
    async fn read<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        self.alive().await;
        self.outside.timeline.beat();
        let value = match &self.elsewhere {
            None => work.await,
            Some(elsewhere) => {
                let call = || elsewhere.block_on(work);
                std::thread::scope(|scope| scope.spawn(call).join()).unwrap()
            }
        };
        self.outside.timeline.beat();
        value
    }

    /// A dead process does not go on.
    async fn alive(&self) {
        if self.line.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    fn note_concluded(&self, conclusions: &BTreeMap<usize, Conclusion>, concluded: &Concluded) {
        for (place, fate) in concluded.fates.iter().enumerate() {
            let Some(it) = conclusions.get(&place) else { continue };
            let step = match &it.step {
                Step::Tried(tried) => WrittenStep::Tried {
                    began: tried.started_at,
                    ended: tried.started_at.after(tried.duration),
                    accepted: tried.outcome == Outcome::Accepted,
                    counts: matches!(tried.outcome, Outcome::Failed { .. }),
                    gone: tried.outcome == Outcome::Gone,
                    url_number: tried.url_number,
                },
                Step::Ended(_) => WrittenStep::Ended,
                Step::Spilled { .. } => WrittenStep::Spilled,
            };
            let written = Written { webhook: it.webhook, event: it.event, step, fate: *fate };
            self.outside.note(self.node, What::Written(written));
        }
        self.note_statuses(&concluded.statuses);
    }

    fn note_applied(&self, it: &Registered) {
        let applied =
            Applied { webhook: it.webhook.clone(), url_number: it.url_number, secrets: it.secrets.clone() };
        self.outside.note(self.node, What::Applied(applied));
    }

    fn note_accepted(&self, events: Vec<Accepted>, receipt: &Receipt) {
        for (event, result) in events.into_iter().zip(&receipt.results) {
            if *result == stayhook_store::Accepted::New {
                self.outside.accepted(event.event);
                self.outside.note(self.node, What::Accepted(event));
            }
        }
    }

    fn note_statuses(&self, statuses: &[StatusChanged]) {
        for it in statuses {
            let status = What::Status { webhook: it.webhook, status: it.status.clone() };
            self.outside.note(self.node, status);
        }
    }
}

fn accepted(row: &NewRow) -> Accepted {
    Accepted {
        event: row.id,
        kind: row.kind.clone(),
        property: row.property,
        booking: row.booking.clone(),
        own: row.origin.as_ref().is_some_and(|it| it.as_str() == OWNER),
        targets: row.targets.iter().map(|it| (it.webhook, it.fate)).collect(),
    }
}

#[async_trait]
impl Store for Watched {
    async fn create_webhook(&self, new: NewWebhook) -> Result<Registered, CreateError> {
        self.write(self.inner.create_webhook(new), |it| self.note_applied(it)).await
    }

    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.read(self.inner.webhook(scope, id)).await
    }

    async fn webhooks(
        &self,
        scope: &Scope,
        filter: &WebhookFilter,
        page: PageRequest<WebhookId>,
    ) -> Result<Page<Webhook, WebhookId>, StoreError> {
        self.read(self.inner.webhooks(scope, filter, page)).await
    }

    async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        patch: Patch,
        order: &Order,
        retry_by: UnixMs,
    ) -> Result<Registered, ChangeError> {
        self.write(self.inner.change_webhook(scope, id, patch, order, retry_by), |it| self.note_applied(it))
            .await
    }

    async fn delete_webhook(&self, scope: &Scope, id: WebhookId, order: &Order) -> Result<(), ChangeError> {
        let what = What::Gone { webhook: id };
        self.write(self.inner.delete_webhook(scope, id, order), |()| self.outside.note(self.node, what)).await
    }

    async fn rotate_secret(
        &self,
        scope: &Scope,
        id: WebhookId,
        rotation: Rotation,
        order: &Order,
    ) -> Result<Registered, ChangeError> {
        self.write(self.inner.rotate_secret(scope, id, rotation, order), |it| self.note_applied(it)).await
    }

    async fn retry(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
        order: &Order,
    ) -> Result<(), RequeueError> {
        let what = What::Requeued { webhook: id, event: Some(event) };
        self.write(self.inner.retry(scope, id, event, order), |()| self.outside.note(self.node, what)).await
    }

    async fn recover(
        &self,
        scope: &Scope,
        id: WebhookId,
        recover: Recover,
        order: &Order,
    ) -> Result<Recovered, RequeueError> {
        let what = What::Requeued { webhook: id, event: None };
        self.write(self.inner.recover(scope, id, recover, order), |_| self.outside.note(self.node, what))
            .await
    }

    async fn set_entitlement(
        &self,
        property: PropertyId,
        entitled: bool,
        order: &Order,
    ) -> Result<Vec<Registered>, StoreError> {
        let what = What::Entitled { property, entitled };
        let set = self.inner.set_entitlement(property, entitled, order);
        self.write(set, |_| self.outside.note(self.node, what)).await
    }

    async fn put_event_type(&self, kind: EventKind, order: &Order) -> Result<(), StoreError> {
        self.write(self.inner.put_event_type(kind, order), |()| ()).await
    }

    async fn event_types(&self) -> Result<Vec<EventKind>, StoreError> {
        self.read(self.inner.event_types()).await
    }

    async fn announce(&self, types: Vec<EventType>, event_bytes: usize) -> Result<(), StoreError> {
        self.read(self.inner.announce(types, event_bytes)).await
    }

    async fn registry(&self) -> Result<Vec<Registered>, StoreError> {
        self.read(self.inner.registry()).await
    }

    async fn registered(&self, ids: &[WebhookId]) -> Result<Vec<Registered>, StoreError> {
        self.read(self.inner.registered(ids)).await
    }

    async fn registry_changes(&self, since: i64) -> Result<RegistryChanges, StoreError> {
        self.read(self.inner.registry_changes(since)).await
    }

    fn signals(&self) -> mpsc::Receiver<Signal> {
        self.inner.signals()
    }

    async fn intake(&self, intake: Intake) -> Result<Receipt, StoreError> {
        // At its end an engine waits for its turn by an intake of nothing: no write to die with.
        if intake.events.is_empty() {
            return self.read(self.inner.intake(intake)).await;
        }
        // What is refused because webhooks changed is not a write to die with: it depends on
        // the database whether a node has to ask again after its own changes.
        let known = intake.registry_generation;
        if known != 0 && self.read(self.inner.registry_changes(known)).await?.generation != known {
            return Err(StoreError::StaleRegistry);
        }
        let accepted: Vec<Accepted> = intake.events.iter().map(accepted).collect();
        self.write(self.inner.intake(intake), |it| self.note_accepted(accepted, it)).await
    }

    async fn collect(&self, limit: usize, fresh: Span) -> Result<Vec<Collected>, StoreError> {
        self.read(self.inner.collect(limit, fresh)).await
    }

    async fn conclude(&self, batch: Conclude) -> Result<Concluded, StoreError> {
        let conclusions = batch.conclusions.iter().cloned().enumerate().collect();
        self.write(self.inner.conclude(batch), |it| self.note_concluded(&conclusions, it)).await
    }

    fn holds(&self, webhook: WebhookId, event: EventId, origin: Origin, attempts: u32) -> bool {
        self.inner.holds(webhook, event, origin, attempts)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.alive().await;
        if let Some(error) = self.line.outage(self.outside.timeline.now()) {
            return Err(error);
        }
        let claimed = self.read(self.inner.claim(claim)).await?;
        // Only a claim that took something is a write to die with.
        if !claimed.due.is_empty() && self.line.burn().is_some() {
            self.line.die();
        }
        self.alive().await;
        Ok(claimed)
    }

    async fn take_over(&self, now: UnixMs) -> Result<u64, StoreError> {
        self.read(self.inner.take_over(now)).await
    }

    async fn freeze(&self, from: UnixMs, until: UnixMs) -> Result<(), StoreError> {
        self.read(self.inner.freeze(from, until)).await
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.read(self.inner.leave()).await
    }

    async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError> {
        self.alive().await;
        if let Some(error) = self.line.outage(self.outside.timeline.now()) {
            return Err(error);
        }
        let swept = self.read(self.inner.sweep(sweep)).await?;
        self.note_statuses(&swept.statuses);
        Ok(swept)
    }

    async fn deliveries(
        &self,
        scope: &Scope,
        id: WebhookId,
        filter: &DeliveryFilter,
        page: PageRequest<EventId>,
    ) -> Result<Option<Page<DeliveryLine, EventId>>, StoreError> {
        self.read(self.inner.deliveries(scope, id, filter, page)).await
    }

    async fn all_deliveries(
        &self,
        search: &DeliverySearch,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
        self.read(self.inner.all_deliveries(search, page)).await
    }

    async fn delivery(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
    ) -> Result<Option<(DeliveryLine, Vec<AttemptLine>)>, StoreError> {
        self.read(self.inner.delivery(scope, id, event)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<EventLine>, StoreError> {
        self.read(self.inner.event(id)).await
    }

    async fn create_token(&self, new: NewToken) -> Result<TokenLine, StoreError> {
        self.read(self.inner.create_token(new)).await
    }

    async fn tokens(&self) -> Result<Vec<TokenLine>, StoreError> {
        self.read(self.inner.tokens()).await
    }

    async fn token(&self, hash: &TokenHash) -> Result<Option<TokenLine>, StoreError> {
        self.read(self.inner.token(hash)).await
    }

    async fn revoke_token(&self, id: i64, at: UnixMs) -> Result<bool, StoreError> {
        self.read(self.inner.revoke_token(id, at)).await
    }

    async fn count(&self, tallies: Vec<Tally>) -> Result<(), StoreError> {
        self.read(self.inner.count(tallies)).await
    }

    async fn stats(&self, request: StatsRequest) -> Result<Stats, StoreError> {
        self.read(self.inner.stats(request)).await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        page: PageRequest<i64>,
    ) -> Result<Page<AuditLine, i64>, StoreError> {
        self.read(self.inner.audit(filter, page)).await
    }

    async fn reseal(&self, at: UnixMs) -> Result<u64, StoreError> {
        self.read(self.inner.reseal(at)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(self.inner.ping()).await
    }
}
