//! Changes to webhooks, and what they do to deliveries that wait.

use stayhook_core::{
    BookingId, Description, Held, Ordering, Reason, State, Status, StatusChange, Subscription, WebhookChange,
};

use super::fixtures::*;
use crate::{ChangeError, Fate, Patch, TargetFate};

fn url(text: &str) -> WebhookChange {
    WebhookChange { url: Some(text.to_owned()), ..WebhookChange::default() }
}

pub async fn a_change_that_changes_nothing_writes_nothing(store: Any) {
    let id = webhook(&store).await;
    let before = read(&store, id).await;
    let same = change(&store, id, url(&before.url), at(5)).await;
    assert_eq!((same.webhook, same.url_number), (before.clone(), 1));
    assert_eq!(read(&store, id).await, before);
}

pub async fn every_option_can_be_changed(store: Any) {
    let id = webhook(&store).await;
    let all = WebhookChange {
        url: Some("https://b.example.com/".to_owned()),
        events: Some(Subscription::parse(["booking.*"]).unwrap()),
        description: Some(Some(Description::parse("new").unwrap())),
        status: Some(StatusChange::Pause),
        include_custom_parameters: Some(true),
        skip_own: Some(true),
        ordering: Some(Ordering::Booking),
        profile: Some(Some("ticketing".to_owned())),
        shadow_profile: Some(Some("bookingkit".to_owned())),
    };
    let before = read(&store, id).await;
    let after = change(&store, id, all.clone(), at(5)).await;
    assert_eq!(after.webhook, before.changed(&all, at(5)).unwrap().0);
    assert_eq!((after.webhook.updated_at, after.webhook.version, after.url_number), (at(5), 2, 2));
    assert_eq!(after.secrets.current.expose(), new_webhook(101).secret.expose());
    assert_eq!(read(&store, id).await, after.webhook);
}

