//! Deliveries in memory: one queue per webhook, served in turn, each within its window.
//!
//! A plain data structure: what starts next is a function of what was pushed and what ended.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use stayhook_core::{BookingId, EventId, WebhookId};

use crate::lane::{Item, Lane};
use crate::shares::{QUICK, Shares, Trust};
use crate::window::{Feedback, Window};

/// Bounds of memory and of what runs at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Attempts in flight, over all webhooks.
    pub(crate) in_flight: usize,
    /// Attempts in flight of one webhook, at most.
    pub(crate) window: usize,
    /// Deliveries of one webhook in memory.
    pub(crate) lane: usize,
    /// Deliveries in memory.
    pub(crate) items: usize,
    /// Bytes of bodies in memory, counted once per delivery.
    pub(crate) bytes: usize,
}

/// The queues of all webhooks that have something to do.
pub(crate) struct Queues {
    limits: Limits,
    shares: Shares,
    lanes: HashMap<WebhookId, Lane>,
    /// Webhooks that may start something, in turn. Each stands in one of these at most once.
    turn: VecDeque<WebhookId>,
    /// The same for those that do not answer.
    suspects: VecDeque<WebhookId>,
    /// Those that had more in flight than the node has room for: one of them is looked at
    /// again with each attempt that ends.
    resting: VecDeque<WebhookId>,
    /// Those whose receivers bear no more yet, by when they may start again.
    paced: BTreeSet<(Duration, WebhookId)>,
    in_flight: usize,
    suspects_in_flight: usize,
    items: usize,
    bytes: usize,
}

