//! Giving back what dead nodes held.

use std::collections::BTreeSet;

use stayhook_core::{EventId, Span, UnixMs, WebhookId};

use super::records::Row;
use super::state::{State, Time};

/// Whoever is silent for so long is dead.
pub(super) const DEAD_AFTER: Span = Span::seconds(15);

impl State {
    /// Forgets nodes that were silent for too long, by the store's clock; never this one.
    pub(super) fn bury(&mut self, node: i64, now: UnixMs) {
        let dead = |since: &Option<UnixMs>| since.is_some_and(|since| now.since(since) >= DEAD_AFTER);
        self.nodes.retain(|id, silent| *id == node || !dead(silent));
    }

    /// Everything that is of nodes that are not among these falls due at once.
    pub(super) fn give_back(&mut self, living: &BTreeSet<i64>, time: Time) -> u64 {
        let mut given_back = 0;
        let leased =
            self.pending.iter().filter(|(_, it)| it.lease.is_some_and(|node| !living.contains(&node)));
        for (id, event) in leased.map(|(key, _)| *key).collect::<Vec<_>>() {
            given_back += u64::from(self.interrupt(id, event, time));
        }
        let orphaned = self.handoffs.extract_if(.., |_, it| !living.contains(&it.node));
        let deliveries: Vec<_> = orphaned.flat_map(|(_, it)| it.deliveries).collect();
        for (event, id) in deliveries {
            let settled = self.pending.contains_key(&(id, event)) || self.last_row(id, event) > 0;
            if !settled && self.events.contains_key(&event) {
                given_back += u64::from(self.interrupt(id, event, time));
            }
        }
        given_back
    }

    /// Writes the interrupted attempt; returns whether another one is to follow.
    fn interrupt(&mut self, id: WebhookId, event: EventId, time: Time) -> bool {
        let end = self.refusal(id);
        let attempts = self.pending.get(&(id, event)).map_or(0, |it| it.attempts);
        let url_number = self.url_number(id).unwrap_or(1);
        self.record(id, event, Row::interrupted(attempts, time.now, url_number, end));
        if end.is_some() {
            self.forget(id, event);
            return false;
        }
        let steps = self.pending.get(&(id, event)).map_or(0, |it| it.steps);
        let booking = self.events.get(&event).and_then(|it| it.booking.clone());
        self.come_back((id, event), time.now, (attempts.saturating_add(1), steps), booking, time);
        true
    }
}
