//! The calls, each under the lock from beginning to end.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use stayhook_core::{
    DeliveryId, EventId, EventKind, EventType, PropertyId, Span, UnixMs, Webhook, WebhookId,
};
use tokio::sync::mpsc;

use super::ModelStore;
use crate::audit::Entry;
use crate::page::Gathering;
use crate::{
    AttemptLine, AuditFilter, AuditLine, ChangeError, Claim, Claimed, Collected, Conclude, Concluded,
    CreateError, DeliveryFilter, DeliveryLine, DeliverySearch, Entitlement, EventLine, Intake, NewToken,
    NewWebhook, Order, Origin, Page, PageRequest, Patch, Receipt, Recover, Recovered, Registered,
    RegistryChanges, RequeueError, Rotation, Scope, Signal, Stats, StatsRequest, Store, StoreError, Sweep,
    Swept, Tally, TokenHash, TokenLine, WebhookFilter,
};

#[async_trait]
impl Store for ModelStore {
    async fn create_webhook(&self, new: NewWebhook) -> Result<Registered, CreateError> {
        let time = self.model.time(new.at);
        self.model.lock().create_webhook(new, time)
    }

    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        Ok(self.model.lock().seen(scope, id).map(|it| it.webhook.clone()))
    }

    async fn webhooks(
        &self,
        scope: &Scope,
        filter: &WebhookFilter,
        page: PageRequest<WebhookId>,
    ) -> Result<Page<Webhook, WebhookId>, StoreError> {
        Ok(self.model.lock().webhooks(scope, filter, page))
    }

    async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        patch: Patch,
        order: &Order,
        retry_by: UnixMs,
    ) -> Result<Registered, ChangeError> {
        let time = self.model.time(order.at);
        self.model.lock().change_webhook(scope, id, patch, order, retry_by, time)
    }

    async fn delete_webhook(&self, scope: &Scope, id: WebhookId, order: &Order) -> Result<(), ChangeError> {
        let time = self.model.time(order.at);
        self.model.lock().delete_webhook(scope, id, order, time)
    }

    async fn rotate_secret(
        &self,
        scope: &Scope,
        id: WebhookId,
        rotation: Rotation,
        order: &Order,
    ) -> Result<Registered, ChangeError> {
        let time = self.model.time(order.at);
        self.model.lock().rotate_secret(scope, id, rotation, order, time)
    }

    async fn retry(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
        order: &Order,
    ) -> Result<(), RequeueError> {
        let time = self.model.time(order.at);
        self.model.lock().retry(scope, id, event, order, time)
    }

    async fn recover(
        &self,
        scope: &Scope,
        id: WebhookId,
        recover: Recover,
        order: &Order,
    ) -> Result<Recovered, RequeueError> {
        let time = self.model.time(order.at);
        self.model.lock().recover(scope, id, recover, order, time)
    }

    async fn set_entitlement(
        &self,
        property: PropertyId,
        entitled: bool,
        order: &Order,
    ) -> Result<Vec<Registered>, StoreError> {
        let time = self.model.time(order.at);
        let mut state = self.model.lock();
        let was = state.entitlement(property);
        let of_property = state.webhooks.values().filter(|it| it.webhook.property == property);
        let ids: Vec<WebhookId> = of_property.map(|it| it.webhook.id).collect();
        if was.set != Some(entitled) {
            let now = Entitlement { set: Some(entitled), version: was.version + 1 };
            state.entitlements.insert(property, now);
            state.write_down(Entry::entitlement(&order.by, order.at, property, was.set, entitled));
            for id in &ids {
                state.changed(Some(*id), time);
            }
        }
        Ok(ids.into_iter().filter_map(|id| state.registered(id)).collect())
    }

    async fn put_event_type(&self, kind: EventKind, order: &Order) -> Result<(), StoreError> {
        let time = self.model.time(order.at);
        let mut state = self.model.lock();
        let was = state.event_types.get(&kind.name).cloned();
        if was.as_ref() != Some(&kind) {
            state.write_down(Entry::event_type(&order.by, order.at, was.as_ref(), &kind));
            state.event_types.insert(kind.name.clone(), kind);
            state.changed(None, time);
        }
        Ok(())
    }

    async fn event_types(&self) -> Result<Vec<EventKind>, StoreError> {
        Ok(self.model.lock().event_types.values().cloned().collect())
    }

    async fn announce(&self, _types: Vec<EventType>, _event_bytes: usize) -> Result<(), StoreError> {
        // Nobody enqueues by SQL.
        Ok(())
    }

    async fn registry(&self) -> Result<Vec<Registered>, StoreError> {
        let state = self.model.lock();
        Ok(state.webhooks.keys().filter_map(|id| state.registered(*id)).collect())
    }

    async fn registered(&self, ids: &[WebhookId]) -> Result<Vec<Registered>, StoreError> {
        let state = self.model.lock();
        Ok(ids.iter().filter_map(|id| state.registered(*id)).collect())
    }

    async fn registry_changes(&self, since: i64) -> Result<RegistryChanges, StoreError> {
        if !self.model.has_neighbours() {
            return Ok(RegistryChanges { generation: 0, changed: Some(Vec::new()), event_types: false });
        }
        Ok(self.model.lock().changes_since(since))
    }

    fn signals(&self) -> mpsc::Receiver<Signal> {
        self.listen()
    }

    async fn intake(&self, intake: Intake) -> Result<Receipt, StoreError> {
        let now = intake.events.iter().map(|it| it.id.accepted_at()).max();
        let time = self.model.time(now.unwrap_or(UnixMs(0)));
        let mut state = self.model.lock();
        let node = self.come_back(&mut state);
        state.intake(node, intake, time)
    }

    async fn collect(&self, _limit: usize, _fresh: Span) -> Result<Vec<Collected>, StoreError> {
        // Nobody enqueues by SQL.
        Ok(Vec::new())
    }

    async fn conclude(&self, batch: Conclude) -> Result<Concluded, StoreError> {
        let time = self.model.time(batch.now);
        Ok(self.model.lock().conclude(self.node(), &batch, time))
    }

    fn holds(&self, webhook: WebhookId, event: EventId, origin: Origin, attempts: u32) -> bool {
        // Nobody takes anything from a process that is alone.
        !self.model.has_neighbours()
            || self.model.lock().is_held_by(self.node(), (webhook, event), origin, attempts)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let time = self.model.time(claim.now);
        let mut state = self.model.lock();
        let node = self.come_back(&mut state);
        Ok(state.claim(node, &claim, time))
    }

    async fn take_over(&self, now: UnixMs) -> Result<u64, StoreError> {
        let time = self.model.time(now);
        let mut state = self.model.lock();
        if !self.model.has_neighbours() {
            return Ok(state.give_back(&BTreeSet::new(), time));
        }
        state.bury(self.node(), time.there(now));
        Ok(state.rescue(time))
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.model.lock().nodes.remove(&self.node());
        Ok(())
    }

    async fn freeze(&self, from: UnixMs, until: UnixMs) -> Result<(), StoreError> {
        self.model.lock().freeze(from, until);
        Ok(())
    }

    async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError> {
        let time = self.model.time(sweep.now);
        let first = !self.swept_before.swap(true, Ordering::Relaxed);
        Ok(self.model.lock().sweep(&sweep, first, time))
    }

    async fn deliveries(
        &self,
        scope: &Scope,
        id: WebhookId,
        filter: &DeliveryFilter,
        page: PageRequest<EventId>,
    ) -> Result<Option<Page<DeliveryLine, EventId>>, StoreError> {
        let state = self.model.lock();
        Ok(state.seen(scope, id).map(|_| state.deliveries(id, filter, page)))
    }

    async fn all_deliveries(
        &self,
        search: &DeliverySearch,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
        Ok(self.model.lock().all_deliveries(search, page))
    }

    async fn delivery(
        &self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
    ) -> Result<Option<(DeliveryLine, Vec<AttemptLine>)>, StoreError> {
        let state = self.model.lock();
        let line = state.seen(scope, id).and_then(|_| state.line(id, event));
        let line = line.map(|line| DeliveryLine { profile: state.profile(id, event), ..line });
        Ok(line.map(|line| (line, state.attempt_lines(id, event))))
    }

    async fn event(&self, id: EventId) -> Result<Option<EventLine>, StoreError> {
        Ok(self.model.lock().event(id))
    }

    async fn create_token(&self, new: NewToken) -> Result<TokenLine, StoreError> {
        let mut state = self.model.lock();
        if state.tokens.iter().any(|(hash, _)| *hash == new.hash) {
            return Err(StoreError::Database("the token's hash is there already".to_owned()));
        }
        let NewToken { name, client, scopes, properties, hash, at } = new;
        let id = i64::try_from(state.tokens.len()).unwrap_or(i64::MAX).saturating_add(1);
        let line = TokenLine { id, name, client, scopes, properties, created_at: at, revoked_at: None };
        state.write_down(Entry::token_created(&line));
        state.tokens.push((hash, line.clone()));
        Ok(line)
    }

    async fn tokens(&self) -> Result<Vec<TokenLine>, StoreError> {
        Ok(self.model.lock().tokens.iter().map(|(_, line)| line.clone()).collect())
    }

    async fn token(&self, hash: &TokenHash) -> Result<Option<TokenLine>, StoreError> {
        let state = self.model.lock();
        let mut found = state.tokens.iter().filter(|(it, line)| it == hash && line.revoked_at.is_none());
        Ok(found.next().map(|(_, line)| line.clone()))
    }

    async fn revoke_token(&self, id: i64, at: UnixMs) -> Result<bool, StoreError> {
        let mut state = self.model.lock();
        let valid = state.tokens.iter_mut().map(|it| &mut it.1);
        let Some(line) = valid.into_iter().find(|it| it.id == id && it.revoked_at.is_none()) else {
            return Ok(false);
        };
        let entry = Entry::token_revoked(line, at);
        line.revoked_at = Some(at);
        state.write_down(entry);
        Ok(true)
    }

    async fn count(&self, tallies: Vec<Tally>) -> Result<(), StoreError> {
        self.model.lock().count(tallies);
        Ok(())
    }

    async fn stats(&self, request: StatsRequest) -> Result<Stats, StoreError> {
        Ok(self.model.lock().stats(request))
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        page: PageRequest<i64>,
    ) -> Result<Page<AuditLine, i64>, StoreError> {
        let state = self.model.lock();
        let mut gathering = Gathering::new(page.limit);
        for line in state.audit.iter().rev().filter(|it| page.after.is_none_or(|after| it.id < after)) {
            if let Some(page) = gathering.add(line.id, filter.wants(line).then(|| line.clone())) {
                return Ok(page);
            }
        }
        Ok(gathering.end())
    }

    async fn reseal(&self, _at: UnixMs) -> Result<u64, StoreError> {
        // Nothing is sealed in memory.
        Ok(0)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
