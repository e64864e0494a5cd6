//! Accepting events.

use stayhook_core::{BookingId, End, EventId, Reason, Status, UnixMs, WebhookId};

use super::order::Place;
use super::records::Row;
use super::state::{Handoff, Pending, State, Time};
use crate::columns::gathered_text;
use crate::targets::Targets;
use crate::{
    Accepted, HandoffId, IdempotencyClaim, Intake, NewRow, Receipt, Signal, StoreError, Target, TargetFate,
};

impl State {
    pub(super) fn intake(&mut self, node: i64, intake: Intake, time: Time) -> Result<Receipt, StoreError> {
        if intake.registry_generation != 0 && intake.registry_generation != self.generation() {
            return Err(StoreError::StaleRegistry);
        }
        let mut deliveries = Vec::new();
        let mut results = Vec::with_capacity(intake.events.len());
        for event in intake.events {
            let earlier = self.repeated(&event);
            if earlier.is_none() {
                self.accept(event, &mut deliveries, time);
            }
            results.push(earlier.unwrap_or(Accepted::New));
        }
        Ok(Receipt { handoff: self.hand_off(node, deliveries), results })
    }

    /// Claims the event's idempotency key; what it was used for before, if it was.
    fn repeated(&mut self, event: &NewRow) -> Option<Accepted> {
        let IdempotencyClaim { key, content } = event.idempotency.as_ref()?;
        let name = (event.client.as_str().to_owned(), key.as_str().to_owned());
        let Some((id, known)) = self.keys.get(&name) else {
            self.keys.insert(name, (event.id, *content));
            return None;
        };
        if known != content {
            return Some(Accepted::Conflict);
        }
        let targets = self.events.get(id).map(|it| it.targets.clone()).unwrap_or_default();
        Some(Accepted::Duplicate { id: *id, deliveries: Targets(targets).deliveries() })
    }

    fn accept(&mut self, event: NewRow, sent: &mut Vec<(EventId, WebhookId)>, time: Time) {
        let at = event.id.accepted_at();
        for target in &event.targets {
            match target.fate {
                TargetFate::Send => sent.push((event.id, target.webhook)),
                TargetFate::Wait | TargetFate::Gather(_) => self.wait_at_first(target, &event, time),
                TargetFate::Skip(Reason::Unsubscribed) => {}
                TargetFate::Skip(reason) => self.skip(target.webhook, event.id, reason, at),
            }
        }
        self.events.insert(event.id, event);
    }

    fn skip(&mut self, webhook: WebhookId, event: EventId, reason: Reason, at: UnixMs) {
        self.record(webhook, event, Row::ended(0, at, End::Skipped(reason)));
    }

    /// Due at once or when newer ones have had their time to take its place, unless the webhook
    /// was switched off since the fan-out was decided.
    fn wait_at_first(&mut self, target: &Target, event: &NewRow, time: Time) {
        let (webhook, at) = (target.webhook, event.id.accepted_at());
        if let Some(end) = self.refusal(webhook) {
            return self.skip(webhook, event.id, end.reason(), at);
        }
        let mut due = at.after(target.fate.wait().unwrap_or_default());
        let gathered = gathered_text(event).filter(|_| matches!(target.fate, TargetFate::Gather(_)));
        if let Some(key) = &gathered {
            due = self.supersede(webhook, key, at, time).map_or(due, |first| first.min(due));
        }
        self.wait(webhook, event.id, due, (0, 0), event.booking.clone(), time);
        if let Some(pending) = self.pending.get_mut(&(webhook, event.id)) {
            pending.gathered = gathered;
        }
        self.line_up(webhook, event.id, Place::Last);
    }

    /// Cancels the deliveries that a newer one takes the place of; when the first of them was due.
    fn supersede(&mut self, id: WebhookId, gathered: &str, at: UnixMs, time: Time) -> Option<UnixMs> {
        let still = |it: &Pending| {
            let same = it.gathered.as_deref() == Some(gathered);
            same && it.lease.is_none() && it.attempts == 0 && it.due > time.there(at)
        };
        let waiting = self.waiting(id).into_iter();
        let older: Vec<EventId> =
            waiting.filter(|event| self.pending.get(&(id, *event)).is_some_and(still)).collect();
        let gone = older.into_iter().filter_map(|event| {
            let pending = self.forget(id, event)?;
            self.record(id, event, Row::ended(0, at, End::Cancelled(Reason::Superseded)));
            Some(time.here(pending.due))
        });
        gone.min()
    }

    /// How a delivery that would wait for this webhook ends instead, if it may not wait.
    pub(super) fn refusal(&self, webhook: WebhookId) -> Option<End> {
        match self.status(webhook) {
            None => Some(End::Cancelled(Reason::WebhookDeleted)),
            Some(Status::Disabled { .. }) => Some(End::Cancelled(Reason::WebhookDisabled)),
            Some(Status::Active { .. } | Status::Paused { .. }) => None,
        }
    }

    /// Puts a delivery into `pending`, after so many attempts and steps.
    pub(super) fn wait(
        &mut self,
        webhook: WebhookId,
        event: EventId,
        due: UnixMs,
        (attempts, steps): (u32, u32),
        booking: Option<BookingId>,
        time: Time,
    ) {
        let due = time.there(due);
        let (lease, gathered) = (None, None);
        let pending = Pending { due, attempts, steps, booking, lease, seq: 0, parked: false, gathered };
        self.pending.insert((webhook, event), pending);
        self.look_soon(webhook, time);
        if due <= time.there(time.now) {
            self.signal(Signal::Due, time);
        }
    }

    /// Puts a delivery back into `pending` that somebody had: what was claimed keeps its place.
    pub(super) fn come_back(
        &mut self,
        (webhook, event): (WebhookId, EventId),
        due: UnixMs,
        (attempts, steps): (u32, u32),
        booking: Option<BookingId>,
        time: Time,
    ) {
        let claimed = self.pending.get(&(webhook, event)).cloned();
        self.wait(webhook, event, due, (attempts, steps), booking, time);
        match (claimed, self.pending.get_mut(&(webhook, event))) {
            (Some(claimed), Some(pending)) => {
                (pending.seq, pending.gathered) = (claimed.seq, claimed.gathered);
                self.keep_newest(webhook, event);
            }
            _ => self.line_up(webhook, event, Place::ByAge),
        }
    }

    fn hand_off(&mut self, node: i64, deliveries: Vec<(EventId, WebhookId)>) -> Option<HandoffId> {
        if deliveries.is_empty() {
            return None;
        }
        let id = self.next_handoff();
        self.handoffs.insert(id, Handoff { node, deliveries });
        Some(id)
    }
}
