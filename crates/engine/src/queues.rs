//! Deliveries in memory: one queue per webhook, served in turn, each within its window.
//!
//! A plain data structure: what starts next is a function of what was pushed and what ended.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use stayhook_core::{BookingId, EventId, EventType, Progress, WebhookId};
use stayhook_store::{Body, Origin};

use crate::shares::{QUICK, Shares, Trust};
use crate::window::{Feedback, Window};

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
    in_flight: usize,
    suspects_in_flight: usize,
    items: usize,
    bytes: usize,
}

struct Lane {
    queue: VecDeque<Item>,
    /// Bookings with an attempt in flight, and what waits for them, in order.
    busy: HashMap<String, VecDeque<Item>>,
    in_flight: usize,
    /// Queued and parked.
    waiting: usize,
    window: Window,
    trust: Trust,
    /// How many of those in flight started while the webhook was a suspect.
    as_suspect: usize,
    in_turn: bool,
    backlog: Backlog,
}

/// Whether `pending` holds deliveries of this webhook that were never tried: then newer ones
/// go there too, so that they do not overtake.
#[derive(Clone, Copy, Debug, Default)]
struct Backlog {
    present: bool,
    marks: u64,
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
        let new = !self.lanes.contains_key(&webhook);
        let lane = self.lane(webhook);
        if new && failing {
            lane.trust = Trust::Suspect;
        }
        lane.waiting += 1;
        lane.queue.push_back(item);
        self.take_turn(webhook);
    }

    /// The delivery to attempt next, if one may start. Counts as in flight until
    /// [`Queues::ended`].
    pub(crate) fn start(&mut self) -> Option<Item> {
        while self.in_flight < self.limits.in_flight {
            let webhook = self.next_in_turn()?;
            let Some(lane) = self.lanes.get_mut(&webhook) else { continue };
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
            let Some(item) = lane.start() else { continue };
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

    /// Forgets webhooks that have nothing to do; their windows start anew.
    pub(crate) fn forget_idle(&mut self) {
        self.lanes.retain(|_, lane| lane.waiting > 0 || lane.in_flight > 0 || lane.backlog.present);
    }

    fn lane(&mut self, webhook: WebhookId) -> &mut Lane {
        let most = self.limits.window;
        self.lanes.entry(webhook).or_insert_with(|| Lane::new(most))
    }

    fn take_turn(&mut self, webhook: WebhookId) {
        let Some(lane) = self.lanes.get_mut(&webhook) else { return };
        if !lane.in_turn && !lane.queue.is_empty() && lane.in_flight < lane.window.size() {
            lane.in_turn = true;
            match lane.trust {
                Trust::Suspect => self.suspects.push_back(webhook),
                Trust::Unknown | Trust::Proven => self.turn.push_back(webhook),
            }
        }
    }
}

impl Lane {
    fn new(most: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            busy: HashMap::new(),
            in_flight: 0,
            waiting: 0,
            window: Window::new(most),
            trust: Trust::Unknown,
            as_suspect: 0,
            in_turn: false,
            backlog: Backlog::default(),
        }
    }

    /// The first delivery whose booking has none in flight; those before it are parked.
    fn start(&mut self) -> Option<Item> {
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
            self.as_suspect += usize::from(self.trust == Trust::Suspect);
            self.waiting -= 1;
            return Some(item);
        }
        None
    }

    /// A booking's attempt is over: what waited for it goes to the front, in order.
    fn release(&mut self, key: &str) {
        for item in self.busy.remove(key).unwrap_or_default().into_iter().rev() {
            self.queue.push_front(item);
        }
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.queue.iter().chain(self.busy.values().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use stayhook_core::UnixMs;
    use stayhook_store::HandoffId;

    const LIMITS: Limits = Limits { in_flight: 8, window: 2, lane: 100, items: 1_000, bytes: 1 << 20 };

    fn item(webhook: i64, event: i64, booking: Option<i64>) -> Item {
        Item {
            webhook: WebhookId(webhook),
            event: EventId::new(UnixMs(event), 0),
            kind: EventType::parse("booking.created").unwrap(),
            booking: booking.map(BookingId::Number),
            body: Body { profile: "nowistay".into(), bytes: Bytes::from_static(b"{}") },
            origin: Origin::Handoff(HandoffId(1)),
            progress: Progress::default(),
            since: Duration::from_millis(event.unsigned_abs()),
        }
    }

    fn start_all(queues: &mut Queues) -> Vec<(i64, i64)> {
        std::iter::from_fn(|| queues.start())
            .map(|item| (item.webhook.0, item.event.accepted_at().0))
            .collect()
    }

    fn ended(queues: &mut Queues, webhook: i64, booking: Option<i64>) {
        let booking = booking.map(BookingId::Number);
        queues.ended(WebhookId(webhook), booking.as_ref(), Feedback::Neutral, Duration::ZERO);
    }

    /// Rule 10: one webhook uses at most its share, and webhooks take turns.
    #[test]
    fn webhooks_take_turns_within_their_windows() {
        let mut queues = Queues::new(LIMITS);
        for event in 1..=50 {
            queues.push(item(1, event, None), false);
        }
        queues.push(item(2, 51, None), false);
        queues.push(item(3, 52, None), false);
        assert_eq!(start_all(&mut queues), [(1, 1), (2, 51), (3, 52), (1, 2)]);
        ended(&mut queues, 1, None);
        assert_eq!(start_all(&mut queues), [(1, 3)]);
    }

    #[test]
    fn no_more_than_the_node_may_have_in_flight() {
        let mut queues = Queues::new(LIMITS);
        for webhook in 1..=20 {
            queues.push(item(webhook, webhook, None), false);
        }
        assert_eq!(start_all(&mut queues).len(), 8);
        ended(&mut queues, 1, None);
        assert_eq!(start_all(&mut queues), [(9, 9)]);
    }

    /// Rule 9, `none`: events of a booking start in order, none beside an older one.
    #[test]
    fn a_booking_has_one_attempt_in_flight() {
        let mut queues = Queues::new(LIMITS);
        queues.push(item(1, 1, Some(9001)), false);
        queues.push(item(1, 2, Some(9001)), false);
        queues.push(item(1, 3, Some(9001)), false);
        queues.push(item(1, 4, Some(9002)), false);
        assert_eq!(start_all(&mut queues), [(1, 1), (1, 4)]);
        ended(&mut queues, 1, Some(9001));
        assert_eq!(start_all(&mut queues), [(1, 2)]);
        ended(&mut queues, 1, Some(9001));
        ended(&mut queues, 1, Some(9002));
        assert_eq!(start_all(&mut queues), [(1, 3)]);
    }

    #[test]
    fn what_is_taken_back_comes_in_order_with_what_was_parked() {
        let mut queues = Queues::new(LIMITS);
        for event in 1..=4 {
            queues.push(item(1, event, Some(9001)), false);
        }
        queues.push(item(1, 5, None), false);
        assert_eq!(start_all(&mut queues), [(1, 1), (1, 5)]);
        let events: Vec<i64> =
            queues.drain(WebhookId(1)).iter().map(|item| item.event.accepted_at().0).collect();
        assert_eq!(events, [2, 3, 4]);
        assert_eq!(queues.waiting(), 0);
        ended(&mut queues, 1, Some(9001));
        assert_eq!(start_all(&mut queues), []);
    }

    #[test]
    fn stuck_webhooks_are_found_by_their_oldest() {
        let mut queues = Queues::new(LIMITS);
        for event in 1..=10 {
            queues.push(item(1, event, None), false);
            queues.push(item(2, event + 100, None), false);
        }
        start_all(&mut queues);
        let stuck = queues.drain_stuck(Duration::from_millis(50));
        assert!(stuck.iter().all(|item| item.webhook == WebhookId(1)));
        assert_eq!(stuck.len(), 8);
    }

    /// Newer events follow older ones into the store, so that they do not overtake them.
    #[test]
    fn a_backlog_closes_the_short_way_until_it_is_empty() {
        let mut queues = Queues::new(LIMITS);
        let webhook = WebhookId(1);
        assert!(queues.has_room(webhook));
        queues.mark_backlog(webhook);
        let before = queues.backlogs();
        queues.mark_backlog(webhook);
        queues.clear_backlog(webhook, before[&webhook]);
        assert!(!queues.has_room(webhook), "marked again since");
        let marks = queues.backlogs()[&webhook];
        queues.clear_backlog(webhook, marks);
        assert!(queues.has_room(webhook));
    }

    #[test]
    fn memory_is_bounded_per_webhook_and_in_all() {
        let limits = Limits { lane: 2, items: 3, ..LIMITS };
        let mut queues = Queues::new(limits);
        queues.push(item(1, 1, None), false);
        queues.push(item(1, 2, None), false);
        assert!(!queues.has_room(WebhookId(1)) && queues.has_room(WebhookId(2)));
        queues.push(item(2, 3, None), false);
        assert!(!queues.has_room(WebhookId(3)));
    }

    /// Rule 10: webhooks that hang never take the whole node, whether they hang from the
    /// beginning or used to be fast.
    #[test]
    fn those_that_hang_leave_room_for_others() {
        let limits = Limits { in_flight: 512, window: 32, lane: 1_000, items: 100_000, bytes: 1 << 20 };
        for used_to_be_fast in [false, true] {
            let mut queues = Queues::new(limits);
            for round in 0..40 {
                for webhook in 1..=20 {
                    queues.push(item(webhook, webhook * 1_000 + round, None), false);
                    if used_to_be_fast && round < 35 {
                        let item = queues.start().unwrap();
                        queues.ended(item.webhook, None, Feedback::Accepted(Duration::ZERO), Duration::ZERO);
                    }
                }
            }
            for round in 40..80 {
                for webhook in 1..=20 {
                    queues.push(item(webhook, webhook * 1_000 + round, None), false);
                }
            }
            start_all(&mut queues);
            queues.push(item(99, 99_000, None), false);
            assert_eq!(start_all(&mut queues), [(99, 99_000)], "fast before: {used_to_be_fast}");
        }
    }

    #[test]
    fn thousands_that_are_known_to_hang_have_a_share_and_no_more() {
        let limits = Limits { in_flight: 512, window: 32, lane: 100, items: 100_000, bytes: 1 << 20 };
        let mut queues = Queues::new(limits);
        for webhook in 1..=2_000 {
            queues.push(item(webhook, webhook, None), true);
            queues.push(item(webhook, webhook + 10_000, None), true);
        }
        let hanging = start_all(&mut queues);
        assert_eq!(hanging.len(), 128);
        for event in 0..32 {
            queues.push(item(9_999, 50_000 + event, None), false);
        }
        assert_eq!(start_all(&mut queues).len(), 4, "the window of one that was never seen");
        for (webhook, _) in hanging {
            queues.ended(WebhookId(webhook), None, Feedback::Overloaded, Duration::from_secs(10));
        }
        assert_eq!(start_all(&mut queues).len(), 128, "the next of them");
    }

    /// Slow but accepting: a suspect with a wide window, on a node that is half full.
    #[test]
    fn one_that_is_slow_waits_its_turn_and_holds_up_nobody() {
        let limits = Limits { in_flight: 64, window: 32, lane: 1_000, items: 100_000, bytes: 1 << 20 };
        let mut queues = Queues::new(limits);
        for event in 0..100 {
            queues.push(item(1, event, None), false);
        }
        for _ in 0..28 {
            let item = queues.start().unwrap();
            queues.ended(item.webhook, None, Feedback::Accepted(Duration::ZERO), Duration::ZERO);
        }
        assert_eq!(start_all(&mut queues).len(), 32);
        queues.ended(WebhookId(1), None, Feedback::Accepted(Duration::from_secs(2)), Duration::from_secs(2));
        for webhook in 2..=5 {
            queues.push(item(webhook, 1_000 + webhook, None), false);
        }
        let started = start_all(&mut queues);
        assert!(started.ends_with(&[(2, 1_002), (3, 1_003), (4, 1_004), (5, 1_005)]), "{started:?}");
        for _ in 0..31 {
            queues.ended(
                WebhookId(1),
                None,
                Feedback::Accepted(Duration::from_secs(2)),
                Duration::from_secs(2),
            );
            start_all(&mut queues);
        }
        let before = queues.waiting();
        queues.ended(WebhookId(2), None, Feedback::Neutral, Duration::ZERO);
        assert!(queues.waiting() <= before && before < 40, "{before} still wait");
    }

    #[test]
    fn one_that_answers_again_is_trusted_again() {
        let limits = Limits { in_flight: 512, window: 32, lane: 100, items: 100_000, bytes: 1 << 20 };
        let mut queues = Queues::new(limits);
        queues.push(item(1, 1, None), true);
        assert_eq!(start_all(&mut queues), [(1, 1)]);
        queues.ended(WebhookId(1), None, Feedback::Accepted(Duration::ZERO), Duration::ZERO);
        for event in 2..10 {
            queues.push(item(1, event, None), false);
        }
        assert_eq!(start_all(&mut queues).len(), 5);
    }

    proptest! {
        /// Whatever is pushed starts exactly once, every webhook's bookings in order, with
        /// never two of one booking at once and never more than the limits.
        #[test]
        fn everything_starts_once_and_in_order(
            pushes in proptest::collection::vec((1_i64..5, proptest::option::of(1_i64..4)), 0..200),
            choices in proptest::collection::vec(any::<usize>(), 400),
        ) {
            let mut queues = Queues::new(LIMITS);
            let mut flying: Vec<Item> = Vec::new();
            let mut started: HashMap<(WebhookId, Option<String>), Vec<EventId>> = HashMap::new();
            let mut pushes_left = pushes.iter().enumerate();
            let mut choices = choices.into_iter().cycle();
            let mut count = 0;
            loop {
                let more = pushes_left.next();
                if let Some((n, (webhook, booking))) = more {
                    queues.push(item(*webhook, n as i64 + 1, *booking), false);
                }
                while let Some(item) = queues.start() {
                    let key = item.booking.as_ref().map(BookingId::key);
                    let beside = |it: &&Item| it.webhook == item.webhook && it.booking == item.booking;
                    prop_assert!(key.is_none() || !flying.iter().any(|it| beside(&it)));
                    if key.is_some() {
                        started.entry((item.webhook, key)).or_default().push(item.event);
                    }
                    flying.push(item);
                    count += 1;
                }
                prop_assert!(flying.len() <= LIMITS.in_flight);
                if flying.is_empty() && more.is_none() {
                    break;
                }
                if !flying.is_empty() {
                    let item = flying.swap_remove(choices.next().unwrap_or(0) % flying.len());
                    queues.ended(item.webhook, item.booking.as_ref(), Feedback::Neutral, Duration::ZERO);
                }
            }
            prop_assert_eq!(count, pushes.len());
            prop_assert_eq!((queues.in_flight(), queues.waiting()), (0, 0));
            prop_assert!(started.values().all(|events| events.is_sorted()));
        }
    }
}
