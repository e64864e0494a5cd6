//! Events as they are accepted.

use stayhook_core::{BookingId, End, Reason, State, StatusChange};

use super::fixtures::*;
use crate::{Accepted, Target, TargetFate};

pub async fn an_accepted_event_reads_back(store: Any) {
    let id = webhook(&store).await;
    for (number, booking) in [None, Some(BookingId::Number(-9001)), Some(BookingId::Text("b\"ök".to_owned()))]
        .into_iter()
        .enumerate()
    {
        let event = event_id(1, u16::try_from(number).unwrap());
        let mut new = row(event, &[(id, TargetFate::Send)]);
        new.booking = booking.clone();
        new.created_at = at(-5);
        new.origin = Some(client("pms"));
        let receipt = accept(&store, vec![new]).await;
        assert_eq!(receipt.results, [Accepted::New]);
        assert!(receipt.handoff.is_some());
        let line = store.event(event).await.unwrap().unwrap();
        assert_eq!((line.id, line.kind, line.booking), (event, kind("booking.created"), booking));
        assert_eq!(
            (line.property, line.created_at, line.client),
            (property(101), at(-5), client("bookings"))
        );
        assert_eq!(line.targets.len(), 1);
        assert_eq!((line.targets[0].webhook, line.targets[0].state), (id, State::Delivering));
    }
    assert_eq!(store.event(event_id(2, 0)).await.unwrap(), None);
}

pub async fn the_same_key_gives_the_first_event(store: Any) {
    let (first, second) = (webhook(&store).await, webhook(&store).await);
    let targets = [(first, TargetFate::Send), (second, TargetFate::Skip(Reason::Unsubscribed))];
    let with_key = |ms| {
        let mut row = row(event_id(ms, 0), &targets);
        row.idempotency = key("order-1", 1);
        row
    };
    assert_eq!(accept(&store, vec![with_key(1)]).await.results, [Accepted::New]);
    let again = accept(&store, vec![with_key(2)]).await;
    assert_eq!(again.results, [Accepted::Duplicate { id: event_id(1, 0), deliveries: 1 }]);
    assert_eq!(again.handoff, None);
    assert_eq!(store.event(event_id(2, 0)).await.unwrap(), None);
}

pub async fn the_same_key_with_other_content_is_a_conflict(store: Any) {
    let id = webhook(&store).await;
    let with = |ms, content| {
        let mut row = row(event_id(ms, 0), &[(id, TargetFate::Wait)]);
        row.idempotency = key("order-1", content);
        row
    };
    accept(&store, vec![with(1, 1)]).await;
    // Others in the same batch are accepted.
    let mixed = accept(&store, vec![with(2, 2), row(event_id(3, 0), &[(id, TargetFate::Wait)])]).await;
    assert_eq!(mixed.results, [Accepted::Conflict, Accepted::New]);
    assert_eq!(store.event(event_id(2, 0)).await.unwrap(), None);
    assert_eq!(claim(&store, at(10)).await.due.len(), 2);
}

pub async fn keys_are_claimed_within_a_batch_too(store: Any) {
    let id = webhook(&store).await;
    let with = |number, text, content| {
        let mut row = row(event_id(1, number), &[(id, TargetFate::Send)]);
        row.idempotency = key(text, content);
        row
    };
    let batch = vec![with(1, "a", 1), with(2, "a", 1), with(3, "a", 2), with(4, "b", 1)];
    let results = accept(&store, batch).await.results;
    let duplicate = Accepted::Duplicate { id: event_id(1, 1), deliveries: 1 };
    assert_eq!(results, [Accepted::New, duplicate, Accepted::Conflict, Accepted::New]);
    assert_eq!(log(&store, id, &Default::default()).await.len(), 2);
}

pub async fn keys_belong_to_their_client(store: Any) {
    let with = |number, name: &str| {
        let mut row = row(event_id(1, number), &[]);
        row.idempotency = key("order-1", 1);
        row.client = client(name);
        row
    };
    assert_eq!(accept(&store, vec![with(1, "a")]).await.results, [Accepted::New]);
    assert_eq!(accept(&store, vec![with(2, "b")]).await.results, [Accepted::New]);
}

