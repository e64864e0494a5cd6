//! Figures about webhooks.

use stayhook_core::{Span, Status, WebhookId};

use super::state::State;
use crate::stats::hour_of;
use crate::{Stats, StatsRequest, Tally};

impl State {
    pub(super) fn count(&mut self, tallies: Vec<Tally>) {
        for more in tallies {
            let key = (more.webhook, hour_of(more.at));
            let none = Tally { accepted: 0, delivered: 0, failed: 0, duration: Span::ZERO, ..more };
            let tally = self.tallies.entry(key).or_insert(none);
            tally.accepted += more.accepted;
            tally.delivered += more.delivered;
            tally.failed += more.failed;
            tally.duration = sum(tally.duration, more.duration);
        }
    }

    pub(super) fn stats(&self, request: StatsRequest) -> Stats {
        let mut stats = Stats::default();
        let asked = |id: &WebhookId| request.webhook.is_none_or(|it| it == *id);
        for (_, hook) in self.webhooks.iter().filter(|(id, _)| asked(id)) {
            match &hook.webhook.status {
                Status::Active { failing } => {
                    stats.active += 1;
                    stats.failing += u64::from(failing.is_some());
                }
                Status::Paused { .. } => stats.paused += 1,
                Status::Disabled { .. } => stats.disabled += 1,
            }
        }
        self.count_waiting(&mut stats, asked);
        let hours = hour_of(request.since)..=hour_of(request.until);
        for ((id, hour), tally) in &self.tallies {
            if asked(id) && hours.contains(hour) {
                stats.accepted += tally.accepted;
                stats.delivered += tally.delivered;
                stats.failed += tally.failed;
                stats.duration = sum(stats.duration, tally.duration);
            }
        }
        stats
    }

    fn count_waiting(&self, stats: &mut Stats, asked: impl Fn(&WebhookId) -> bool) {
        for ((id, _), pending) in self.pending.iter().filter(|((id, _), it)| asked(id) && it.lease.is_none())
        {
            match self.status(*id) {
                Some(Status::Active { .. }) => {
                    stats.pending += 1;
                    let due = pending.claimable();
                    stats.next_due = stats.next_due.into_iter().chain(due).min();
                }
                Some(Status::Paused { .. }) => stats.held += 1,
                Some(Status::Disabled { .. }) | None => {}
            }
        }
    }
}

fn sum(a: Span, b: Span) -> Span {
    Span::millis(a.as_millis().saturating_add(b.as_millis()))
}
