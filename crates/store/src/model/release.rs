//! What becomes of held deliveries on resumption, where not all of them are delivered: the rest
//! is cancelled in pieces, and the lane is closed meanwhile.

use stayhook_core::{EventId, Reason, UnixMs, WebhookId};

use super::change::CLOSED_AT_ONCE;
use super::state::{Closing, Part, State};

impl State {
    /// Cancels what waits at this moment, or as much of it as is done at once.
    pub(super) fn release(&mut self, id: WebhookId, reason: Reason, since: UnixMs) {
        let waiting = self.waiting(id);
        let free = |event: &&EventId| self.pending.get(&(id, **event)).is_some_and(|it| it.lease.is_none());
        if let Some(newest) = waiting.iter().rfind(free) {
            let part = Part { done: None, newest: *newest };
            self.go_on(id, Closing { reason, since, part: Some(part) }, part, CLOSED_AT_ONCE);
        }
    }

    /// Looks at the next deliveries, at most `room`; returns how many it looked at. After the
    /// last one the lane is open again.
    pub(super) fn go_on(&mut self, id: WebhookId, mark: Closing, part: Part, room: usize) -> usize {
        let next = |event: &EventId| part.done.is_none_or(|done| done < *event) && *event <= part.newest;
        let found: Vec<EventId> = self.waiting(id).into_iter().filter(next).take(room).collect();
        for event in &found {
            let free = self.pending.get(&(id, *event)).is_some_and(|it| it.lease.is_none());
            if free && self.includes(id, *event, mark.reason, part) {
                self.cancel(id, *event, mark.reason, mark.since);
            }
        }
        let last = found.last().copied().filter(|_| found.len() >= room);
        let part = last.map(|last| Part { done: Some(last), ..part });
        self.lanes.entry(id).or_default().closing = part.map(|part| Closing { part: Some(part), ..mark });
        found.len()
    }

    fn includes(&self, id: WebhookId, event: EventId, reason: Reason, part: Part) -> bool {
        match reason {
            Reason::Superseded => self.newer_waits(id, event, part.newest),
            Reason::Unsubscribed => {
                let found = self.events.get(&event).zip(self.webhooks.get(&id));
                found.is_some_and(|(event, hook)| !hook.webhook.events.matches(&event.kind))
            }
            _ => true,
        }
    }

    /// Whether a newer one of the same booking waits, up to the last one of the release.
    fn newer_waits(&self, id: WebhookId, event: EventId, newest: EventId) -> bool {
        let key = |event| {
            let waits = self.pending.get(&(id, event))?;
            Some((waits.booking.as_ref()?.key(), waits.lease.is_none()))
        };
        let Some((booking, _)) = key(event) else { return false };
        let newer = self.waiting(id).into_iter().filter(|it| event < *it && *it <= newest);
        newer.filter_map(key).any(|(other, free)| free && other == booking)
    }
}
