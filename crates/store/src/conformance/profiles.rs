//! What wire profiles ask of a store: bodies keep the profile by which they were made, newer
//! deliveries take the place of older ones, and a receiver can end it all.

use stayhook_core::{
    Backoff, BookingId, DisabledReason, End, EventId, Next, Ordering, Outcome, Reason, Span, State, Status,
    WebhookChange, WebhookId,
};

use super::fixtures::*;
use crate::{Body, Fate, Step, Target, TargetFate};

const WINDOW: Span = Span::seconds(5);

/// Accepts an event that gives newer ones time to take its place.
async fn gather(store: &Any, webhook: WebhookId, event: EventId, booking: Option<i64>) {
    let mut row = row(event, &[(webhook, TargetFate::Gather(WINDOW))]);
    row.booking = booking.map(BookingId::Number);
    accept(store, vec![row]).await;
}

fn due(done: &[crate::Due]) -> Vec<EventId> {
    done.iter().map(|it| it.event).collect()
}

pub async fn bodies_keep_their_profiles(store: Any) {
    let ids = [webhook(&store).await, webhook(&store).await, webhook(&store).await];
    let mut new = row(event_id(1, 0), &[]);
    new.bodies = vec![body("first"), Body { profile: "acme".into(), ..body("second") }];
    let target = |(webhook, body)| Target { webhook, body, fate: TargetFate::Wait };
    new.targets = ids.into_iter().zip([1, 0, 1]).map(target).collect();
    accept(&store, vec![new]).await;
    wait(&store, ids[0], event_id(2, 0)).await;
    let due = claim(&store, at(3)).await.due;
    let profile = |id, event| {
        due.iter().find(|it| (it.webhook, it.event) == (id, event)).map(|it| it.body.profile.to_string())
    };
    assert_eq!(ids.map(|id| profile(id, event_id(1, 0)).unwrap()), ["acme", "nowistay", "acme"]);
    assert_eq!(profile(ids[0], event_id(2, 0)).unwrap(), "nowistay");
}

pub async fn the_newest_within_a_window_takes_the_place_of_the_others(store: Any) {
    let id = webhook(&store).await;
    let [first, second, third] = [event_id(0, 0), event_id(2_000, 0), event_id(4_000, 0)];
    for event in [first, second, third] {
        gather(&store, id, event, Some(1)).await;
    }
    for event in [first, second] {
        let line = line(&store, id, event).await;
        assert_eq!(line.state, State::Ended(End::Cancelled(Reason::Superseded)));
        assert_eq!(line.attempts, 0);
    }
    let waiting = line(&store, id, third).await;
    assert_eq!((waiting.state, waiting.next_attempt_at), (State::Pending, Some(at(5_000))));
    assert!(claim(&store, at(4_999)).await.due.is_empty());
    assert_eq!(due(&claim(&store, at(5_000)).await.due), [third]);
}

pub async fn what_comes_after_a_window_begins_another(store: Any) {
    let id = webhook(&store).await;
    let [first, second] = [event_id(0, 0), event_id(5_000, 0)];
    gather(&store, id, first, Some(1)).await;
    gather(&store, id, second, Some(1)).await;
    assert_eq!(due(&claim(&store, at(5_000)).await.due), [first]);
    assert_eq!(due(&claim(&store, at(10_000)).await.due), [second]);
}

pub async fn only_events_of_one_type_booking_and_webhook_are_gathered(store: Any) {
    let (id, other) = (webhook(&store).await, webhook(&store).await);
    gather(&store, id, event_id(0, 0), Some(1)).await;
    gather(&store, id, event_id(1, 0), Some(2)).await;
    gather(&store, other, event_id(2, 0), Some(1)).await;
    let mut of_another_type = row(event_id(3, 0), &[(id, TargetFate::Gather(WINDOW))]);
    (of_another_type.kind, of_another_type.booking) = (kind("booking.updated"), Some(BookingId::Number(1)));
    accept(&store, vec![of_another_type]).await;
    // Without a booking there is nothing to compare by.
    gather(&store, id, event_id(4, 0), None).await;
    gather(&store, id, event_id(5, 0), None).await;
    assert_eq!(claim(&store, at(6_000)).await.due.len(), 6);
}

pub async fn a_batch_is_gathered_within_itself(store: Any) {
    let id = webhook(&store).await;
    let rows = (0..5).map(|number| row(event_id(0, number), &[(id, TargetFate::Gather(WINDOW))]));
    accept(&store, rows.collect()).await;
    assert_eq!(due(&claim(&store, at(5_000)).await.due), [event_id(0, 4)]);
}

/// Rule 9: behind an older event of the booking, what is gathered waits for it, with its own window.
pub async fn gathering_keeps_to_the_order_of_a_booking(store: Any) {
    let id = webhook(&store).await;
    let to = WebhookChange { ordering: Some(Ordering::Booking), ..WebhookChange::default() };
    change(&store, id, to, at(0)).await;
    let mut before = row(event_id(1, 0), &[(id, TargetFate::Wait)]);
    (before.kind, before.booking) = (kind("booking.updated"), Some(BookingId::Number(1)));
    accept(&store, vec![before]).await;
    let [first, second, third] = [event_id(1_000, 0), event_id(3_000, 0), event_id(5_000, 0)];
    for event in [first, second, third] {
        gather(&store, id, event, Some(1)).await;
    }
    for event in [first, second] {
        assert_eq!(state(&store, id, event).await, State::Ended(End::Cancelled(Reason::Superseded)));
    }
    assert_eq!(due(&claim(&store, at(6_000)).await.due), [event_id(1, 0)]);
    conclude(&store, vec![claimed(id, event_id(1, 0), 0, accepted(at(6_100)))], at(6_100)).await;
    assert_eq!(due(&claim(&store, at(6_100)).await.due), [third], "its window began with the first");
}

pub async fn a_receiver_that_wants_nothing_more_disables_its_webhook(store: Any) {
    let id = webhook(&store).await;
    wait(&store, id, event_id(9, 9)).await;
    let done = send_and(&store, id, event_id(0, 1), tried(Outcome::Gone, at(100))).await;
    let end = End::Cancelled(Reason::WebhookDisabled);
    assert_eq!(done.fates, [Fate::Written(Next::Ended(end))]);
    let disabled = Status::Disabled { at: at(100), reason: DisabledReason::Gone };
    assert_eq!(done.statuses[0].status, disabled);
    assert_eq!(store.webhook(EVERYTHING, id).await.unwrap().unwrap().status, disabled);
    assert_eq!(state(&store, id, event_id(9, 9)).await, State::Ended(end));
}

pub async fn a_profile_may_have_a_schedule_of_its_own(store: Any) {
    let id = webhook(&store).await;
    let Step::Tried(mut step) = failed(at(100)) else { unreachable!("an attempt was made") };
    step.backoff = Some(Backoff { base: Span::seconds(7), ..Backoff::default() });
    let done = send_and(&store, id, event_id(0, 1), Step::Tried(step)).await;
    assert_eq!(done.fates, [Fate::Written(Next::Retry { due: at(7_100), steps: 1 })]);
}
