//! Strict order per booking (CONTRACT, section 7, rule 9).

use stayhook_core::{BookingId, End, Held, Ordering, Reason, State, StatusChange, WebhookChange, WebhookId};
use stayhook_core::{EventId, UnixMs};

use super::fixtures::*;
use crate::{NewRow, Origin, Step, TargetFate};

async fn ordered(store: &Any, ordering: Ordering) -> WebhookId {
    let id = webhook(store).await;
    reorder(store, id, ordering, at(0)).await;
    id
}

async fn reorder(store: &Any, id: WebhookId, ordering: Ordering, now: UnixMs) {
    let to = WebhookChange { ordering: Some(ordering), ..WebhookChange::default() };
    change(store, id, to, now).await;
}

fn of_booking(event: EventId, webhook: WebhookId, booking: i64) -> NewRow {
    NewRow { booking: Some(BookingId::Number(booking)), ..row(event, &[(webhook, TargetFate::Wait)]) }
}

async fn due(store: &Any, now: UnixMs) -> Vec<EventId> {
    claim(store, now).await.due.into_iter().map(|it| it.event).collect()
}

fn booked(ms: i64) -> EventId {
    event_id(ms, 1)
}

/// Concludes what was claimed as accepted.
async fn deliver(store: &Any, id: WebhookId, event: EventId, attempts: u32, now: UnixMs) {
    let mut it = claimed(id, event, attempts, accepted(now));
    it.progress.steps = attempts;
    conclude(store, vec![it], now).await;
}

pub async fn a_newer_event_waits_until_the_older_one_is_terminal(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    for ms in [10, 20, 30] {
        wait(&store, id, booked(ms)).await;
    }
    accept(&store, vec![of_booking(booked(40), id, 7)]).await;
    assert_eq!(due(&store, at(50)).await, [booked(10), booked(40)], "another booking does not wait");
    deliver(&store, id, booked(40), 0, at(60)).await;
    let waiting = line(&store, id, booked(20)).await;
    assert_eq!((waiting.state, waiting.next_attempt_at), (State::Pending, None));
    conclude(&store, vec![claimed(id, booked(10), 0, failed(at(1_000)))], at(1_000)).await;
    assert_eq!(due(&store, at(2_000)).await, [], "a retry that waits is not terminal");
    assert_eq!(due(&store, at(100_000)).await, [booked(10)]);
    deliver(&store, id, booked(10), 1, at(100_100)).await;
    assert_eq!(due(&store, at(100_200)).await, [booked(20)]);
    deliver(&store, id, booked(20), 0, at(100_300)).await;
    assert_eq!(due(&store, at(100_300)).await, [booked(30)]);
}

/// Acceptance is ordered by the database, whatever the nodes' clocks say.
pub async fn order_is_that_of_acceptance_not_of_clocks(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    wait(&store, id, booked(5_000)).await;
    wait(&store, id, booked(10)).await;
    assert_eq!(due(&store, at(5_000)).await, [booked(5_000)]);
    deliver(&store, id, booked(5_000), 0, at(5_100)).await;
    assert_eq!(due(&store, at(5_100)).await, [booked(10)]);
}

pub async fn events_of_one_commit_are_in_order(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    let rows = [10, 11, 12].map(|ms| row(booked(ms), &[(id, TargetFate::Wait)]));
    accept(&store, rows.to_vec()).await;
    for ms in [10, 11, 12] {
        assert_eq!(due(&store, at(100)).await, [booked(ms)]);
        deliver(&store, id, booked(ms), 0, at(100)).await;
    }
}

pub async fn whatever_ends_a_delivery_lets_the_next_one_go(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    for ms in [10, 20, 30] {
        wait(&store, id, booked(ms)).await;
    }
    // Called off by its holder.
    assert_eq!(due(&store, at(50)).await, [booked(10)]);
    let off = Step::Ended(End::Cancelled(Reason::NotEntitled));
    conclude(&store, vec![claimed(id, booked(10), 0, off)], at(60)).await;
    // Given back, and expired while it waits.
    assert_eq!(due(&store, at(60)).await, [booked(20)]);
    let spilled = Step::Spilled { due: at(hours(1)) };
    conclude(&store, vec![claimed(id, booked(20), 0, spilled)], at(70)).await;
    assert_eq!(due(&store, at(70)).await, []);
    sweep(&store, booked(20).accepted_at().after(KEEP).after(stayhook_core::Span::millis(1))).await;
    assert_eq!(due(&store, at(0).after(KEEP).after(stayhook_core::Span::millis(25))).await, [booked(30)]);
}

