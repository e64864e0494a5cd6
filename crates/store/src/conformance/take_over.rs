//! What a process leaves behind when it dies.

use stayhook_core::{Outcome, Reason, State, Status, StatusChange};

use super::fixtures::*;
use crate::{Conclude, Fate, Step, TargetFate};

/// Concludes without finishing the handoff, as a process does that dies in the middle.
async fn conclude_part(store: &Any, conclusions: Vec<crate::Conclusion>) {
    let policy = stayhook_core::Policy::default();
    store.conclude(Conclude { conclusions, finished: vec![], now: at(200), policy }).await.unwrap();
}

pub async fn what_was_in_memory_falls_due(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    let handoff = send(&store, id, event).await;
    assert_eq!(store.take_over(at(1_000)).await.unwrap(), 1);
    assert_eq!(store.take_over(at(1_000)).await.unwrap(), 0);
    let line = line(&store, id, event).await;
    assert_eq!((line.state, line.attempts, line.next_attempt_at), (State::Pending, 1, Some(at(1_000))));
    assert_eq!(read(&store, id).await.status, Status::ACTIVE, "nobody's failure");
    // The dead process would find the fence closed.
    let late = conclude(&store, vec![handed(id, event, handoff, accepted(at(1_100)))], at(1_100)).await;
    assert_eq!(late.fates, [Fate::Stale]);
    let due = claim(&store, at(1_000)).await.due;
    assert_eq!((due.len(), due[0].progress.attempts, due[0].progress.steps), (1, 1, 0));
    assert_eq!(due[0].booking, Some(stayhook_core::BookingId::Number(9001)));
}

pub async fn what_was_leased_falls_due(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    send_and(&store, id, event, failed(at(100))).await;
    claim(&store, at(60_100)).await;
    assert_eq!(store.take_over(at(61_000)).await.unwrap(), 1);
    let due = claim(&store, at(61_000)).await.due;
    assert_eq!((due[0].progress.attempts, due[0].progress.steps), (2, 1));
    let late = conclude(&store, vec![claimed(id, event, 1, accepted(at(61_000)))], at(61_000)).await;
    assert_eq!(late.fates, [Fate::Stale]);
    let (_, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    let numbers: Vec<_> = attempts.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [1, 2]);
}

pub async fn what_was_settled_stays_settled(store: Any) {
    let id = webhook(&store).await;
    let events: Vec<_> = (0..5).map(|number| event_id(0, number)).collect();
    let rows = events.iter().map(|it| row(*it, &[(id, TargetFate::Send)])).collect();
    let handoff = accept(&store, rows).await.handoff.unwrap();
    let steps = [
        accepted(at(100)),
        failed(at(100)),
        Step::Spilled { due: at(100) },
        tried(Outcome::Interrupted, at(100)),
    ];
    let settled = events.iter().zip(steps).map(|(event, step)| handed(id, *event, handoff, step));
    conclude_part(&store, settled.collect()).await;
    let mut before = Vec::new();
    for event in &events[..4] {
        before.push(store.delivery(EVERYTHING, id, *event).await.unwrap());
    }
    assert_eq!(store.take_over(at(1_000)).await.unwrap(), 1);
    for (event, before) in events.iter().zip(before) {
        assert_eq!(store.delivery(EVERYTHING, id, *event).await.unwrap(), before);
    }
    assert_eq!(state(&store, id, events[4]).await, State::Pending);
}

pub async fn what_cannot_wait_ends(store: Any) {
    let (disabled, deleted, paused) = (webhook(&store).await, webhook(&store).await, webhook(&store).await);
    let (leased, in_memory) = (event_id(0, 1), event_id(0, 2));
    let targets = |fate| [disabled, deleted, paused].map(|id| (id, fate));
    accept(&store, vec![row(leased, &targets(TargetFate::Wait))]).await;
    assert_eq!(claim(&store, at(1)).await.due.len(), 3);
    accept(&store, vec![row(in_memory, &targets(TargetFate::Send))]).await;
    switch(&store, disabled, StatusChange::Disable("spam".to_owned()), at(10)).await;
    store.delete_webhook(EVERYTHING, deleted, &order(at(10))).await.unwrap();
    switch(&store, paused, StatusChange::Pause, at(10)).await;

    assert_eq!(store.take_over(at(1_000)).await.unwrap(), 2);
    for event in [leased, in_memory] {
        let targets = store.event(event).await.unwrap().unwrap().targets;
        let states: Vec<_> = targets.into_iter().map(|it| it.state).collect();
        let expected = [cancelled(Reason::WebhookDisabled), cancelled(Reason::WebhookDeleted), State::Held];
        assert_eq!(states, expected);
    }
    assert!(claim(&store, at(hours(1))).await.due.is_empty());
}
