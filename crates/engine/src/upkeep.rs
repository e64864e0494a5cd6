//! What the clock demands: the 72-hour rule, expiry and pruning, and memory of webhooks that
//! do not keep up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use stayhook_core::{Span, Status, UnixMs, WebhookId};
use stayhook_store::{StoreError, Sweep};
use tokio::sync::Notify;

use crate::attempt::{conclusion, spilled};
use crate::engine::Shared;

/// At most so many rows in one transaction of a sweep.
const BATCH: usize = 500;
/// A delivery waits in memory no longer than this before it goes to the store.
const STUCK: Span = Span::seconds(15);
/// How often that is looked at.
const TICK: Span = Span::seconds(1);

/// What is held is looked at no later than so long after it became more.
const HELD: Span = Span::millis(500);

/// The alarm clock of the maintenance loop.
pub(crate) struct Upkeep {
    /// When the loop wakes by itself, in Unix milliseconds.
    alarm: AtomicI64,
    bell: Notify,
}

impl Upkeep {
    pub(crate) fn new() -> Self {
        Self { alarm: AtomicI64::new(i64::MAX), bell: Notify::new() }
    }

    /// A clock was started: look when it will run out.
    pub(crate) fn wake(&self) {
        self.bell.notify_one();
    }

    /// More is held than before: look whether it is too much, soon.
    pub(crate) fn look_soon(&self, now: UnixMs) {
        if now.after(HELD).0 < self.alarm.load(Ordering::Acquire) {
            self.bell.notify_one();
        }
    }
}

/// Sweeps when something is due, until the engine stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let began = shared.clock.now();
        let next = match sweep(&shared).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "maintenance failed; trying again");
                metrics::counter!("stayhook_store_errors_total", "during" => "sweep").increment(1);
                None
            }
        };
        let now = shared.clock.now();
        if next.is_some_and(|next| began < next && next <= now) {
            // It fell due while the sweep ran.
            continue;
        }
        let latest = now.after(shared.config.longest_nap());
        let alarm = next.unwrap_or(latest).clamp(now.after(Span::millis(5)), latest);
        shared.upkeep.alarm.store(alarm.0, Ordering::Release);
        tokio::select! {
            () = shared.clock.sleep_until(alarm) => {}
            () = shared.upkeep.bell.notified() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Sweeps once. Returns when something is due next.
pub(crate) async fn sweep(shared: &Arc<Shared>) -> Result<Option<UnixMs>, StoreError> {
    let config = &shared.config;
    let swept = shared
        .store
        .sweep(Sweep {
            now: shared.clock.now(),
            keep: config.keep,
            prune: config.prune(),
            disable: config.policy.disable,
            hold: config.hold,
            batch: BATCH,
        })
        .await?;
    for change in &swept.statuses {
        shared.registry.apply_status(change);
        if let Status::Disabled { at, .. } = &change.status {
            tracing::warn!(webhook = %change.webhook, at = %at.rfc3339_seconds(), "webhook disabled: it failed for too long");
            shared.reconsider(change.webhook);
        }
    }
    if swept.expired > 0 {
        // What waited behind it may be due.
        shared.feed.wake();
    }
    metrics::counter!("stayhook_expired_total").increment(swept.expired);
    metrics::counter!("stayhook_pruned_events_total").increment(swept.pruned);
    Ok(swept.next)
}

/// Frees memory that webhooks hold which do not keep up, until the engine stops.
pub(crate) async fn run_relief(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let now = shared.clock.now();
        tokio::select! {
            () = shared.clock.sleep_until(now.after(TICK)) => relieve(&shared),
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

fn relieve(shared: &Shared) {
    let Some(limit) = shared.clock.monotonic().checked_sub(STUCK.as_duration()) else { return };
    let stuck = shared.dispatch.take_back_stuck(limit);
    if !stuck.is_empty() {
        tracing::debug!(deliveries = stuck.len(), "moved to the store: their webhooks do not keep up");
        shared.spill(stuck);
    }
    shared.dispatch.forget_idle();
    let (in_flight, waiting) = shared.dispatch.load();
    // Counts far below 2^52: exact as f64.
    metrics::gauge!("stayhook_attempts_in_flight").set(in_flight as f64);
    metrics::gauge!("stayhook_deliveries_in_memory").set(waiting as f64);
    metrics::gauge!("stayhook_webhooks").set(shared.registry.len() as f64);
}

impl Shared {
    /// Deliveries came to wait for these webhooks: where one is paused, it may be too many.
    pub(crate) fn look_at_held(&self, webhooks: &[WebhookId]) {
        let paused = |id: &WebhookId| {
            let entry = self.registry.get(*id);
            entry.is_some_and(|it| matches!(it.webhook.status, Status::Paused { .. }))
        };
        if webhooks.iter().any(paused) {
            self.upkeep.look_soon(self.clock.now());
        }
    }

    /// Gives deliveries back to the store, due at once.
    pub(crate) fn spill(&self, items: Vec<crate::queues::Item>) {
        let now = self.clock.now();
        let mut webhooks: Vec<_> = items.iter().map(|item| item.webhook).collect();
        webhooks.dedup();
        self.dispatch.wait_in_store(&webhooks);
        self.dispatch.unsettled(items.len());
        for item in items {
            let step = spilled(&item, now);
            self.settle.add(conclusion(item, step));
        }
    }
}
