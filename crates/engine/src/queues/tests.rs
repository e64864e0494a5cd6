use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use stayhook_core::{EventType, Progress, UnixMs};
use stayhook_store::{Body, HandoffId, Origin};

const LIMITS: Limits = Limits { in_flight: 8, window: 2, lane: 100, items: 1_000, bytes: 1 << 20 };

pub(super) fn item(webhook: i64, event: i64, booking: Option<i64>) -> Item {
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
    std::iter::from_fn(|| queues.start(Duration::ZERO))
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
    let events: Vec<i64> = queues.drain(WebhookId(1)).iter().map(|item| item.event.accepted_at().0).collect();
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
                    let item = queues.start(Duration::ZERO).unwrap();
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
        let item = queues.start(Duration::ZERO).unwrap();
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
        queues.ended(WebhookId(1), None, Feedback::Accepted(Duration::from_secs(2)), Duration::from_secs(2));
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
    assert_eq!(start_all(&mut queues).len(), 2, "its window grows from the smallest");
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
            while let Some(item) = queues.start(Duration::ZERO) {
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
