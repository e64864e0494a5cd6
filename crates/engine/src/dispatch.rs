//! Starts attempts: fairly over webhooks, within every window, as soon as there is room.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stayhook_core::{EventId, WebhookId};
use tokio::sync::Notify;

use crate::attempt::{self, Ticket};
use crate::engine::Shared;
use crate::queues::{Item, Limits, Queues};
use crate::window::Feedback;

/// Outcomes that may wait for their commit before no more attempts are started: when the
/// database is slow or away, the engine slows down instead of filling memory.
const UNSETTLED: usize = 4_096;
/// A webhook with so much in memory is not claimed for.
const ENOUGH: usize = 64;

/// The queues, and who is told when they move.
pub(crate) struct Dispatch {
    queues: Mutex<Queues>,
    unsettled: AtomicUsize,
    /// No attempt starts any more.
    stopped: AtomicBool,
    /// Rung when the last attempt in flight has ended after a stop.
    idle: Notify,
}

impl Dispatch {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            queues: Mutex::new(Queues::new(limits)),
            unsettled: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            idle: Notify::new(),
        }
    }

    /// Adds deliveries and starts what may start.
    pub(crate) fn add(&self, shared: &Arc<Shared>, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        {
            let failing = |webhook| {
                shared.registry.get(webhook).is_some_and(|it| it.webhook.status.failing().is_some())
            };
            let items: Vec<(bool, Item)> =
                items.into_iter().map(|item| (failing(item.webhook), item)).collect();
            let mut queues = self.lock();
            for (failing, item) in items {
                queues.push(item, failing);
            }
        }
        self.pump(shared);
    }

    /// Starts attempts until nothing more may start.
    pub(crate) fn pump(&self, shared: &Arc<Shared>) {
        while !self.stopped.load(Ordering::Acquire) && self.unsettled.load(Ordering::Acquire) < UNSETTLED {
            let Some(item) = self.lock().start() else { return };
            self.unsettled.fetch_add(1, Ordering::AcqRel);
            tokio::spawn(attempt::run(Ticket::new(Arc::clone(shared), item)));
        }
    }

    /// An attempt that was started is over: its place is free.
    pub(crate) fn ended(&self, item: &Item, feedback: Feedback, took: Duration) {
        let in_flight = {
            let mut queues = self.lock();
            queues.ended(item.webhook, item.booking.as_ref(), feedback, took);
            queues.in_flight()
        };
        if in_flight == 0 {
            self.idle.notify_waiters();
        }
    }

    /// Outcomes were committed.
    pub(crate) fn settled(&self, shared: &Arc<Shared>, count: usize) {
        self.unsettled.fetch_sub(count, Ordering::AcqRel);
        self.pump(shared);
    }

    /// Deliveries that are concluded without having been started also wait for a commit.
    pub(crate) fn unsettled(&self, count: usize) {
        self.unsettled.fetch_add(count, Ordering::AcqRel);
    }

    pub(crate) fn has_room(&self, webhook: WebhookId) -> bool {
        self.lock().has_room(webhook)
    }

    /// Remembers that the store holds deliveries of these webhooks that were never tried.
    pub(crate) fn wait_in_store(&self, webhooks: &[WebhookId]) {
        if !webhooks.is_empty() {
            let mut queues = self.lock();
            for webhook in webhooks {
                queues.mark_backlog(*webhook);
            }
        }
    }

    /// Webhooks not to claim for, and the backlogs as they are now.
    pub(crate) fn before_claim(&self) -> (Vec<WebhookId>, HashMap<WebhookId, u64>) {
        let queues = self.lock();
        (queues.full(ENOUGH), queues.backlogs())
    }

    /// Forgets backlogs that a claim has emptied.
    pub(crate) fn after_claim(&self, emptied: impl Iterator<Item = (WebhookId, u64)>) {
        let mut queues = self.lock();
        for (webhook, marks) in emptied {
            queues.clear_backlog(webhook, marks);
        }
    }

    /// A webhook may be sent to again: slowly at first.
    pub(crate) fn ramp_up(&self, webhook: WebhookId) {
        self.lock().ramp_up(webhook);
    }

    /// Takes back what has not started of one webhook.
    pub(crate) fn take_back(&self, webhook: WebhookId) -> Vec<Item> {
        self.lock().drain(webhook)
    }

    /// The events of one webhook that have not started.
    pub(crate) fn waiting(&self, webhook: WebhookId) -> HashSet<EventId> {
        self.lock().of(webhook)
    }

    /// Takes back what has waited in memory since before `limit`.
    pub(crate) fn take_back_stuck(&self, limit: Duration) -> Vec<Item> {
        self.lock().drain_stuck(limit)
    }

    /// Forgets webhooks that have nothing to do.
    pub(crate) fn forget_idle(&self) {
        self.lock().forget_idle();
    }

    /// Starts nothing any more and takes back everything that has not started.
    pub(crate) fn stop(&self) -> Vec<Item> {
        self.stopped.store(true, Ordering::Release);
        self.lock().drain_all()
    }

    /// Whether [`Dispatch::stop`] was called.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Ends when no attempt is in flight.
    pub(crate) async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.lock().in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Ends when every outcome is committed.
    pub(crate) async fn settled_all(&self, shared: &Shared) {
        loop {
            let commit = shared.settled.notified();
            tokio::pin!(commit);
            commit.as_mut().enable();
            if self.unsettled.load(Ordering::Acquire) == 0 {
                return;
            }
            commit.await;
        }
    }

    /// Attempts in flight, and deliveries in memory that have not started.
    pub(crate) fn load(&self) -> (usize, usize) {
        let queues = self.lock();
        (queues.in_flight(), queues.waiting())
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // Nothing in `Queues` panics between two changes that belong together.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
