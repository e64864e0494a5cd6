//! How much was accepted and delivered, counted in memory and added to what is stored now and
//! then: the figures of a second are lost with a process that dies, deliveries never.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stayhook_core::{Outcome, Span, UnixMs, WebhookId};
use stayhook_store::{StoreError, Tally, Tried};

use crate::engine::Shared;

/// How often counts are written.
const EVERY: Span = Span::seconds(1);
const HOUR: i64 = 3_600_000;

/// What this node counted and has not written yet.
#[derive(Default)]
pub(crate) struct Tallies {
    /// By webhook and hour since the epoch.
    counts: Mutex<HashMap<(WebhookId, i64), Counts>>,
    /// Held while counts are written, so that who waits for it finds all of them stored.
    flushing: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    accepted: u64,
    delivered: u64,
    failed: u64,
    duration: Span,
}

impl Tallies {
    /// Deliveries to these webhooks were accepted, to be sent or held.
    pub(crate) fn accepted(&self, deliveries: impl Iterator<Item = (WebhookId, UnixMs)>) {
        let mut counts = self.lock();
        for (webhook, at) in deliveries {
            counts.entry(key(webhook, at)).or_default().accepted += 1;
        }
    }

    /// Attempts were made. Those that the engine itself broke off say nothing about a receiver
    /// and do not count.
    pub(crate) fn tried<'a>(&self, attempts: impl Iterator<Item = (WebhookId, &'a Tried)>) {
        let mut all = self.lock();
        for (webhook, tried) in attempts {
            let (delivered, failed) = match tried.outcome {
                Outcome::Accepted => (1, 0),
                Outcome::Failed { .. } | Outcome::Moved | Outcome::Gone => (0, 1),
                Outcome::Again { .. } | Outcome::Interrupted => continue,
            };
            let duration = tried.duration;
            let more = Counts { accepted: 0, delivered, failed, duration };
            all.entry(key(webhook, tried.started_at)).or_default().add(more);
        }
    }

    fn take(&self) -> HashMap<(WebhookId, i64), Counts> {
        std::mem::take(&mut *self.lock())
    }

    /// Counts what was taken and could not be written.
    fn give_back(&self, taken: HashMap<(WebhookId, i64), Counts>) {
        let mut counts = self.lock();
        for (key, more) in taken {
            counts.entry(key).or_default().add(more);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(WebhookId, i64), Counts>> {
        // Plain counts: whole after every line.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.accepted += more.accepted;
        self.delivered += more.delivered;
        self.failed += more.failed;
        let millis = self.duration.as_millis().saturating_add(more.duration.as_millis());
        self.duration = Span::millis(millis);
    }

    fn tally(self, (webhook, hour): (WebhookId, i64)) -> Tally {
        let Self { accepted, delivered, failed, duration } = self;
        let at = UnixMs(hour.saturating_mul(HOUR));
        Tally { webhook, at, accepted, delivered, failed, duration }
    }
}

fn key(webhook: WebhookId, at: UnixMs) -> (WebhookId, i64) {
    (webhook, at.0.div_euclid(HOUR))
}

/// Writes counts now and then until the engine stops, which writes the last of them itself.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        tokio::select! {
            () = shared.clock.sleep_until(shared.clock.now().after(EVERY)) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = shared.flush_tallies().await {
            tracing::warn!(%error, "figures could not be written; they are kept and written later");
            metrics::counter!("stayhook_store_errors_total", "during" => "tallies").increment(1);
        }
    }
}

impl Shared {
    /// Adds what was counted to what is stored.
    ///
    /// # Errors
    /// When the store fails; the counts are kept.
    pub(crate) async fn flush_tallies(&self) -> Result<(), StoreError> {
        let _flushing = self.tallies.flushing.lock().await;
        let taken = self.tallies.take();
        if taken.is_empty() {
            return Ok(());
        }
        let written = self.store.count(taken.iter().map(|(key, counts)| counts.tally(*key)).collect()).await;
        if written.is_err() {
            self.tallies.give_back(taken);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stayhook_core::Roll;
    use stayhook_store::Reply;

    fn tried(outcome: Outcome, started_at: i64) -> Tried {
        Tried {
            backoff: None,
            started_at: UnixMs(started_at),
            duration: Span::millis(7),
            outcome,
            roll: Roll(0),
            url_number: 1,
            reply: Reply::default(),
        }
    }

    fn told(tallies: &Tallies) -> Vec<(i64, i64, u64, u64, u64, u64)> {
        let mut told: Vec<_> = tallies
            .lock()
            .iter()
            .map(|(key, counts)| counts.tally(*key))
            .map(|it| (it.webhook.0, it.at.0, it.accepted, it.delivered, it.failed, it.duration.as_millis()))
            .collect();
        told.sort_unstable();
        told
    }

    #[test]
    fn each_hour_of_each_webhook_is_counted_and_nothing_is_lost_by_a_failed_write() {
        let tallies = Tallies::default();
        let (a, b) = (WebhookId(1), WebhookId(2));
        tallies.accepted([(a, UnixMs(0)), (b, UnixMs(HOUR - 1)), (a, UnixMs(HOUR))].into_iter());
        let failed = Outcome::Failed { retry_after: None };
        let attempts = [tried(Outcome::Accepted, 5), tried(failed, 6), tried(Outcome::Interrupted, 7)];
        tallies.tried(attempts.iter().map(|it| (a, it)));
        let taken = tallies.take();
        assert_eq!(told(&tallies), []);
        tallies.accepted([(a, UnixMs(1))].into_iter());
        tallies.give_back(taken);
        let expected = [(1, 0, 2, 1, 1, 14), (1, HOUR, 1, 0, 0, 0), (2, 0, 1, 0, 0, 0)];
        assert_eq!(told(&tallies), expected);
    }
}