pub async fn concurrent_repetitions_are_accepted_once(store: Any) {
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut row = row(event_id(1, number), &[]);
                row.idempotency = key("order-1", 1);
                accept(&store, vec![row]).await.results[0]
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    let is_new = |it: &&Accepted| **it == Accepted::New;
    assert_eq!(results.iter().filter(is_new).count(), 1);
    assert!(results.iter().all(|it| matches!(it, Accepted::New | Accepted::Duplicate { .. })));
}

pub async fn skipped_targets_say_why(store: Any) {
    let mut targets = Vec::new();
    for reason in [Reason::WebhookDisabled, Reason::NotEntitled, Reason::OwnEvent, Reason::Unsubscribed] {
        targets.push((webhook(&store).await, TargetFate::Skip(reason)));
    }
    let event = event_id(1, 0);
    accept(&store, vec![row(event, &targets)]).await;
    let line = store.event(event).await.unwrap().unwrap();
    for (target, (webhook, fate)) in line.targets.iter().zip(&targets) {
        let TargetFate::Skip(reason) = fate else { continue };
        assert_eq!((target.webhook, target.state), (*webhook, State::Ended(End::Skipped(*reason))));
        let delivery = store.delivery(EVERYTHING, *webhook, event).await.unwrap();
        if *reason == Reason::Unsubscribed {
            assert_eq!(delivery, None, "remembered in the event alone");
            continue;
        }
        let (delivery, attempts) = delivery.unwrap();
        assert_eq!((delivery.state, delivery.attempts), (target.state, 0));
        assert_eq!((delivery.completed_at, attempts.len()), (Some(at(1)), 0));
    }
}

pub async fn each_webhook_gets_its_own_bytes(store: Any) {
    let ids = [webhook(&store).await, webhook(&store).await, webhook(&store).await];
    let mut new = row(event_id(1, 0), &[]);
    new.bodies = vec![body("first"), body("second")];
    let target = |(webhook, body)| Target { webhook, body, fate: TargetFate::Wait };
    new.targets = ids.into_iter().zip([1, 0, 1]).map(target).collect();
    accept(&store, vec![new]).await;
    let due = claim(&store, at(2)).await.due;
    let body = |id| due.iter().find(|it| it.webhook == id).map(|it| it.body.bytes.clone()).unwrap();
    assert_eq!(ids.map(body), [&b"second"[..], b"first", b"second"]);
}

pub async fn waiting_for_a_webhook_that_was_switched_off_ends_at_once(store: Any) {
    let (disabled, deleted) = (webhook(&store).await, webhook(&store).await);
    switch(&store, disabled, StatusChange::Disable("spam".to_owned()), at(0)).await;
    store.delete_webhook(EVERYTHING, deleted, &order(at(0))).await.unwrap();
    let event = event_id(1, 0);
    accept(&store, vec![row(event, &[(disabled, TargetFate::Wait), (deleted, TargetFate::Wait)])]).await;
    let targets = store.event(event).await.unwrap().unwrap().targets;
    assert_eq!(targets[0].state, State::Ended(End::Skipped(Reason::WebhookDisabled)));
    assert_eq!(targets[1].state.reason(), Some(Reason::WebhookDeleted));
    assert!(claim(&store, at(2)).await.due.is_empty());
}

pub async fn nothing_to_send_makes_no_handoff(store: Any) {
    let id = webhook(&store).await;
    assert_eq!(accept(&store, vec![]).await.handoff, None);
    assert_eq!(accept(&store, vec![row(event_id(1, 0), &[])]).await.handoff, None);
    assert_eq!(accept(&store, vec![row(event_id(1, 1), &[(id, TargetFate::Wait)])]).await.handoff, None);
    assert_eq!(store.take_over(at(2)).await.unwrap(), 0);
}