impl Queues {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            shares: Shares::of(limits.in_flight),
            lanes: HashMap::new(),
            turn: VecDeque::new(),
            suspects: VecDeque::new(),
            resting: VecDeque::new(),
            paced: BTreeSet::new(),
            in_flight: 0,
            suspects_in_flight: 0,
            items: 0,
            bytes: 0,
        }
    }

    /// Whether a fresh delivery of this webhook may be kept in memory.
    pub(crate) fn has_room(&self, webhook: WebhookId) -> bool {
        self.items < self.limits.items
            && self.bytes < self.limits.bytes
            && self
                .lanes
                .get(&webhook)
                .is_none_or(|lane| !lane.backlog.present && lane.waiting < self.limits.lane)
    }

    /// Adds a delivery behind those of its webhook. The bounds are kept by who adds.
    ///
    /// `failing`: whether the webhook is known to fail, in case that it has no queue yet.
    pub(crate) fn push(&mut self, item: Item, failing: bool) {
        self.items += 1;
        self.bytes += item.body.bytes.len();
        let webhook = item.webhook;
        let most = self.limits.window;
        let lane = self.lanes.entry(webhook).or_insert_with(|| Lane::new(most, failing));
        lane.waiting += 1;
        lane.queue.push_back(item);
        self.take_turn(webhook);
    }

    /// The delivery to attempt next, if one may start at this moment of the monotonic clock.
    /// Counts as in flight until [`Queues::ended`].
    pub(crate) fn start(&mut self, now: Duration) -> Option<Item> {
        self.wake_paced(now);
        while self.in_flight < self.limits.in_flight {
            let webhook = self.next_in_turn()?;
            let Some(lane) = self.lanes.get_mut(&webhook) else { continue };
            if lane.next_start() > now {
                self.paced.insert((lane.next_start(), webhook));
                continue;
            }
            if !self.shares.allow(lane.trust, lane.in_flight, self.in_flight, self.suspects_in_flight) {
                let suspects = self.shares.suspects_may_start(self.in_flight, self.suspects_in_flight);
                match lane.trust {
                    // Not looked at again before suspects may start.
                    Trust::Suspect if !suspects => self.suspects.push_back(webhook),
                    // Not before an attempt has ended.
                    _ => self.resting.push_back(webhook),
                }
                continue;
            }
            lane.in_turn = false;
            let Some(item) = lane.start(now) else { continue };
            self.in_flight += 1;
            self.suspects_in_flight += usize::from(lane.trust == Trust::Suspect);
            self.items -= 1;
            self.bytes -= item.body.bytes.len();
            self.take_turn(webhook);
            return Some(item);
        }
        None
    }

    /// An attempt is over after this time: its place, and its booking's, are free.
    pub(crate) fn ended(
        &mut self,
        webhook: WebhookId,
        booking: Option<&BookingId>,
        feedback: Feedback,
        took: Duration,
    ) {
        self.in_flight -= 1;
        self.turn.extend(self.resting.pop_front());
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        lane.in_flight -= 1;
        if lane.as_suspect > 0 {
            lane.as_suspect -= 1;
            self.suspects_in_flight -= 1;
        }
        lane.window.learn(feedback, lane.in_flight);
        lane.trust = if took < QUICK { Trust::Proven } else { Trust::Suspect };
        if let Some(booking) = booking {
            lane.release(&booking.key());
        }
        self.take_turn(webhook);
    }

    /// When something may start that waits for nothing but its receiver's pace.
    pub(crate) fn next_paced(&self) -> Option<Duration> {
        self.paced.first().map(|(at, _)| *at)
    }

    fn wake_paced(&mut self, now: Duration) {
        while let Some((at, webhook)) = self.paced.pop_first() {
            if at > now {
                self.paced.insert((at, webhook));
                return;
            }
            self.line_up(webhook);
        }
    }

    /// Suspects come first while they have a share left: they are few in flight by it.
    fn next_in_turn(&mut self) -> Option<WebhookId> {
        if self.shares.suspects_may_start(self.in_flight, self.suspects_in_flight)
            && let Some(webhook) = self.suspects.pop_front()
        {
            return Some(webhook);
        }
        self.turn.pop_front()
    }

    /// Takes everything of a webhook that has not started.
    pub(crate) fn drain(&mut self, webhook: WebhookId) -> Vec<Item> {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return Vec::new() };
        let parked = lane.busy.values_mut().flat_map(std::mem::take);
        let mut taken: Vec<Item> = lane.queue.drain(..).chain(parked).collect();
        taken.sort_by_key(|item| item.event);
        lane.waiting = 0;
        self.items -= taken.len();
        self.bytes -= taken.iter().map(|item| item.body.bytes.len()).sum::<usize>();
        taken
    }

    /// Takes everything, of all webhooks, that has not started.
    pub(crate) fn drain_all(&mut self) -> Vec<Item> {
        let webhooks: Vec<WebhookId> = self.lanes.keys().copied().collect();
        webhooks.into_iter().flat_map(|it| self.drain(it)).collect()
    }

    /// Takes the deliveries of every webhook whose oldest came into memory before `limit`:
    /// it does not keep up, and what waits for it shall not cost memory.
    pub(crate) fn drain_stuck(&mut self, limit: Duration) -> Vec<Item> {
        let stuck: Vec<WebhookId> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.items().any(|item| item.since < limit))
            .map(|(webhook, _)| *webhook)
            .collect();
        stuck.into_iter().flat_map(|it| self.drain(it)).collect()
    }

    /// Webhooks that have enough to do and shall not be claimed for.
    pub(crate) fn full(&self, enough: usize) -> Vec<WebhookId> {
        let full = self.lanes.iter().filter(|(_, lane)| lane.waiting >= enough.min(lane.window.size() * 2));
        full.map(|(webhook, _)| *webhook).collect()
    }

    /// Remembers that `pending` holds untried deliveries of this webhook.
    pub(crate) fn mark_backlog(&mut self, webhook: WebhookId) {
        let backlog = &mut self.lane(webhook).backlog;
        backlog.present = true;
        backlog.marks += 1;
    }

    /// Every webhook with a backlog and how often it was marked: to be taken before a claim.
    pub(crate) fn backlogs(&self) -> HashMap<WebhookId, u64> {
        let marked = self.lanes.iter().filter(|(_, lane)| lane.backlog.present);
        marked.map(|(webhook, lane)| (*webhook, lane.backlog.marks)).collect()
    }

    /// A claim found nothing more of this webhook; forgotten unless marked again meanwhile.
    pub(crate) fn clear_backlog(&mut self, webhook: WebhookId, marks: u64) {
        if let Some(lane) = self.lanes.get_mut(&webhook)
            && lane.backlog.marks == marks
        {
            lane.backlog.present = false;
        }
    }

    /// Attempts in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Deliveries in memory that have not started.
    pub(crate) fn waiting(&self) -> usize {
        self.items
    }

    /// The events of a webhook that have not started.
    pub(crate) fn of(&self, webhook: WebhookId) -> HashSet<EventId> {
        self.lanes.get(&webhook).map(|lane| lane.items().map(|item| item.event).collect()).unwrap_or_default()
    }

    /// The webhook's window starts at its smallest, and grows with each round of fast successes.
    pub(crate) fn ramp_up(&mut self, webhook: WebhookId) {
        let most = self.limits.window;
        self.lane(webhook).window = Window::ramp(most);
    }

    /// Forgets webhooks that have nothing to do; their windows start anew, unless their receivers
    /// bear little.
    pub(crate) fn forget_idle(&mut self, now: Duration) {
        self.lanes.retain(|_, lane| !lane.is_idle(now));
    }

    fn lane(&mut self, webhook: WebhookId) -> &mut Lane {
        let most = self.limits.window;
        self.lanes.entry(webhook).or_insert_with(|| Lane::new(most, false))
    }

    fn take_turn(&mut self, webhook: WebhookId) {
        if let Some(lane) = self.lanes.get_mut(&webhook)
            && !lane.in_turn
            && lane.has_work()
        {
            lane.in_turn = true;
            self.line_up(webhook);
        }
    }

    fn line_up(&mut self, webhook: WebhookId) {
        match self.lanes.get(&webhook).map(|lane| lane.trust) {
            Some(Trust::Suspect) => self.suspects.push_back(webhook),
            Some(Trust::Unknown | Trust::Proven) => self.turn.push_back(webhook),
            None => {}
        }
    }
}

#[cfg(test)]
mod comeback;
#[cfg(test)]
mod tests;
