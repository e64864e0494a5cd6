//! Acceptance: calls that wait are gathered and committed as one transaction.
//!
//! No timer: whatever queued while the last commit ran is the next group, so that a lone call
//! is committed at once and a thousand callers share one `fsync`.

use std::sync::Arc;

use stayhook_core::{EventId, Progress};
use stayhook_store::{Accepted, Intake, NewRow, Origin, Receipt, StoreError, Target, TargetFate};
use tokio::sync::{mpsc, oneshot};

use crate::engine::Shared;
use crate::lane::Item;

/// At most so many events in one transaction, so that nobody waits long behind a group.
const GROUP: usize = 1_000;

/// What became of one event that was handed to [`crate::Engine::enqueue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// Accepted, durably.
    New {
        /// Its id.
        id: EventId,
        /// How many deliveries will be sent or are held.
        deliveries: u32,
    },
    /// The same report was accepted before.
    Duplicate {
        /// The first one's id.
        id: EventId,
        /// The first one's deliveries.
        deliveries: u32,
    },
    /// The idempotency key was used for other content.
    Conflict,
    /// Somebody else is just using the idempotency key, and may yet give up: try again.
    Busy,
}

/// One caller's events, with where to answer.
pub(crate) struct Call {
    /// Of the copy of the webhooks by which they were fanned out.
    pub(crate) generation: i64,
    pub(crate) rows: Vec<NewRow>,
    /// They come from the store's inbox, which they leave with the commit.
    pub(crate) collected: bool,
    pub(crate) answer: oneshot::Sender<Result<Vec<Enqueued>, StoreError>>,
}

/// Commits groups of calls until the last sender is gone.
pub(crate) async fn run(shared: Arc<Shared>, mut calls: mpsc::Receiver<Call>) {
    let mut group = Vec::new();
    while let Some(first) = calls.recv().await {
        let mut size = first.rows.len();
        group.push(first);
        while size < GROUP {
            let Ok(call) = calls.try_recv() else { break };
            size += call.rows.len();
            group.push(call);
        }
        commit(&shared, std::mem::take(&mut group)).await;
    }
}

async fn commit(shared: &Arc<Shared>, group: Vec<Call>) {
    let events: Vec<NewRow> = group.iter().flat_map(|call| call.rows.iter().cloned()).collect();
    let registry_generation = group.iter().map(|call| call.generation).min().unwrap_or(0);
    let inbox = group.iter().filter(|call| call.collected).flat_map(|call| &call.rows);
    let collected = inbox.map(|row| row.id).collect();
    let ring = !shared.config.roles.worker;
    match shared.store.intake(Intake { events, registry_generation, collected, ring }).await {
        Ok(receipt) => {
            hand_over(shared, &group, &receipt);
            let mut results = receipt.results.into_iter();
            for call in group {
                let answer = call.rows.iter().zip(&mut results).map(|(row, it)| enqueued(row, it)).collect();
                // A caller that hung up has its events accepted all the same.
                let _ = call.answer.send(Ok(answer));
            }
        }
        Err(error) => {
            for call in group {
                let _ = call.answer.send(Err(error.clone()));
            }
        }
    }
}

/// Puts what is to be sent at once into the queues, in order of acceptance.
fn hand_over(shared: &Arc<Shared>, group: &[Call], receipt: &Receipt) {
    let rows = group.iter().flat_map(|call| &call.rows);
    let mut new: Vec<&NewRow> = rows
        .zip(&receipt.results)
        .filter(|(_, result)| **result == Accepted::New)
        .map(|(row, _)| row)
        .collect();
    new.sort_by_key(|row| row.id);
    metrics::counter!("stayhook_events_accepted_total").increment(new.len() as u64);

    let taken = |target: &&Target| !matches!(target.fate, TargetFate::Skip(_));
    let targets = new.iter().flat_map(|row| row.targets.iter().filter(taken).map(|it| (it.webhook, row.id)));
    shared.tallies.accepted(targets.map(|(webhook, event)| (webhook, event.accepted_at())));

    let since = shared.clock.monotonic();
    let mut items = Vec::new();
    let mut waits = Vec::new();
    let mut gathered = Vec::new();
    for row in new {
        for target in &row.targets {
            match (target.fate, receipt.handoff, row.bodies.get(usize::from(target.body))) {
                (TargetFate::Send, Some(handoff), Some(body)) => items.push(Item {
                    webhook: target.webhook,
                    event: row.id,
                    kind: row.kind.clone(),
                    booking: row.booking.clone(),
                    body: body.clone(),
                    origin: Origin::Handoff(handoff),
                    progress: Progress::default(),
                    since,
                }),
                (TargetFate::Wait, _, _) => waits.push(target.webhook),
                // Due later: `feed` is only told when.
                (TargetFate::Gather(_), _, _) => gathered.push(target.webhook),
                _ => {}
            }
        }
    }
    if let Some(handoff) = receipt.handoff {
        shared.handoffs.open(handoff, items.len());
    }
    shared.dispatch.wait_in_store(&waits);
    waits.append(&mut gathered);
    if !waits.is_empty() {
        shared.feed.wake();
        shared.look_at_held(&waits);
    }
    shared.dispatch.add(shared, items);
}

fn enqueued(row: &NewRow, result: Accepted) -> Enqueued {
    match result {
        Accepted::New => {
            let sent = row.targets.iter().filter(|it| !matches!(it.fate, TargetFate::Skip(_)));
            Enqueued::New { id: row.id, deliveries: u32::try_from(sent.count()).unwrap_or(u32::MAX) }
        }
        Accepted::Duplicate { id, deliveries } => Enqueued::Duplicate { id, deliveries },
        Accepted::Conflict => Enqueued::Conflict,
        Accepted::Busy => Enqueued::Busy,
    }
}
