//! Changing a webhook, and what that means for deliveries that wait.

use stayhook_core::{
    Credentials, Effects, End, EventId, Held, Ordering, Reason, Status, UnixMs, Webhook, WebhookId,
};

use super::records::Row;
use super::state::{Closing, State, Time};
use crate::audit::{Entry, NewCredentials};
use crate::{ChangeError, Order, Patch, Registered, Scope};

/// So many deliveries are cancelled at once; the sweeper does the rest.
pub(super) const CLOSED_AT_ONCE: usize = 1_000;

impl State {
    pub(super) fn change_webhook(
        &mut self,
        scope: &Scope,
        id: WebhookId,
        patch: Patch,
        order: &Order,
        retry_by: UnixMs,
        time: Time,
    ) -> Result<Registered, ChangeError> {
        let hook = self.ordered(scope, id, order)?;
        let before = hook.webhook.clone();
        let (mut after, effects) = before.changed(&patch.change, order.at)?;
        let had = hook.credentials.as_ref().map(Credentials::kind);
        let credentials = patch.credentials.filter(|new| new.is_some() || had.is_some());
        if !effects.changed && credentials.is_none() {
            return Ok(self.expect_registered(id)?);
        }
        (after.version, after.updated_at) = (before.version + 1, order.at);
        let kinds = credentials
            .as_ref()
            .map(|new| NewCredentials { before: had, after: new.as_ref().map(Credentials::kind) });
        let entry = Entry::changed(&order.by, &before, &after, kinds.as_ref());
        self.write_down(entry.releasing(effects.release));
        self.replace(&before, after.clone(), credentials);
        self.follow(&before, &after, effects, retry_by, time);
        self.changed(Some(id), time);
        Ok(self.expect_registered(id)?)
    }

    fn replace(&mut self, before: &Webhook, after: Webhook, credentials: Option<Option<Credentials>>) {
        let Some(hook) = self.webhooks.get_mut(&after.id) else { return };
        if before.url != after.url {
            hook.url_number += 1;
            self.urls.insert((after.id, hook.url_number), after.url.clone());
        }
        if let Some(credentials) = credentials {
            hook.credentials = credentials;
        }
        hook.webhook = after;
    }

    /// What is leased stays with its holder.
    fn follow(&mut self, before: &Webhook, after: &Webhook, effects: Effects, retry_by: UnixMs, time: Time) {
        let id = after.id;
        if before.status != after.status {
            let paused = matches!(after.status, Status::Paused { .. });
            self.lanes.entry(id).or_default().look = paused.then(|| time.there(time.now));
        }
        if matches!(before.status, Status::Disabled { .. }) && before.status != after.status {
            self.reopen(id, time);
        }
        if effects.cancel_all {
            self.close(id, Reason::WebhookDisabled, time.now, time, CLOSED_AT_ONCE);
            return;
        }
        // Where something else is still being cancelled, they are called off when their turn comes.
        if effects.drop_unsubscribed && self.lanes.get(&id).is_none_or(|it| it.closing.is_none()) {
            self.release(id, Reason::Unsubscribed, time.now);
        }
        if before.options.ordering != after.options.ordering && after.options.ordering != Ordering::Booking {
            self.free(id, time);
        }
        if effects.pull_forward {
            let by = time.there(retry_by);
            for event in self.waiting(id) {
                let Some(pending) = self.pending.get_mut(&(id, event)) else { continue };
                if pending.lease.is_none() {
                    pending.due = pending.due.min(by);
                }
            }
        }
        match effects.release {
            None | Some(Held::Deliver) => {}
            Some(Held::Latest) => self.release(id, Reason::Superseded, time.now),
            Some(Held::Discard) => self.release(id, Reason::Discarded, time.now),
        }
    }

    pub(super) fn cancel(&mut self, id: WebhookId, event: EventId, reason: Reason, at: UnixMs) {
        if let Some(pending) = self.forget(id, event) {
            self.record(id, event, Row::ended(pending.attempts, at, End::Cancelled(reason)));
        }
    }

    /// Cancels at most `room` of what waits, as of `since`, and notes where more is to follow;
    /// returns how many. What is leased follows once it is given back or its lease runs out.
    pub(super) fn close(
        &mut self,
        id: WebhookId,
        reason: Reason,
        since: UnixMs,
        time: Time,
        room: usize,
    ) -> usize {
        let closable = self.closable(id, time);
        for event in closable.iter().take(room) {
            self.cancel(id, *event, reason, since);
        }
        let lane = self.lanes.entry(id).or_default();
        let left = self.pending.keys().any(|(webhook, _)| *webhook == id);
        lane.closing = left.then_some(Closing { reason, since, part: None });
        if !left && reason == Reason::WebhookDeleted {
            self.lanes.remove(&id);
        }
        closable.len().min(room)
    }

    /// Ends the closing of a webhook that is switched on again.
    fn reopen(&mut self, id: WebhookId, time: Time) {
        let Some(Closing { reason, since, .. }) = self.lanes.get(&id).and_then(|it| it.closing) else {
            return;
        };
        for event in self.closable(id, time) {
            self.cancel(id, event, reason, since);
        }
        self.lanes.entry(id).or_default().closing = None;
    }

    /// What nobody holds, leases that ran out included.
    fn closable(&self, id: WebhookId, time: Time) -> Vec<EventId> {
        let now = time.there(time.now);
        let free = |event: &EventId| {
            self.pending.get(&(id, *event)).is_some_and(|it| it.lease.is_none() || it.due <= now)
        };
        self.waiting(id).into_iter().filter(free).collect()
    }
}