pub async fn another_url_pulls_retries_forward_and_clears_the_clock(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    send_and(&store, id, event, failed(at(100))).await;
    claim(&store, at(60_100)).await;
    conclude(&store, vec![claimed(id, event, 1, failed(at(60_200)))], at(60_200)).await;
    assert_eq!(line(&store, id, event).await.next_attempt_at, Some(at(180_200)));

    let changed = change(&store, id, url("https://b.example.com/"), at(70_000)).await;
    assert_eq!((changed.webhook.status, changed.url_number), (Status::ACTIVE, 2));
    assert_eq!(line(&store, id, event).await.next_attempt_at, Some(at(130_000)));
    assert_eq!(claim(&store, at(130_000)).await.due.len(), 1);

    // What was tried at the old URL says so.
    let (_, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    assert!(attempts.iter().all(|it| it.url == new_webhook(101).url));
}

pub async fn dropped_types_are_cancelled(store: Any) {
    let id = webhook(&store).await;
    let (created, updated) = (event_id(0, 1), event_id(0, 2));
    let mut other = row(updated, &[(id, TargetFate::Wait)]);
    other.kind = kind("booking.updated");
    accept(&store, vec![row(created, &[(id, TargetFate::Wait)]), other]).await;
    let events = Some(Subscription::parse(["booking.updated"]).unwrap());
    change(&store, id, WebhookChange { events, ..WebhookChange::default() }, at(5)).await;
    assert_eq!(state(&store, id, created).await, cancelled(Reason::Unsubscribed));
    assert_eq!(line(&store, id, created).await.completed_at, Some(at(5)));
    assert_eq!(state(&store, id, updated).await, State::Pending);
}

pub async fn pausing_holds_and_resuming_releases(store: Any) {
    let id = webhook(&store).await;
    let (before, after) = (event_id(0, 1), event_id(20, 1));
    wait(&store, id, before).await;
    let paused = switch(&store, id, StatusChange::Pause, at(10)).await;
    assert_eq!(paused.webhook.status, Status::Paused { since: at(10) });
    wait(&store, id, after).await;
    for event in [before, after] {
        let line = line(&store, id, event).await;
        assert_eq!((line.state, line.next_attempt_at), (State::Held, None));
    }
    let claimed = claim(&store, at(1_000)).await;
    assert_eq!((claimed.due.len(), claimed.next), (0, None));

    switch(&store, id, StatusChange::Activate(Held::Deliver), at(2_000)).await;
    let due: Vec<_> = claim(&store, at(2_000)).await.due.iter().map(|it| it.event).collect();
    assert_eq!(due, [before, after]);
}

pub async fn resuming_with_latest_keeps_the_newest_of_each_booking(store: Any) {
    let id = webhook(&store).await;
    switch(&store, id, StatusChange::Pause, at(0)).await;
    let booking = |number: u16, booking: Option<BookingId>| {
        let mut row = row(event_id(1, number), &[(id, TargetFate::Wait)]);
        row.booking = booking;
        row
    };
    let (number, text) = (BookingId::Number(9001), BookingId::Text("9001".to_owned()));
    let rows = vec![
        booking(1, Some(number.clone())),
        booking(2, Some(BookingId::Number(9002))),
        booking(3, None),
        // The same booking, however it is written.
        booking(4, Some(text)),
        booking(5, None),
    ];
    accept(&store, rows).await;
    switch(&store, id, StatusChange::Activate(Held::Latest), at(10)).await;
    assert_eq!(state(&store, id, event_id(1, 1)).await, cancelled(Reason::Superseded));
    for kept in 2..=5 {
        assert_eq!(state(&store, id, event_id(1, kept)).await, State::Pending, "{kept}");
    }
}

pub async fn resuming_with_discard_drops_what_was_held(store: Any) {
    let id = webhook(&store).await;
    switch(&store, id, StatusChange::Pause, at(0)).await;
    wait(&store, id, event_id(1, 1)).await;
    wait(&store, id, event_id(1, 2)).await;
    let resumed = switch(&store, id, StatusChange::Activate(Held::Discard), at(10)).await;
    assert_eq!(resumed.webhook.status, Status::ACTIVE);
    for event in [event_id(1, 1), event_id(1, 2)] {
        assert_eq!(state(&store, id, event).await, cancelled(Reason::Discarded));
    }
    assert!(claim(&store, at(20)).await.due.is_empty());
}

pub async fn disabling_cancels_what_waits(store: Any) {
    let id = webhook(&store).await;
    let (leased, waiting) = (event_id(0, 1), event_id(1, 1));
    wait(&store, id, leased).await;
    assert_eq!(claim(&store, at(0)).await.due.len(), 1);
    wait(&store, id, waiting).await;
    switch(&store, id, StatusChange::Disable("spam".to_owned()), at(10)).await;
    assert_eq!(state(&store, id, waiting).await, cancelled(Reason::WebhookDisabled));
    // An attempt under way is its holder's: it finishes and is recorded, but not retried.
    assert_eq!(state(&store, id, leased).await, State::Delivering);
    conclude(&store, vec![claimed(id, leased, 0, failed(at(20)))], at(20)).await;
    let line = line(&store, id, leased).await;
    assert_eq!((line.state, line.attempts), (cancelled(Reason::WebhookDisabled), 1));
    assert_eq!(claim(&store, at(hours(1))).await.next, None);
}

pub async fn what_is_refused_changes_nothing(store: Any) {
    let id = webhook(&store).await;
    switch(&store, id, StatusChange::Disable("spam".to_owned()), at(10)).await;
    let before = read(&store, id).await;
    let wish = WebhookChange { status: Some(StatusChange::Pause), ..url("https://b.example.com/") };
    let patch = Patch { change: wish, ..Patch::default() };
    let refused = store.change_webhook(EVERYTHING, id, patch, &order(at(20)), at(20)).await;
    assert!(matches!(refused, Err(ChangeError::Refused(_))));
    assert_eq!(read(&store, id).await, before);
}

pub async fn reactivation_revives_nothing(store: Any) {
    let id = webhook(&store).await;
    wait(&store, id, event_id(0, 1)).await;
    switch(&store, id, StatusChange::Disable("spam".to_owned()), at(10)).await;
    let active = switch(&store, id, StatusChange::Activate(Held::Deliver), at(20)).await;
    assert_eq!((active.webhook.status, active.webhook.version), (Status::ACTIVE, 3));
    assert_eq!(state(&store, id, event_id(0, 1)).await, cancelled(Reason::WebhookDisabled));
    assert!(claim(&store, at(30)).await.due.is_empty());
    // What comes now is delivered.
    wait(&store, id, event_id(40, 1)).await;
    assert_eq!(claim(&store, at(40)).await.due.len(), 1);
}

pub async fn deleting_cancels_what_waits(store: Any) {
    let id = webhook(&store).await;
    let (waiting, handed_off, delivered) = (event_id(0, 1), event_id(0, 2), event_id(0, 3));
    wait(&store, id, waiting).await;
    let handoff = send(&store, id, handed_off).await;
    send_and(&store, id, delivered, accepted(at(50))).await;
    store.delete_webhook(EVERYTHING, id, &order(at(60))).await.unwrap();
    assert_eq!(target_state(&store, waiting).await, cancelled(Reason::WebhookDeleted));
    assert_eq!(target_state(&store, handed_off).await, cancelled(Reason::WebhookDeleted));
    assert_eq!(target_state(&store, delivered).await, State::Delivered);
    assert!(claim(&store, at(100)).await.due.is_empty());
    let ended = conclude(&store, vec![handed(id, handed_off, handoff, failed(at(70)))], at(70)).await;
    assert!(matches!(ended.fates[..], [Fate::Written(stayhook_core::Next::Ended(_))]));
    assert_eq!(target_state(&store, handed_off).await, cancelled(Reason::WebhookDeleted));
    assert_eq!(store.delivery(EVERYTHING, id, delivered).await.unwrap(), None);
}
