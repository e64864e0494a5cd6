//! Deliveries that are made due again: one by one, or by time window.

use stayhook_core::{
    End, EventId, Held, Next, Progress, Reason, Span, State, StatusChange, UnixMs, WebhookId,
};

use super::fixtures::*;
use crate::{Conclude, Due, Fate, PropertyScope, Recover, RequeueError, Scope, Step, Sweep, TargetFate};

async fn retry(store: &Any, id: WebhookId, event: EventId, now: UnixMs) {
    store.retry(EVERYTHING, id, event, &order(now)).await.unwrap();
}

/// Claims the only delivery that is due.
async fn claim_one(store: &Any, now: UnixMs) -> Due {
    let mut due = claim(store, now).await.due;
    assert_eq!(due.len(), 1, "{due:?}");
    due.remove(0)
}

async fn conclude_due(store: &Any, due: &Due, step: Step, now: UnixMs) -> Vec<Fate> {
    let done = conclusion(due.webhook, due.event, crate::Origin::Claim, due.progress, step);
    conclude(store, vec![done], now).await.fates
}

/// The numbers of the attempts that the log shows.
async fn numbers(store: &Any, id: WebhookId, event: EventId) -> Vec<u32> {
    let (line, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    assert_eq!(usize::try_from(line.attempts).unwrap(), attempts.len());
    attempts.iter().map(|it| it.number).collect()
}

async fn switch_off_and_on(store: &Any, id: WebhookId, now: UnixMs) {
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
    assert_eq!((due.body.as_ref(), due.progress.steps), (format!("body of {event}").as_bytes(), 0));
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

/// Of events accepted from `since` on, and before `until`.
fn window(since: i64, until: i64) -> Recover {
    Recover { since: at(since), until: at(until), failed: true, missed: true }
}

async fn recover(store: &Any, id: WebhookId, recover: Recover, now: i64) -> u64 {
    store.recover(EVERYTHING, id, recover, &order(at(now))).await.unwrap()
}

/// One delivery of every fate, a millisecond apart from `begin` on; then the webhook is active.
async fn every_fate(store: &Any, id: WebhookId, begin: i64) {
    let event = |ms| event_id(begin + ms, 0);
    let skip = |ms, reason| row(event(ms), &[(id, TargetFate::Skip(reason))]);
    send_and(store, id, event(1), accepted(at(begin + 100))).await;
    send_and(store, id, event(2), failed(at(begin + 100))).await;
    switch_off_and_on(store, id, at(begin + 200)).await;
    let skipped = [
        skip(3, Reason::WebhookDisabled),
        skip(4, Reason::OwnEvent),
        skip(5, Reason::NotEntitled),
        skip(6, Reason::Unsubscribed),
    ];
    accept(store, skipped.to_vec()).await;
    send_and(store, id, event(7), Step::Ended(End::Cancelled(Reason::NotEntitled))).await;
    send_and(store, id, event(8), Step::Ended(End::Expired(Reason::HoldLimit))).await;
    send_and(store, id, event(9), failed(at(begin + 100))).await;
    send(store, id, event(10)).await;
}

/// What is due then, by the moment of acceptance.
async fn due(store: &Any, now: i64) -> Vec<i64> {
    let due = claim_of(store, at(now), 99, 5_000, vec![]).await.due;
    due.iter().map(|it| it.event.accepted_at().0 - at(0).0).collect()
}

/// Contract, section 8: `failed` are cancelled and expired, `missed` are skipped while the
/// webhook was disabled; delivered ones, other skips and what still goes on are neither.
pub async fn recovery_requeues_what_failed_and_what_was_missed(store: Any) {
    let (id, other) = (webhook(&store).await, webhook(&store).await);
    every_fate(&store, id, 0).await;
    send_and(&store, other, event_id(2, 9), Step::Ended(End::Cancelled(Reason::NotEntitled))).await;
    assert_eq!(recover(&store, id, window(0, 1_000), 2_000).await, 4);
    for ms in [2, 3, 7, 8] {
        let line = line(&store, id, event_id(ms, 0)).await;
        assert_eq!((line.state, line.next_attempt_at), (State::Pending, Some(at(2_000))), "{ms}");
    }
    assert_eq!(recover(&store, id, window(0, 1_000), 2_001).await, 0, "they wait already");
    let mut delivered = claim(&store, at(2_000)).await.due;
    assert_eq!(delivered.len(), 4);
    assert_eq!(recover(&store, id, window(0, 1_000), 2_002).await, 0, "they are under way");
    let last = delivered.pop().unwrap();
    for due in delivered {
        conclude_due(&store, &due, accepted(at(2_100)), at(2_100)).await;
    }
    // Ended anew, it can be recovered anew.
    conclude_due(&store, &last, Step::Ended(End::Cancelled(Reason::NotEntitled)), at(2_100)).await;
    assert_eq!(recover(&store, id, window(0, 1_000), 3_000).await, 1);
    assert_eq!(due(&store, 3_000).await, [8]);
    assert_eq!(numbers(&store, id, event_id(2, 0)).await, [1, 2]);
    assert_eq!(numbers(&store, id, event_id(3, 0)).await, [1]);
}

pub async fn recovery_keeps_to_what_was_asked_for(store: Any) {
    let all = window(0, 1_000);
    let asked = [
        (Recover { missed: false, ..all }, vec![2, 7, 8]),
        (Recover { failed: false, ..all }, vec![3]),
        (Recover { failed: false, missed: false, ..all }, vec![]),
        (window(3, 8), vec![3, 7]),
        (window(8, 3), vec![]),
    ];
    for (begin, (asked, expected)) in (0_u32..).step_by(10_000).zip(asked) {
        let later = |it: Recover| {
            let by = Span::millis(u64::from(begin));
            Recover { since: it.since.after(by), until: it.until.after(by), ..it }
        };
        let begin = i64::from(begin);
        let id = webhook(&store).await;
        every_fate(&store, id, begin).await;
        let number = recover(&store, id, later(asked), begin + 2_000).await;
        assert_eq!(number, u64::try_from(expected.len()).unwrap());
        let expected: Vec<i64> = expected.iter().map(|ms| begin + ms).collect();
        assert_eq!(due(&store, begin + 2_000).await, expected);
        // The rest can be had as well.
        assert_eq!(recover(&store, id, later(all), begin + 3_000).await, 4 - number);
        assert_eq!(due(&store, begin + 3_000).await.len() as u64, 4 - number);
        store.delete_webhook(EVERYTHING, id, &order(at(begin + 4_000))).await.unwrap();
    }
}

/// Events that a webhook misses while it is disabled, so many in each transaction.
async fn miss(store: &Any, id: WebhookId, number: u16) {
    let skip = TargetFate::Skip(Reason::WebhookDisabled);
    let rows: Vec<_> = (0..number).map(|it| row(event_id(i64::from(it), it), &[(id, skip)])).collect();
    for rows in rows.chunks(500) {
        accept(store, rows.to_vec()).await;
    }
}

pub async fn a_large_recovery_is_complete_and_in_order(store: Any) {
    let id = webhook(&store).await;
    miss(&store, id, 1_300).await;
    assert_eq!(recover(&store, id, window(0, 5_000), 9_000).await, 1_300);
    assert_eq!(due(&store, 9_000).await, (0..1_300).collect::<Vec<i64>>());
}

pub async fn concurrent_recoveries_requeue_each_delivery_once(store: Any) {
    let id = webhook(&store).await;
    miss(&store, id, 1_100).await;
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { recover(&store, id, window(0, 5_000), 9_000).await })
        })
        .collect();
    let mut requeued = 0;
    for task in tasks {
        requeued += task.await.unwrap();
    }
    assert_eq!((requeued, due(&store, 9_000).await.len()), (1_100, 1_100));
}

/// Nobody keeps it any longer; the log says so again.
pub async fn what_is_too_old_expires_again(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    wait(&store, id, event).await;
    let sweep_at = async |now| {
        let disable = stayhook_core::DisableRule::default();
        store.sweep(Sweep { now, keep: KEEP, prune: KEEP.times(2), disable, batch: 100 }).await.unwrap()
    };
    let late = at(1).after(KEEP);
    assert_eq!(sweep_at(late).await.expired, 1);
    let everything = window(0, 1_000);
    assert_eq!(store.recover(EVERYTHING, id, everything, &order(late)).await.unwrap(), 1);
    assert_eq!(state(&store, id, event).await, State::Pending);
    let later = late.after(Span::hours(1));
    assert_eq!(sweep_at(later).await.expired, 1);
    let line = line(&store, id, event).await;
    assert_eq!(line.state, State::Ended(End::Expired(Reason::Retention)));
    assert_eq!((line.attempts, line.completed_at), (0, Some(later)));
    assert!(claim(&store, later).await.due.is_empty());
}