pub async fn only_the_newest_event_waits(store: Any) {
    let id = ordered(&store, Ordering::Newest).await;
    wait(&store, id, booked(10)).await;
    assert_eq!(due(&store, at(15)).await, [booked(10)]);
    wait(&store, id, booked(20)).await;
    wait(&store, id, booked(30)).await;
    accept(&store, vec![of_booking(booked(35), id, 7)]).await;
    assert_eq!(state(&store, id, booked(10)).await, State::Delivering, "what is attempted goes on");
    assert_eq!(state(&store, id, booked(20)).await, cancelled(Reason::Superseded));
    assert_eq!(line(&store, id, booked(20)).await.completed_at, Some(at(30)));
    assert_eq!(due(&store, at(40)).await, [booked(35)]);
    // It fails, and does not come back: a newer one waits.
    conclude(&store, vec![claimed(id, booked(10), 0, failed(at(1_000)))], at(1_000)).await;
    assert_eq!(state(&store, id, booked(10)).await, cancelled(Reason::Superseded));
    assert_eq!(due(&store, at(1_000)).await, [booked(30)]);
}

pub async fn a_retried_delivery_waits_its_turn(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    for ms in [10, 20, 30] {
        wait(&store, id, booked(ms)).await;
    }
    assert_eq!(due(&store, at(50)).await, [booked(10)]);
    deliver(&store, id, booked(10), 0, at(60)).await;
    assert_eq!(due(&store, at(70)).await, [booked(20)]);
    store.retry(EVERYTHING, id, booked(10), &order(at(80))).await.unwrap();
    store.retry(EVERYTHING, id, booked(30), &order(at(80))).await.unwrap();
    assert_eq!(due(&store, at(90)).await, [], "the one that has started goes first");
    deliver(&store, id, booked(20), 0, at(100)).await;
    assert_eq!(due(&store, at(100)).await, [booked(10)], "those that have not started go after it");
    let mut again = claimed(id, booked(10), 1, accepted(at(110)));
    again.progress.steps = 0;
    conclude(&store, vec![again], at(110)).await;
    assert_eq!(due(&store, at(110)).await, [booked(30)]);
}

/// Also to one that has started: else the receiver would end up with the older state.
pub async fn a_retried_delivery_gives_way_to_a_newer_one(store: Any) {
    let id = ordered(&store, Ordering::Newest).await;
    wait(&store, id, booked(10)).await;
    assert_eq!(due(&store, at(15)).await, [booked(10)]);
    deliver(&store, id, booked(10), 0, at(20)).await;
    wait(&store, id, booked(30)).await;
    assert_eq!(due(&store, at(35)).await, [booked(30)]);
    store.retry(EVERYTHING, id, booked(10), &order(at(40))).await.unwrap();
    assert_eq!(state(&store, id, booked(10)).await, cancelled(Reason::Superseded));
    conclude(&store, vec![claimed(id, booked(30), 0, failed(at(1_000)))], at(1_000)).await;
    store.retry(EVERYTHING, id, booked(10), &order(at(2_000))).await.unwrap();
    assert_eq!(state(&store, id, booked(10)).await, cancelled(Reason::Superseded));
    assert_eq!(state(&store, id, booked(30)).await, State::Pending);
    assert_eq!(due(&store, at(100_000)).await, [booked(30)]);
}

