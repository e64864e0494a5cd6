//! Deliveries that are made due again, one by one.

use stayhook_core::{End, EventId, Held, Next, Progress, Reason, State, StatusChange, UnixMs, WebhookId};

use super::fixtures::*;
use crate::{Conclude, Due, Fate, PropertyScope, Recover, RequeueError, Scope, Step, TargetFate};

async fn retry(store: &Any, id: WebhookId, event: EventId, now: UnixMs) {
    store.retry(EVERYTHING, id, event, &order(now)).await.unwrap();
}

/// Claims the only delivery that is due.
async fn claim_one(store: &Any, now: UnixMs) -> Due {
    let mut due = claim(store, now).await.due;
    assert_eq!(due.len(), 1, "{due:?}");
    due.remove(0)
}

pub(super) async fn conclude_due(store: &Any, due: &Due, step: Step, now: UnixMs) -> Vec<Fate> {
    let done = conclusion(due.webhook, due.event, crate::Origin::Claim, due.progress, step);
    conclude(store, vec![done], now).await.fates
}

/// The numbers of the attempts that the log shows.
pub(super) async fn numbers(store: &Any, id: WebhookId, event: EventId) -> Vec<u32> {
    let (line, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    assert_eq!(usize::try_from(line.attempts).unwrap(), attempts.len());
    attempts.iter().map(|it| it.number).collect()
}

pub(super) async fn switch_off_and_on(store: &Any, id: WebhookId, now: UnixMs) {
    switch(store, id, StatusChange::Disable("spam".to_owned()), now).await;
    switch(store, id, StatusChange::Activate(Held::Deliver), now).await;
}

pub async fn a_delivered_delivery_is_sent_again(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    send_and(&store, id, event, accepted(at(100))).await;
    retry(&store, id, event, at(1_000)).await;
    let waiting = line(&store, id, event).await;
    assert_eq!((waiting.state, waiting.attempts), (State::Pending, 1));
    assert_eq!((waiting.next_attempt_at, waiting.completed_at), (Some(at(1_000)), None));
    assert_eq!(target_state(&store, event).await, State::Pending);
    assert_eq!(log(&store, id, &Default::default()).await, [waiting]);

    let due = claim_one(&store, at(1_000)).await;
    assert_eq!((due.body.bytes.as_ref(), due.progress.steps), (format!("body of {event}").as_bytes(), 0));
    assert_eq!(due.booking, Some(stayhook_core::BookingId::Number(9001)));
    let fates = conclude_due(&store, &due, failed(at(2_000)), at(2_000)).await;
    assert_eq!(fates, [Fate::Written(Next::Retry { due: at(62_000), steps: 1 })]);
    assert_eq!(state(&store, id, event).await, State::Pending);
    let due = claim_one(&store, at(62_000)).await;
    conclude_due(&store, &due, accepted(at(63_000)), at(63_000)).await;
    let line = line(&store, id, event).await;
    assert_eq!((line.state, line.attempts, line.completed_at), (State::Delivered, 3, Some(at(63_000))));
    assert_eq!(numbers(&store, id, event).await, [1, 2, 3]);
    assert_eq!(target_state(&store, event).await, State::Delivered);
}

/// However it ended, and as often as one likes.
pub async fn whatever_ended_can_be_retried(store: Any) {
    let id = webhook(&store).await;
    let [called_off, tried, skipped] = [1, 2, 3].map(|number| event_id(0, number));
    let end = End::Cancelled(Reason::NotEntitled);
    send_and(&store, id, called_off, Step::Ended(end)).await;
    send_and(&store, id, tried, failed(at(100))).await;
    switch_off_and_on(&store, id, at(200)).await;
    let skip = TargetFate::Skip(Reason::WebhookDisabled);
    accept(&store, vec![row(skipped, &[(id, skip)])]).await;
    assert_eq!(state(&store, id, called_off).await, State::Ended(end));
    assert_eq!(state(&store, id, tried).await, cancelled(Reason::WebhookDisabled));
    assert_eq!(state(&store, id, skipped).await, State::Ended(End::Skipped(Reason::WebhookDisabled)));

    for (round, made) in [(1_000, 0), (2_000, 1)] {
        for (event, before) in [(called_off, 0), (tried, 1), (skipped, 0)] {
            let attempts = before + made;
            retry(&store, id, event, at(round)).await;
            let waiting = line(&store, id, event).await;
            assert_eq!((waiting.state, waiting.attempts), (State::Pending, attempts));
            let due = claim_one(&store, at(round)).await;
            assert_eq!(due.event, event);
            assert_eq!(
                conclude_due(&store, &due, accepted(at(round)), at(round)).await,
                [Fate::Written(Next::Delivered)]
            );
            assert_eq!(state(&store, id, event).await, State::Delivered);
            let expected: Vec<u32> = (1..=attempts + 1).collect();
            assert_eq!(numbers(&store, id, event).await, expected);
        }
    }
}

pub async fn what_waits_is_due_at_once(store: Any) {
    let id = webhook(&store).await;
    let (tried, fresh) = (event_id(0, 1), event_id(5_000, 1));
    send_and(&store, id, tried, failed(at(100))).await;
    assert_eq!(line(&store, id, tried).await.next_attempt_at, Some(at(60_100)));
    retry(&store, id, tried, at(1_000)).await;
    let waiting = line(&store, id, tried).await;
    assert_eq!((waiting.attempts, waiting.next_attempt_at), (1, Some(at(1_000))));
    let due = claim_one(&store, at(1_000)).await;
    assert_eq!(due.progress, Progress { attempts: 1, steps: 1 });
    conclude_due(&store, &due, accepted(at(1_100)), at(1_100)).await;
    // Nobody waits longer because of it.
    wait(&store, id, fresh).await;
    retry(&store, id, fresh, at(9_000)).await;
    assert_eq!(line(&store, id, fresh).await.next_attempt_at, Some(at(5_000)));
}

pub async fn what_is_under_way_is_left_alone(store: Any) {
    let id = webhook(&store).await;
    let (handed_off, leased) = (event_id(0, 1), event_id(0, 2));
    wait(&store, id, leased).await;
    let due = claim_one(&store, at(0)).await;
    let handoff = send(&store, id, handed_off).await;
    for event in [handed_off, leased] {
        let refused = store.retry(EVERYTHING, id, event, &order(at(10))).await;
        assert!(matches!(refused, Err(RequeueError::UnderWay)));
        assert_eq!(state(&store, id, event).await, State::Delivering);
    }
    let done = conclude(&store, vec![handed(id, handed_off, handoff, accepted(at(100)))], at(100)).await;
    assert_eq!(done.fates, [Fate::Written(Next::Delivered)]);
    assert_eq!(
        conclude_due(&store, &due, accepted(at(100)), at(100)).await,
        [Fate::Written(Next::Delivered)]
    );
    assert!(claim(&store, at(hours(9))).await.due.is_empty());
}

pub async fn nothing_is_requeued_for_a_webhook_that_is_not_active(store: Any) {
    let id = webhook(&store).await;
    let (delivered, held) = (event_id(0, 1), event_id(0, 2));
    send_and(&store, id, delivered, accepted(at(100))).await;
    wait(&store, id, held).await;
    let everything = Recover { since: at(0), until: at(hours(9)), failed: true, missed: true };
    for (status, name) in
        [(StatusChange::Pause, "paused"), (StatusChange::Disable("spam".to_owned()), "disabled")]
    {
        switch(&store, id, status, at(200)).await;
        for event in [delivered, held] {
            let before = state(&store, id, event).await;
            let refused = store.retry(EVERYTHING, id, event, &order(at(300))).await;
            assert!(matches!(refused, Err(RequeueError::NotActive(it)) if it == name));
            assert_eq!(state(&store, id, event).await, before);
        }
        let refused = store.recover(EVERYTHING, id, everything, &order(at(300))).await;
        assert!(matches!(refused, Err(RequeueError::NotActive(it)) if it == name));
        let unknown = store.retry(EVERYTHING, id, event_id(9, 9), &order(at(300))).await;
        assert!(matches!(unknown, Err(RequeueError::NotFound)));
    }
}

pub async fn what_is_not_in_the_log_is_not_found(store: Any) {
    let (id, other) = (webhook(&store).await, webhook(&store).await);
    let event = event_id(0, 1);
    let unwanted = TargetFate::Skip(Reason::Unsubscribed);
    accept(&store, vec![row(event, &[(id, TargetFate::Wait), (other, unwanted)])]).await;
    let blind = Scope { client: Some(client("another")), properties: PropertyScope::All };
    let unknown = event_id(7, 7);
    let gone = WebhookId(999);
    for (scope, id, event) in [
        (EVERYTHING, other, event),
        (EVERYTHING, id, unknown),
        (EVERYTHING, gone, event),
        (&blind, id, event),
    ] {
        let refused = store.retry(scope, id, event, &order(at(10))).await;
        assert!(matches!(refused, Err(RequeueError::NotFound)));
    }
    let everything = Recover { since: at(0), until: at(hours(9)), failed: true, missed: true };
    for (scope, id) in [(EVERYTHING, gone), (&blind, id)] {
        let refused = store.recover(scope, id, everything, &order(at(10))).await;
        assert!(matches!(refused, Err(RequeueError::NotFound)));
    }
    assert_eq!(claim(&store, at(hours(1))).await.due.len(), 1);
}

/// What waits again after it ended is like anything that waits.
pub async fn a_retried_delivery_can_be_called_off(store: Any) {
    let (disabled, deleted) = (webhook(&store).await, webhook(&store).await);
    let event = event_id(0, 1);
    let targets = [(disabled, TargetFate::Send), (deleted, TargetFate::Send)];
    let handoff = accept(&store, vec![row(event, &targets)]).await.handoff.unwrap();
    let done = [disabled, deleted].map(|id| handed(id, event, handoff, accepted(at(100))));
    conclude(&store, done.to_vec(), at(100)).await;
    for id in [disabled, deleted] {
        retry(&store, id, event, at(200)).await;
    }
    switch(&store, disabled, StatusChange::Disable("spam".to_owned()), at(300)).await;
    store.delete_webhook(EVERYTHING, deleted, &order(at(300))).await.unwrap();
    let ended = line(&store, disabled, event).await;
    assert_eq!((ended.state, ended.attempts), (cancelled(Reason::WebhookDisabled), 1));
    assert_eq!(ended.completed_at, Some(at(300)));
    let states: Vec<_> =
        store.event(event).await.unwrap().unwrap().targets.iter().map(|it| it.state).collect();
    assert_eq!(states, [cancelled(Reason::WebhookDisabled), cancelled(Reason::WebhookDeleted)]);
    assert!(claim(&store, at(hours(1))).await.due.is_empty());
}

/// Concludes without finishing the handoff: others of its deliveries are still in flight.
async fn conclude_part(store: &Any, conclusion: crate::Conclusion, now: UnixMs) -> Vec<Fate> {
    let policy = stayhook_core::Policy::default();
    let batch = Conclude { conclusions: vec![conclusion], finished: vec![], now, policy };
    store.conclude(batch).await.unwrap().fates
}

/// Neither while it waits, nor while somebody has it, nor after it ended again.
pub async fn late_conclusions_do_not_touch_what_was_requeued(store: Any) {
    let id = webhook(&store).await;
    let (event, in_flight) = (event_id(0, 1), event_id(0, 2));
    let rows = [event, in_flight].map(|it| row(it, &[(id, TargetFate::Send)]));
    let handoff = accept(&store, rows.to_vec()).await.handoff.unwrap();
    conclude_part(&store, handed(id, event, handoff, accepted(at(100))), at(100)).await;
    retry(&store, id, event, at(200)).await;
    let stale = async |now: i64| {
        let before = store.delivery(EVERYTHING, id, event).await.unwrap();
        let end = Step::Ended(End::Cancelled(Reason::NotEntitled));
        for step in [accepted(at(now)), failed(at(now)), end, Step::Spilled { due: at(now) }] {
            let late = conclude_part(&store, handed(id, event, handoff, step), at(now)).await;
            assert_eq!(late, [Fate::Stale]);
            assert_eq!(store.delivery(EVERYTHING, id, event).await.unwrap(), before);
        }
    };
    stale(300).await;
    let due = claim_one(&store, at(400)).await;
    stale(500).await;
    conclude_due(&store, &due, accepted(at(600)), at(600)).await;
    stale(700).await;
    assert_eq!(numbers(&store, id, event).await, [1, 2]);
    // Of the handoff only what is still in flight is given back.
    assert_eq!(store.take_over(at(1_000)).await.unwrap(), 1);
    assert_eq!(state(&store, id, event).await, State::Delivered);
    assert_eq!(claim_one(&store, at(1_000)).await.event, in_flight);
}

pub async fn what_was_requeued_and_lost_is_taken_over(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    send_and(&store, id, event, Step::Ended(End::Cancelled(Reason::NotEntitled))).await;
    retry(&store, id, event, at(200)).await;
    claim_one(&store, at(200)).await;
    assert_eq!(store.take_over(at(1_000)).await.unwrap(), 1);
    assert_eq!(numbers(&store, id, event).await, [1], "it may have been sent");
    // And once more, by a lease that ran out.
    claim_one(&store, at(1_000)).await;
    let due = claim_one(&store, at(1_000).after(LEASE)).await;
    assert_eq!(due.progress.steps, 0);
    conclude_due(&store, &due, accepted(at(90_000)), at(90_000)).await;
    assert_eq!(numbers(&store, id, event).await, [1, 2, 3]);
    assert_eq!(state(&store, id, event).await, State::Delivered);
}

pub async fn concurrent_retries_make_one_delivery_due(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    send_and(&store, id, event, accepted(at(100))).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.retry(EVERYTHING, id, event, &order(at(200))).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let due = claim_one(&store, at(300)).await;
    conclude_due(&store, &due, accepted(at(400)), at(400)).await;
    assert_eq!(numbers(&store, id, event).await, [1, 2]);
    assert!(claim(&store, at(hours(9))).await.due.is_empty());
}
