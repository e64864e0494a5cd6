//! Brings due deliveries from the store into memory: retries, released holds, leftovers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use stayhook_core::{Span, UnixMs, WebhookId};
use stayhook_store::{Claim, Claimed, Origin};
use tokio::sync::{Mutex, Notify};

use crate::engine::Shared;
use crate::queues::Item;

/// At most so many webhooks in one claim, and so many deliveries of each.
const LANES: usize = 64;
const PER_LANE: usize = 64;
/// With so many deliveries waiting in memory nothing more is claimed.
const ENOUGH: usize = 8_192;
/// Without any sign, look again after so long.
const POLL: Span = Span::seconds(5);

/// The alarm clock of the feeding loop.
pub(crate) struct Feed {
    /// When the loop wakes by itself, in Unix milliseconds.
    alarm: AtomicI64,
    bell: Notify,
    /// The last claim left something out because its webhook, or memory, was full.
    hungry: AtomicBool,
    /// The client whose turn was the last when clients took turns.
    last: std::sync::Mutex<Option<String>>,
    /// Held while a claim is under way.
    claiming: Mutex<()>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            alarm: AtomicI64::new(i64::MAX),
            bell: Notify::new(),
            hungry: AtomicBool::new(false),
            last: std::sync::Mutex::new(None),
            claiming: Mutex::const_new(()),
        }
    }

    /// Something is due now.
    pub(crate) fn wake(&self) {
        self.bell.notify_one();
    }

    /// Something is due then.
    pub(crate) fn wake_at(&self, due: UnixMs) {
        if due.0 < self.alarm.load(Ordering::Acquire) {
            self.bell.notify_one();
        }
    }

    /// After [`crate::dispatch::Dispatch::stop`]: ends when no claim is under way, and none
    /// will be.
    pub(crate) async fn last_claim(&self) {
        drop(self.claiming.lock().await);
    }

    fn last_client(&self) -> MutexGuard<'_, Option<String>> {
        // Whole after every line.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There may be room in memory for what was left out.
    pub(crate) fn room(&self) {
        if self.hungry.load(Ordering::Acquire) && self.hungry.swap(false, Ordering::AcqRel) {
            self.bell.notify_one();
        }
    }
}

/// Claims and sleeps until the engine stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let claiming = shared.feed.claiming.lock().await;
        if shared.dispatch.is_stopped() {
            return;
        }
        let next = match step(&shared).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "due deliveries could not be claimed; trying again");
                metrics::counter!("stayhook_store_errors_total", "during" => "claim").increment(1);
                Some(shared.clock.now().after(Span::seconds(1)))
            }
        };
        drop(claiming);
        let now = shared.clock.now();
        let alarm = next.unwrap_or(UnixMs(i64::MAX)).min(now.after(POLL));
        if alarm <= now {
            continue;
        }
        shared.feed.alarm.store(alarm.0, Ordering::Release);
        tokio::select! {
            () = shared.clock.sleep_until(alarm) => {}
            () = shared.feed.bell.notified() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        shared.feed.alarm.store(i64::MAX, Ordering::Release);
    }
}

/// Claims once. Returns when something is due next; `None` if nothing is known to be.
pub(crate) async fn step(shared: &Arc<Shared>) -> Result<Option<UnixMs>, stayhook_store::StoreError> {
    if shared.dispatch.load().1 >= ENOUGH {
        shared.feed.hungry.store(true, Ordering::Release);
        return Ok(None);
    }
    let (full, backlogs) = shared.dispatch.before_claim();
    shared.feed.hungry.store(!full.is_empty(), Ordering::Release);
    let now = shared.clock.now();
    let (lease, skip, after) = (shared.lease, full.clone(), shared.feed.last_client().clone());
    let claim = Claim { now, lease, lanes: LANES, per_lane: PER_LANE, skip, after };
    let claimed = shared.store.claim(claim).await?;
    let next = claimed.next;
    if let Some(last) = &claimed.last {
        *shared.feed.last_client() = Some(last.clone());
    }

    let counts = counts(&claimed);
    let all_seen = counts.len() < LANES;
    let emptied = backlogs.into_iter().filter(|(webhook, _)| {
        let found = counts.get(webhook).copied().unwrap_or(0);
        all_seen && found < PER_LANE && !full.contains(webhook)
    });
    let since = shared.clock.monotonic();
    let items = claimed.due.into_iter().map(|due| Item {
        webhook: due.webhook,
        event: due.event,
        kind: due.kind,
        booking: due.booking,
        body: due.body,
        origin: Origin::Claim,
        progress: due.progress,
        since,
    });
    let items: Vec<Item> = items.collect();
    shared.dispatch.add(shared, items);
    // Only now: what was claimed stands in the queue before anything newer.
    shared.dispatch.after_claim(emptied);
    Ok(next)
}

fn counts(claimed: &Claimed) -> HashMap<WebhookId, usize> {
    let mut counts = HashMap::new();
    for due in &claimed.due {
        *counts.entry(due.webhook).or_insert(0) += 1;
    }
    counts
}