pub async fn an_order_applies_at_once(store: Any) {
    let id = webhook(&store).await;
    for number in 0..200 {
        wait(&store, id, event_id(10, number)).await;
    }
    wait(&store, id, booked(20)).await;
    accept(&store, vec![of_booking(booked(25), id, 7)]).await;
    reorder(&store, id, Ordering::Booking, at(30)).await;
    let mut first = Vec::new();
    for round in 0..10 {
        first.extend(due(&store, at(40 + round)).await);
    }
    assert_eq!(first, [event_id(10, 0), booked(25)]);
    // What was in memory comes back to its place.
    let spilled = Step::Spilled { due: at(10) };
    conclude(&store, vec![claimed(id, event_id(10, 0), 0, spilled)], at(60)).await;
    assert_eq!(due(&store, at(70)).await, [event_id(10, 0)]);
    reorder(&store, id, Ordering::None, at(80)).await;
    let mut rest = Vec::new();
    for round in 0..10 {
        rest.extend(due(&store, at(90 + round)).await);
    }
    assert_eq!(rest.len(), 200);
    assert!(rest.is_sorted());
}

pub async fn the_newest_does_not_wait_for_a_retry_once_it_is_the_order(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    for ms in [10, 20, 30] {
        wait(&store, id, booked(ms)).await;
    }
    assert_eq!(due(&store, at(50)).await, [booked(10)]);
    conclude(&store, vec![claimed(id, booked(10), 0, failed(at(1_000)))], at(1_000)).await;
    reorder(&store, id, Ordering::Newest, at(2_000)).await;
    assert_eq!(due(&store, at(3_000)).await, [booked(30)]);
    for ms in [10, 20] {
        assert_eq!(state(&store, id, booked(ms)).await, cancelled(Reason::Superseded));
    }
}

pub async fn a_large_change_of_order_is_finished_by_the_sweeper(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    let rows: Vec<_> =
        (0..1_500).map(|number| row(event_id(10, number), &[(id, TargetFate::Wait)])).collect();
    accept(&store, rows).await;
    reorder(&store, id, Ordering::None, at(20)).await;
    while sweep_of(&store, at(30), 400).await.next.is_some_and(|next| next <= at(30)) {}
    let mut found = 0;
    while let Some(more) = Some(due(&store, at(40)).await.len()).filter(|it| *it > 0) {
        found += more;
    }
    assert_eq!(found, 1_500);
}

/// What was accepted before the order mattered comes back to the place of its age.
pub async fn what_was_in_memory_comes_back_to_its_place(store: Any) {
    let id = webhook(&store).await;
    let handoff = send(&store, id, booked(10)).await;
    reorder(&store, id, Ordering::Booking, at(15)).await;
    wait(&store, id, booked(20)).await;
    let spilled = Step::Spilled { due: at(10) };
    conclude(&store, vec![handed(id, booked(10), handoff, spilled)], at(30)).await;
    assert_eq!(due(&store, at(40)).await, [booked(10)]);
    deliver(&store, id, booked(10), 0, at(50)).await;
    assert_eq!(due(&store, at(50)).await, [booked(20)]);
}

pub async fn what_a_dead_process_held_keeps_its_place(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    for ms in [10, 20] {
        wait(&store, id, booked(ms)).await;
    }
    assert_eq!(due(&store, at(30)).await, [booked(10)]);
    store.take_over(at(40)).await.unwrap();
    assert_eq!(due(&store, at(50)).await, [booked(10)]);
    let mut again = claimed(id, booked(10), 1, accepted(at(60)));
    again.progress.steps = 0;
    assert_eq!(again.origin, Origin::Claim);
    conclude(&store, vec![again], at(60)).await;
    assert_eq!(due(&store, at(60)).await, [booked(20)]);
}

pub async fn resumption_keeps_the_order(store: Any) {
    let id = ordered(&store, Ordering::Booking).await;
    switch(&store, id, StatusChange::Pause, at(5)).await;
    for ms in [10, 20, 30] {
        wait(&store, id, booked(ms)).await;
    }
    assert_eq!(state(&store, id, booked(20)).await, State::Held);
    switch(&store, id, StatusChange::Activate(Held::Deliver), at(40)).await;
    for ms in [10, 20, 30] {
        assert_eq!(due(&store, at(50)).await, [booked(ms)]);
        deliver(&store, id, booked(ms), 0, at(50)).await;
    }
    switch(&store, id, StatusChange::Pause, at(60)).await;
    for ms in [70, 80] {
        wait(&store, id, booked(ms)).await;
    }
    switch(&store, id, StatusChange::Activate(Held::Latest), at(90)).await;
    assert_eq!(due(&store, at(90)).await, [booked(80)]);
}
