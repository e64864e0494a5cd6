//! Taking due deliveries under a lease, webhook by webhook.

use std::collections::BTreeMap;

use stayhook_core::{EventId, Progress, Status, UnixMs, WebhookId};

use super::records::Row;
use super::state::{Pending, State, Time};
use crate::turns::{self, Candidate};
use crate::{Claim, Claimed, Due};

impl State {
    pub(super) fn claim(&mut self, node: i64, claim: &Claim, time: Time) -> Claimed {
        let (chosen, last) = self.choose(claim, time);
        let mut due = Vec::new();
        for id in chosen {
            self.claim_lane(node, claim, id, time, &mut due);
        }
        let next = self.first_due(claim).into_values().min();
        Claimed { due, next: next.map(|it| time.here(it)), last }
    }

    /// The lanes to claim from, and the last client whose turn it was, where clients took turns.
    fn choose(&self, claim: &Claim, time: Time) -> (Vec<WebhookId>, Option<String>) {
        let longest = self.due_lanes(claim, time);
        if longest.len() < claim.lanes {
            return (longest, None);
        }
        let (picked, last) = turns::pick(self.candidates(claim, &longest), claim.lanes);
        let mut chosen: Vec<WebhookId> = picked.into_iter().map(WebhookId).collect();
        // The rest of the room goes to those that wait longest.
        let rest: Vec<WebhookId> = longest.into_iter().filter(|it| !chosen.contains(it)).collect();
        chosen.extend(rest);
        chosen.truncate(claim.lanes);
        (chosen, last)
    }

    /// Webhooks of which something is due, the longest first. Those that wait longer come before
    /// those that were just served.
    fn due_lanes(&self, claim: &Claim, time: Time) -> Vec<WebhookId> {
        let now = time.there(claim.now);
        let due = self.first_due(claim).into_iter().filter(|(_, first)| *first <= now);
        let mut due: Vec<(UnixMs, WebhookId)> = due
            .map(|(id, first)| {
                let served = self.lanes.get(&id).and_then(|it| it.served);
                (served.map_or(first, |it| first.max(it)), id)
            })
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Some due lanes of every client, from the one after the last on, and around.
    fn candidates(&self, claim: &Claim, longest: &[WebhookId]) -> Vec<Candidate> {
        let mut clients: BTreeMap<&str, Vec<WebhookId>> = BTreeMap::new();
        for id in longest {
            let client = self.lanes.get(id).map_or("", |it| it.client.as_str());
            clients.entry(client).or_default().push(*id);
        }
        let mut found = Vec::new();
        for (from, until) in turns::ranges(claim.after.as_deref()) {
            let within =
                |client: &str| client >= from.as_str() && until.as_deref().is_none_or(|until| client < until);
            for (client, ids) in clients.iter().filter(|(client, _)| within(client)) {
                let some = ids.iter().take(turns::EACH);
                found.extend(some.map(|id| Candidate { webhook: id.0, client: (*client).to_owned() }));
            }
        }
        found
    }

    /// When something of a webhook is due, for those that may be claimed.
    fn first_due(&self, claim: &Claim) -> BTreeMap<WebhookId, UnixMs> {
        let mut first = BTreeMap::new();
        for ((id, _), pending) in &self.pending {
            if self.may_be_claimed(*id) && !claim.skip.contains(id) {
                let Some(at) = pending.claimable() else { continue };
                let due = first.entry(*id).or_insert(at);
                *due = at.min(*due);
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
        loop {
            let mut found: Vec<(UnixMs, EventId)> = Vec::new();
            for event in self.waiting(id) {
                let at = self.pending.get(&(id, event)).and_then(Pending::claimable);
                found.extend(at.filter(|at| *at <= now).map(|at| (at, event)));
            }
            found.sort_unstable();
            found.truncate(claim.per_lane);
            let any = !found.is_empty();
            found.retain(|(_, event)| self.comes_first(id, *event));
            for (_, event) in &found {
                due.extend(self.lease(node, claim, id, *event, time));
            }
            // Where all of them were parked, others may be due.
            if !found.is_empty() || !any {
                break;
            }
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
