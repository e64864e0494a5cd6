//! One webhook's deliveries in memory: what waits, what is in flight, and how much may be.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use stayhook_core::{BookingId, EventId, EventType, Progress, WebhookId};
use stayhook_store::{Body, Origin};

use crate::shares::Trust;
use crate::window::Window;

/// A delivery in memory of this node.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) webhook: WebhookId,
    pub(crate) event: EventId,
    pub(crate) kind: EventType,
    pub(crate) booking: Option<BookingId>,
    pub(crate) body: Body,
    pub(crate) origin: Origin,
    pub(crate) progress: Progress,
    /// When it came into memory, on the monotonic clock.
    pub(crate) since: Duration,
}

/// The queue of one webhook.
pub(crate) struct Lane {
    pub(crate) queue: VecDeque<Item>,
    /// Bookings with an attempt in flight, and what waits for them, in order.
    pub(crate) busy: HashMap<String, VecDeque<Item>>,
    pub(crate) in_flight: usize,
    /// Queued and parked.
    pub(crate) waiting: usize,
    pub(crate) window: Window,
    pub(crate) trust: Trust,
    /// How many of those in flight started while the webhook was a suspect.
    pub(crate) as_suspect: usize,
    /// When the last attempt started, on the monotonic clock.
    started: Option<Duration>,
    /// Stands in one of the lines of [`crate::queues::Queues`].
    pub(crate) in_turn: bool,
    pub(crate) backlog: Backlog,
}

/// Whether `pending` holds deliveries of this webhook that were never tried: then newer ones
/// go there too, so that they do not overtake.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) present: bool,
    pub(crate) marks: u64,
}

/// No longer than the longest delay of the schedule.
const REMEMBERED: Duration = Duration::from_secs(6 * 3_600);

impl Lane {
    /// An empty one. `failing`: the webhook is known to fail, so that its receiver, when it is
    /// back, is not to be hit by all at once that has waited for it.
    pub(crate) fn new(most: usize, failing: bool) -> Self {
        Self {
            queue: VecDeque::new(),
            busy: HashMap::new(),
            in_flight: 0,
            waiting: 0,
            window: if failing { Window::ramp(most) } else { Window::new(most) },
            trust: if failing { Trust::Suspect } else { Trust::Unknown },
            as_suspect: 0,
            started: None,
            in_turn: false,
            backlog: Backlog::default(),
        }
    }

    /// Whether one more may be in flight, its share of the node aside.
    pub(crate) fn has_work(&self) -> bool {
        !self.queue.is_empty() && self.in_flight < self.window.size()
    }

    /// When the next attempt may start, by the pace that the receiver bears.
    pub(crate) fn next_start(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |at| at + self.window.gap())
    }

    /// Whether nothing would be lost by forgetting it: what its receiver bears is remembered for
    /// a while.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        let is_paced = !self.window.gap().is_zero();
        let lately = self.started.is_some_and(|at| now.saturating_sub(at) < REMEMBERED);
        self.waiting == 0 && self.in_flight == 0 && !self.backlog.present && !(is_paced && lately)
    }

    /// The first delivery whose booking has none in flight; those before it are parked.
    pub(crate) fn start(&mut self, now: Duration) -> Option<Item> {
        if self.in_flight >= self.window.size() {
            return None;
        }
        while let Some(item) = self.queue.pop_front() {
            if let Some(booking) = &item.booking {
                let key = booking.key();
                if let Some(parked) = self.busy.get_mut(&key) {
                    parked.push_back(item);
                    continue;
                }
                self.busy.insert(key, VecDeque::new());
            }
            self.in_flight += 1;
            self.started = Some(now);
            self.as_suspect += usize::from(self.trust == Trust::Suspect);
            self.waiting -= 1;
            return Some(item);
        }
        None
    }

    /// A booking's attempt is over: what waited for it goes to the front, in order.
    pub(crate) fn release(&mut self, key: &str) {
        for item in self.busy.remove(key).unwrap_or_default().into_iter().rev() {
            self.queue.push_front(item);
        }
    }

    /// What has not started.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.queue.iter().chain(self.busy.values().flatten())
    }
}
