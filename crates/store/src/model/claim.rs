//! Taking due deliveries under a lease, webhook by webhook.

use std::collections::BTreeMap;

use stayhook_core::{EventId, Progress, Status, UnixMs, WebhookId};

use super::records::Row;
use super::state::{State, Time};
use crate::{Claim, Claimed, Due};

impl State {
    pub(super) fn claim(&mut self, node: i64, claim: &Claim, time: Time) -> Claimed {
        let now = time.there(claim.now);
        let mut lanes: Vec<(UnixMs, WebhookId)> = Vec::new();
        for (id, first) in self.first_due(claim) {
            // Webhooks that wait longer come before those that were just served.
            let served = self.lanes.get(&id).and_then(|it| it.served);
            if first <= now {
                lanes.push((served.map_or(first, |it| first.max(it)), id));
            }
        }
        lanes.sort_unstable();
        let mut due = Vec::new();
        for (_, id) in lanes.into_iter().take(claim.lanes) {
            self.claim_lane(node, claim, id, time, &mut due);
        }
        let next = self.first_due(claim).into_values().min();
        Claimed { due, next: next.map(|it| time.here(it)) }
    }

    /// When something of a webhook is due, for those that may be claimed.
    fn first_due(&self, claim: &Claim) -> BTreeMap<WebhookId, UnixMs> {
        let mut first = BTreeMap::new();
        for ((id, _), pending) in &self.pending {
            if self.may_be_claimed(*id) && !claim.skip.contains(id) {
                let due = first.entry(*id).or_insert(pending.due);
                *due = pending.due.min(*due);
            }
        }
        first
    }

    pub(super) fn may_be_claimed(&self, id: WebhookId) -> bool {
        let open = self.lanes.get(&id).is_some_and(|it| it.closing.is_none());
        open && !matches!(self.status(id), None | Some(Status::Paused { .. }))
    }

    fn claim_lane(&mut self, node: i64, claim: &Claim, id: WebhookId, time: Time, due: &mut Vec<Due>) {
        let now = time.there(claim.now);
        let mut found: Vec<(UnixMs, EventId)> = Vec::new();
        for event in self.waiting(id) {
            found.extend(self.pending.get(&(id, event)).map(|it| (it.due, event)));
        }
        found.retain(|(at, _)| *at <= now);
        found.sort_unstable();
        for (_, event) in found.into_iter().take(claim.per_lane) {
            due.extend(self.lease(node, claim, id, event, time));
        }
        self.lanes.entry(id).or_default().served = Some(now);
    }

    fn lease(&mut self, node: i64, claim: &Claim, id: WebhookId, event: EventId, time: Time) -> Option<Due> {
        let row = self.events.get(&event)?;
        let target = row.targets.iter().find(|it| it.webhook == id)?;
        let body = row.bodies.get(usize::from(target.body))?.clone();
        let kind = row.kind.clone();
        let url_number = self.url_number(id).unwrap_or(1);
        let pending = self.pending.get_mut(&(id, event))?;
        let lost = pending.lease.replace(node).is_some();
        let before = pending.attempts;
        pending.attempts = pending.attempts.saturating_add(u32::from(lost));
        pending.due = time.there(claim.now.after(claim.lease));
        let progress = Progress { attempts: pending.attempts, steps: pending.steps };
        let booking = pending.booking.clone();
        if lost {
            self.record(id, event, Row::interrupted(before, claim.now, url_number, None));
        }
        Some(Due { webhook: id, event, kind, booking, progress, body })
    }
}
