//! Accepting events.

use stayhook_core::{BookingId, End, EventId, Reason, Status, UnixMs, WebhookId};

use super::records::Row;
use super::state::{Handoff, Pending, State, Time};
use crate::targets::Targets;
use crate::{Accepted, HandoffId, IdempotencyClaim, Intake, NewRow, Receipt, Signal, StoreError, TargetFate};

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
                TargetFate::Wait => self.wait_at_first(target.webhook, &event, time),
                TargetFate::Skip(Reason::Unsubscribed) => {}
                TargetFate::Skip(reason) => self.skip(target.webhook, event.id, reason, at),
            }
        }
        self.events.insert(event.id, event);
    }

    fn skip(&mut self, webhook: WebhookId, event: EventId, reason: Reason, at: UnixMs) {
        self.record(webhook, event, Row::ended(0, at, End::Skipped(reason)));
    }

    /// Due at once, unless the webhook was switched off since the fan-out was decided.
    fn wait_at_first(&mut self, webhook: WebhookId, event: &NewRow, time: Time) {
        let at = event.id.accepted_at();
        match self.refusal(webhook) {
            Some(end) => self.skip(webhook, event.id, end.reason(), at),
            None => self.wait(webhook, event.id, at, (0, 0), event.booking.clone(), time),
        }
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
        self.pending.insert((webhook, event), Pending { due, attempts, steps, booking, lease: None });
        if due <= time.there(time.now) {
            self.signal(Signal::Due, time);
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
