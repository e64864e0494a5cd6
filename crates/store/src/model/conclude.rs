//! Writing what became of deliveries, each under its fence.

use std::collections::BTreeMap;

use stayhook_core::{Attempt, EventId, Next, Reason, Status, WebhookId, decide};

use super::change::CLOSED_AT_ONCE;
use super::records::Row;
use super::state::{State, Time};
use crate::audit::Entry;
use crate::{Author, Conclude, Concluded, Conclusion, Fate, Origin, Signal, StatusChanged, Step, Tried};

impl State {
    pub(super) fn conclude(&mut self, node: i64, batch: &Conclude, time: Time) -> Concluded {
        let mut before = BTreeMap::new();
        let mut fates = Vec::with_capacity(batch.conclusions.len());
        for conclusion in &batch.conclusions {
            if let Some(status) = self.status(conclusion.webhook) {
                before.entry(conclusion.webhook).or_insert_with(|| status.clone());
            }
            fates.push(self.settle(node, conclusion, batch, time));
        }
        for id in &batch.finished {
            if self.handoffs.get(id).is_some_and(|it| it.node == node) {
                self.handoffs.remove(id);
            }
        }
        let statuses = before.into_iter().filter_map(|(id, status)| self.switched(id, &status, time));
        Concluded { fates, statuses: statuses.collect() }
    }

    fn settle(&mut self, node: i64, it: &Conclusion, batch: &Conclude, time: Time) -> Fate {
        if !self.is_open(node, it) {
            return Fate::Stale;
        }
        match &it.step {
            Step::Tried(tried) => self.settle_tried(it, tried, batch, time),
            Step::Ended(end) => self.settle_ended(it, *end, time),
            Step::Spilled { due } => match self.refusal(it.webhook) {
                Some(end) => self.settle_ended(it, end, time),
                None => {
                    let counts = (it.progress.attempts, it.progress.steps);
                    self.come_back((it.webhook, it.event), *due, counts, it.booking.clone(), time);
                    Fate::Spilled
                }
            },
        }
    }

    /// The fence: who concludes a delivery still has it, and it is no further than it was.
    fn is_open(&self, node: i64, it: &Conclusion) -> bool {
        self.is_held_by(node, (it.webhook, it.event), it.origin, it.progress.attempts)
    }

    /// Whether a node still has a delivery that it took after so many attempts.
    pub(super) fn is_held_by(
        &self,
        node: i64,
        key: (WebhookId, EventId),
        origin: Origin,
        attempts: u32,
    ) -> bool {
        let (webhook, event) = key;
        let holder = match origin {
            Origin::Handoff(id) => {
                let handoff = self.handoffs.get(&id);
                let mine = handoff.filter(|of| of.deliveries.contains(&(event, webhook)));
                if self.pending.contains_key(&key) || self.last_row(webhook, event) > 0 {
                    return false;
                }
                mine.map(|of| of.node)
            }
            Origin::Claim => {
                let pending = self.pending.get(&key);
                pending.filter(|of| of.attempts == attempts).and_then(|of| of.lease)
            }
        };
        holder == Some(node) && self.events.contains_key(&event)
    }

    fn settle_tried(&mut self, it: &Conclusion, tried: &Tried, batch: &Conclude, time: Time) -> Fate {
        let outcome = tried.outcome_at(self.url_number(it.webhook));
        let attempt = Attempt { outcome, finished_at: tried.started_at.after(tried.duration) };
        let verdict =
            decide(it.progress, self.status(it.webhook), attempt, &tried.policy(&batch.policy), tried.roll);
        self.record(it.webhook, it.event, Row::tried(it.progress, tried, verdict.next));
        if let Next::Retry { due, steps } = verdict.next {
            let counts = (it.progress.attempts.saturating_add(1), steps);
            self.come_back((it.webhook, it.event), due, counts, it.booking.clone(), time);
        } else {
            self.forget(it.webhook, it.event);
        }
        if let (Some(hook), Some(status)) = (self.webhooks.get_mut(&it.webhook), verdict.status) {
            hook.webhook.status = status;
        }
        Fate::Written(verdict.next)
    }

    fn settle_ended(&mut self, it: &Conclusion, end: stayhook_core::End, time: Time) -> Fate {
        self.forget(it.webhook, it.event);
        self.record(it.webhook, it.event, Row::ended(it.progress.attempts, time.now, end));
        Fate::Written(Next::Ended(end))
    }

    /// What follows from a status that was just written, if it is another than before.
    pub(super) fn switched(&mut self, id: WebhookId, before: &Status, time: Time) -> Option<StatusChanged> {
        self.switched_leaving(id, before, time, CLOSED_AT_ONCE)
    }

    /// The same; at most `room` of what waits is cancelled at once.
    pub(super) fn switched_leaving(
        &mut self,
        id: WebhookId,
        before: &Status,
        time: Time,
        room: usize,
    ) -> Option<StatusChanged> {
        let webhook = &mut self.webhooks.get_mut(&id)?.webhook;
        if webhook.status == *before {
            return None;
        }
        if webhook.status.as_str() != before.as_str() {
            let was = stayhook_core::Webhook { status: before.clone(), ..webhook.clone() };
            webhook.version += 1;
            webhook.updated_at = time.now;
            let entry = Entry::changed(&Author::Engine, &was, webhook, None);
            self.write_down(entry);
            self.changed(Some(id), time);
            self.signal(Signal::Registry, time);
            if matches!(self.status(id), Some(Status::Disabled { .. })) {
                self.close(id, Reason::WebhookDisabled, time.now, time, room);
            }
        }
        let webhook = &self.webhooks.get(&id)?.webhook;
        Some(StatusChanged { webhook: id, status: webhook.status.clone(), version: webhook.version })
    }
}
