//! Settling: what became of deliveries is gathered and committed as one transaction.

use std::sync::Arc;

use stayhook_core::{Next, Ordering, Span, Status, WebhookId};
use stayhook_store::{Conclude, Concluded, Conclusion, Fate, HandoffId, Origin, Step};
use tokio::sync::mpsc;

use crate::engine::Shared;

/// At most so many in one transaction.
const GROUP: usize = 1_000;
/// Wait before a commit that failed is tried again: from the first to the last.
const AGAIN: [Span; 2] = [Span::millis(50), Span::seconds(2)];

/// Where outcomes are handed in. Never blocks: who starts attempts bounds how many there are.
pub(crate) struct Settle(mpsc::UnboundedSender<Conclusion>);

impl Settle {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Conclusion>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    pub(crate) fn add(&self, conclusion: Conclusion) {
        // Without a receiver the process is ending; the handoff or lease brings it back.
        let _ = self.0.send(conclusion);
    }
}

/// Commits groups of outcomes for as long as there are any to come.
pub(crate) async fn run(shared: Arc<Shared>, mut outcomes: mpsc::UnboundedReceiver<Conclusion>) {
    let mut group = Vec::new();
    while outcomes.recv_many(&mut group, GROUP).await > 0 {
        let finished = shared.handoffs.finished_by(&group);
        let count = group.len();
        let spilled: Vec<WebhookId> =
            group.iter().filter(|it| matches!(it.step, Step::Spilled { .. })).map(|it| it.webhook).collect();
        let strict = shared.is_ordered(&group);
        let (written, concluded) = commit(&shared, std::mem::take(&mut group), finished).await;
        tally(&shared, &written, &concluded);
        // Marked once more now that a claim can see them: one that ran before did not.
        shared.dispatch.wait_in_store(&spilled);
        shared.look_at_held(&back(&written, &concluded));
        apply(&shared, &concluded);
        if strict {
            // What waited behind one of them may be due.
            shared.feed.wake();
        }
        shared.dispatch.settled(&shared, count);
        shared.settled.notify_waiters();
    }
}

/// Writes a group, for as long as it takes: what is acknowledged is never dropped because
/// the database is away for a while.
async fn commit(
    shared: &Shared,
    conclusions: Vec<Conclusion>,
    finished: Vec<HandoffId>,
) -> (Vec<Conclusion>, Concluded) {
    let mut batch = Conclude { conclusions, finished, now: shared.clock.now(), policy: shared.config.policy };
    let mut wait = AGAIN[0];
    loop {
        match shared.store.conclude(batch.clone()).await {
            Ok(concluded) => return (batch.conclusions, concluded),
            Err(error) => {
                tracing::error!(%error, deliveries = batch.conclusions.len(), "outcomes could not be written; trying again");
                metrics::counter!("stayhook_store_errors_total", "during" => "settle").increment(1);
            }
        }
        shared.clock.sleep_until(shared.clock.now().after(wait)).await;
        wait = wait.times(2).min(AGAIN[1]);
        batch.now = shared.clock.now();
    }
}

/// The webhooks of what waits again.
fn back(conclusions: &[Conclusion], concluded: &Concluded) -> Vec<WebhookId> {
    let waits = |fate: &Fate| matches!(fate, Fate::Spilled | Fate::Written(Next::Retry { .. }));
    let all = conclusions.iter().zip(&concluded.fates);
    all.filter(|(_, fate)| waits(fate)).map(|(it, _)| it.webhook).collect()
}

impl Shared {
    /// Whether the order of any of these matters beyond this node's memory.
    fn is_ordered(&self, conclusions: &[Conclusion]) -> bool {
        let strict = |webhook| {
            let entry = self.registry.get(webhook);
            entry.is_some_and(|it| it.webhook.options.ordering != Ordering::None)
        };
        let claimed = |it: &&Conclusion| it.origin == Origin::Claim && it.booking.is_some();
        conclusions.iter().filter(claimed).any(|it| strict(it.webhook))
    }
}

/// Counts the attempts that were written.
fn tally(shared: &Shared, conclusions: &[Conclusion], concluded: &Concluded) {
    let written = conclusions.iter().zip(&concluded.fates).filter_map(|(it, fate)| match (&it.step, fate) {
        (Step::Tried(tried), Fate::Written(_)) => Some((it.webhook, tried)),
        _ => None,
    });
    shared.tallies.tried(written);
}

/// Tells the rest of the engine what the commit led to.
fn apply(shared: &Arc<Shared>, concluded: &Concluded) {
    for change in &concluded.statuses {
        shared.registry.apply_status(change);
        match &change.status {
            Status::Disabled { at, .. } => {
                tracing::warn!(webhook = %change.webhook, at = %at.rfc3339_seconds(), "webhook disabled: it failed for too long");
                shared.reconsider(change.webhook);
            }
            Status::Active { failing: Some(_) } => shared.upkeep.wake(),
            Status::Active { failing: None } | Status::Paused { .. } => {}
        }
    }
    let mut delivered = 0;
    for fate in &concluded.fates {
        match fate {
            Fate::Written(Next::Delivered) => delivered += 1,
            Fate::Written(Next::Retry { due, .. }) => {
                metrics::counter!("stayhook_retries_total").increment(1);
                shared.feed.wake_at(*due);
            }
            Fate::Written(Next::Ended(end)) => {
                metrics::counter!("stayhook_deliveries_ended_total", "reason" => end.reason().as_str())
                    .increment(1);
            }
            Fate::Spilled => shared.feed.wake(),
            Fate::Stale => metrics::counter!("stayhook_stale_outcomes_total").increment(1),
        }
    }
    metrics::counter!("stayhook_deliveries_total").increment(delivered);
}
