//! Changes to webhooks, and what they do to deliveries that wait.

use stayhook_core::{
    BookingId, Description, Held, Ordering, Reason, State, Status, StatusChange, Subscription, WebhookChange,
};

use super::fixtures::*;
use crate::{ChangeError, Fate, NewWebhook, Patch, TargetFate};

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

/// Neither the change nor the sweeper does much at once; what is wanted stays.
pub async fn many_of_dropped_types_are_cancelled_by_the_sweeper(store: Any) {
    let id = webhook(&store).await;
    for chunk in 0..3_u16 {
        let rows = (0..900_u16).map(|n| {
            let mut row = row(event_id(0, chunk * 900 + n), &[(id, TargetFate::Wait)]);
            if n % 9 == 0 {
                row.kind = kind("booking.updated");
            }
            row
        });
        accept(&store, rows.collect()).await;
    }
    let events = Some(Subscription::parse(["booking.updated"]).unwrap());
    change(&store, id, WebhookChange { events, ..WebhookChange::default() }, at(5)).await;
    assert_eq!(state(&store, id, event_id(0, 1)).await, cancelled(Reason::Unsubscribed));
    assert_eq!(state(&store, id, event_id(0, 2_699)).await, State::Pending, "not all at once");
    let mut sweeps = 0;
    while sweep_of(&store, at(40), 500).await.next.is_some_and(|next| next <= at(40)) {
        sweeps += 1;
    }
    assert!(sweeps >= 3, "{sweeps}");
    assert_eq!(line(&store, id, event_id(0, 2_699)).await.completed_at, Some(at(5)));
    let due = claim_of(&store, at(50), 64, 5_000, vec![]).await.due;
    assert_eq!(due.len(), 300);
    assert!(due.iter().all(|it| it.kind == kind("booking.updated")));
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

pub async fn a_change_of_another_version_is_refused(store: Any) {
    let id = webhook(&store).await;
    let before = read(&store, id).await;
    let patch = || Patch { change: url("https://b.example.com/"), ..Patch::default() };
    let stale = only_at(&[2], at(5));
    let refused = store.change_webhook(EVERYTHING, id, patch(), &stale, at(5)).await;
    assert!(matches!(refused, Err(ChangeError::OtherVersion)));
    // Even one that would change nothing: the caller believes something that is not so.
    let refused = store.change_webhook(EVERYTHING, id, Patch::default(), &stale, at(5)).await;
    assert!(matches!(refused, Err(ChangeError::OtherVersion)));
    let refused = store.delete_webhook(EVERYTHING, id, &stale).await;
    assert!(matches!(refused, Err(ChangeError::OtherVersion)));
    assert_eq!(read(&store, id).await, before);
    let seen = only_at(&[1], at(5));
    let changed = store.change_webhook(EVERYTHING, id, patch(), &seen, at(5)).await.unwrap();
    assert_eq!(changed.webhook.version, 2);
    store.delete_webhook(EVERYTHING, id, &only_at(&[1, 2], at(6))).await.unwrap();
}

pub async fn one_of_concurrent_changes_of_a_version_wins(store: Any) {
    let id = webhook(&store).await;
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let store = store.clone();
            let change = url(&format!("https://{number}.example.com/"));
            let patch = Patch { change, ..Patch::default() };
            tokio::spawn(async move {
                store.change_webhook(EVERYTHING, id, patch, &only_at(&[1], at(5)), at(5)).await
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert!(matches!(error, ChangeError::OtherVersion), "{error}"),
        }
    }
    assert_eq!((made, read(&store, id).await.version), (1, 2));
}

pub async fn credentials_are_stored_replaced_and_cleared(store: Any) {
    let new = NewWebhook { credentials: Some(basic("first")), ..new_webhook(101) };
    let made = store.create_webhook(new).await.unwrap();
    let id = made.webhook.id;
    let stored = |password| Some(basic(password).expose_bytes().to_vec());
    assert_eq!(exposed(&made), stored("first"));
    assert_eq!(exposed(&registered(&store, id).await), stored("first"));
    // Another change leaves them alone.
    change(&store, id, url("https://b.example.com/"), at(1)).await;
    assert_eq!(exposed(&registered(&store, id).await), stored("first"));

    let set = async |credentials, now| {
        let patch = Patch { credentials: Some(credentials), ..Patch::default() };
        store.change_webhook(EVERYTHING, id, patch, &order(now), now).await.unwrap()
    };
    // Nobody can tell from outside whether they are the same, so that it counts as a change.
    for (number, password) in [(3, "second"), (4, "second")] {
        let changed = set(Some(basic(password)), at(number)).await;
        assert_eq!((changed.webhook.version, changed.webhook.updated_at), (number, at(number)));
        assert_eq!(exposed(&changed), stored(password));
        assert_eq!(exposed(&registered(&store, id).await), stored(password));
        assert_eq!(read(&store, id).await, changed.webhook);
    }
    let cleared = set(None, at(5)).await;
    assert_eq!((cleared.webhook.version, exposed(&cleared)), (5, None));
    assert_eq!(exposed(&registered(&store, id).await), None);
    assert_eq!(set(None, at(6)).await.webhook, cleared.webhook, "there was nothing to clear");
}

pub async fn credentials_of_a_refused_change_are_not_stored(store: Any) {
    let id = webhook(&store).await;
    switch(&store, id, StatusChange::Disable("spam".to_owned()), at(1)).await;
    let pause = WebhookChange { status: Some(StatusChange::Pause), ..WebhookChange::default() };
    let patch = Patch { change: pause, credentials: Some(Some(basic("first"))) };
    assert!(store.change_webhook(EVERYTHING, id, patch, &order(at(2)), at(2)).await.is_err());
    assert_eq!(exposed(&registered(&store, id).await), None);
}
