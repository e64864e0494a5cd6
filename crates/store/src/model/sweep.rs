//! What the clock demands, each part bounded by the batch.

use stayhook_core::{End, EventId, Reason, Secrets, Span, Status, UnixMs, WebhookId};

use super::records::Row;
use super::state::{State, Time};
use crate::stats::end_of;
use crate::{StatusChanged, Sweep, Swept};

impl State {
    pub(super) fn sweep(&mut self, sweep: &Sweep, first: bool, time: Time) -> Swept {
        let mut expired = self.expire(sweep);
        if first {
            self.look_again(time);
        }
        expired += self.expire_held(sweep, time);
        let pruned = self.prune(sweep);
        self.promote(sweep);
        self.prune_tallies(sweep);
        let statuses = self.disable_overdue(sweep, time);
        self.close_the_rest(sweep, time);
        Swept { statuses, expired, pruned, next: self.next(sweep, time) }
    }

    pub(super) fn freeze(&mut self, from: UnixMs, until: UnixMs) {
        for hook in self.webhooks.values_mut() {
            if let Status::Active { failing: Some(run) } = &mut hook.webhook.status {
                *run = run.frozen(from, until);
            }
        }
    }

    fn disable_overdue(&mut self, sweep: &Sweep, time: Time) -> Vec<StatusChanged> {
        let overdue = |id: &WebhookId| self.status(*id)?.swept(sweep.now, sweep.disable).map(|it| (*id, it));
        let overdue: Vec<_> = self.webhooks.keys().filter_map(overdue).take(sweep.batch).collect();
        let mut changes = Vec::new();
        for (id, status) in overdue {
            let Some(hook) = self.webhooks.get_mut(&id) else { continue };
            let before = std::mem::replace(&mut hook.webhook.status, status);
            changes.extend(self.switched_leaving(id, &before, time, 0));
        }
        changes
    }

    fn close_the_rest(&mut self, sweep: &Sweep, time: Time) {
        let closing: Vec<_> =
            self.lanes.iter().filter_map(|(id, lane)| lane.closing.map(|mark| (*id, mark))).collect();
        let mut room = sweep.batch;
        for (id, mark) in closing {
            if room == 0 {
                break;
            }
            room -= match mark.part {
                Some(part) => self.go_on(id, mark, part, room),
                None => self.close(id, mark.reason, mark.since, time, room),
            };
        }
    }

    /// Ends rotations whose overlap is over.
    fn promote(&mut self, sweep: &Sweep) {
        let over = |secrets: &Secrets| secrets.next.as_ref().is_some_and(|next| next.from <= sweep.now);
        for hook in self.webhooks.values_mut().filter(|it| over(&it.secrets)).take(sweep.batch) {
            if let Some(next) = hook.secrets.next.take() {
                hook.secrets = Secrets::only(next.secret);
            }
        }
    }

    fn expire(&mut self, sweep: &Sweep) -> u64 {
        let kept_from = EventId::floor(sweep.now.before(sweep.keep));
        let old = self.pending.iter().filter(|((_, event), it)| *event < kept_from && it.lease.is_none());
        let old: Vec<_> = old.take(sweep.batch).map(|(key, it)| (*key, it.attempts)).collect();
        for ((id, event), attempts) in &old {
            self.forget(*id, *event);
            self.record(*id, *event, Row::ended(*attempts, sweep.now, End::Expired(Reason::Retention)));
        }
        old.len() as u64
    }

    fn prune(&mut self, sweep: &Sweep) -> u64 {
        let kept_from = EventId::floor(sweep.now.before(sweep.prune));
        let old: Vec<EventId> = self.events.range(..kept_from).take(sweep.batch).map(|(id, _)| *id).collect();
        let (mut room, mut pruned) = (sweep.batch, 0);
        for event in old {
            if room == 0 {
                break;
            }
            room = room.saturating_sub(self.delete(event));
            pruned += 1;
        }
        pruned
    }

    /// Returns how many rows went.
    fn delete(&mut self, event: EventId) -> usize {
        let Some(row) = self.events.remove(&event) else { return 0 };
        let mut rows = 1;
        for target in &row.targets {
            let key = (target.webhook, event);
            rows += self.attempts.remove(&key).map_or(0, |rows| rows.len());
            rows += usize::from(self.forget(key.0, key.1).is_some());
        }
        if let Some(claim) = &row.idempotency {
            self.keys.remove(&(row.client.as_str().to_owned(), claim.key.as_str().to_owned()));
        }
        for handoff in self.handoffs.values_mut() {
            handoff.deliveries.retain(|(it, _)| *it != event);
        }
        self.handoffs.retain(|_, it| !it.deliveries.is_empty());
        rows
    }

    fn prune_tallies(&mut self, sweep: &Sweep) {
        let kept_from = sweep.now.before(sweep.keep);
        self.tallies.retain(|(_, hour), _| end_of(*hour) >= kept_from);
    }

    /// The earliest moment at which any of this is due.
    fn next(&self, sweep: &Sweep, time: Time) -> Option<UnixMs> {
        let look = self.lanes.iter().filter(|(id, _)| self.is_held(**id)).filter_map(|(_, it)| it.look);
        self.next_but_looks(sweep, time).into_iter().chain(look.map(|it| time.here(it))).min()
    }

    /// The same, leaving out looks at what is held.
    pub(super) fn next_but_looks(&self, sweep: &Sweep, time: Time) -> Option<UnixMs> {
        let past = |at: UnixMs, span: Span| at.after(span).after(Span::millis(1));
        let hooks = || self.webhooks.values();
        let failing =
            hooks().filter_map(|it| Some(past(it.webhook.status.failing()?.since, sweep.disable.after)));
        let promotions = hooks().filter_map(|it| it.secrets.next.as_ref()).map(|it| it.from);
        let closing = self.lanes.iter().filter(|(_, it)| it.closing.is_some());
        let closing = closing.flat_map(|(id, _)| self.closing_due(*id)).map(|it| time.here(it));
        let waiting = self.pending.iter().filter(|(_, it)| it.lease.is_none());
        let expiry = waiting.map(|((_, event), _)| past(event.accepted_at(), sweep.keep)).min();
        let pruning = self.events.keys().next().map(|event| past(event.accepted_at(), sweep.prune));
        let tallies = self.tallies.keys().map(|(_, hour)| past(end_of(*hour), sweep.keep));
        failing.chain(promotions).chain(closing).chain(expiry).chain(pruning).chain(tallies).min()
    }

    /// When more of a closing lane can be cancelled, by the store's clock.
    fn closing_due(&self, id: WebhookId) -> Option<UnixMs> {
        let due = |it: &super::state::Pending| if it.lease.is_some() { it.due } else { UnixMs(0) };
        self.waiting(id).iter().filter_map(|event| self.pending.get(&(id, *event))).map(due).min()
    }
}
