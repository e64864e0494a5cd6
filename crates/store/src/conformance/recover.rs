//! Deliveries that are made due again by time window.

use stayhook_core::{End, Held, Reason, Span, State, StatusChange, Subscription, WebhookChange, WebhookId};

use super::fixtures::*;
use super::requeue::{conclude_due, numbers, switch_off_and_on};
use crate::{NewRow, Recover, Recovered, Step, Sweep, TargetFate};

/// Of events accepted from `since` on, and before `until`.
fn window(since: i64, until: i64) -> Recover {
    Recover { since: at(since), until: at(until), failed: true, missed: true, entitled_by_default: true }
}

async fn recover(store: &Any, id: WebhookId, recover: Recover, now: i64) -> u64 {
    store.recover(EVERYTHING, id, recover, &order(at(now))).await.unwrap().requeued
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

/// What would be called off at once is not put back however often it is asked for, and the answer
/// says why.
pub async fn recovery_leaves_what_would_end_at_once_again(store: Any) {
    let id = webhook(&store).await;
    let kinds = ["booking.created", "booking.updated", "booking.created", "booking.updated"];
    for (ms, name) in (1_i64..).zip(kinds) {
        let skip = TargetFate::Skip(Reason::WebhookDisabled);
        let row = row(event_id(ms, 0), &[(id, skip)]);
        accept(&store, vec![NewRow { kind: kind(name), ..row }]).await;
    }
    let narrow = WebhookChange {
        events: Some(Subscription::parse(["booking.created"]).unwrap()),
        ..WebhookChange::default()
    };
    change(&store, id, narrow, at(100)).await;
    let recover = async |recover: Recover, now: i64| {
        store.recover(EVERYTHING, id, recover, &order(at(now))).await.unwrap()
    };
    let everything = window(0, 1_000);
    let unset = Recover { entitled_by_default: false, ..everything };
    let nothing = Recovered { requeued: 0, unsubscribed: 2, not_entitled: 2 };
    assert_eq!(recover(unset, 200).await, nothing);
    store.set_entitlement(property(101), false, &order(at(300))).await.unwrap();
    for now in [301, 302] {
        assert_eq!(recover(everything, now).await, nothing);
    }
    store.set_entitlement(property(101), true, &order(at(400))).await.unwrap();
    assert_eq!(recover(unset, 401).await, Recovered { requeued: 2, unsubscribed: 2, not_entitled: 0 });
    assert_eq!(recover(everything, 402).await, Recovered { requeued: 0, unsubscribed: 2, not_entitled: 0 });
    assert_eq!(due(&store, 402).await, [1, 3]);
    let wide = WebhookChange {
        events: Some(Subscription::parse(["booking.*"]).unwrap()),
        ..WebhookChange::default()
    };
    change(&store, id, wide, at(500)).await;
    assert_eq!(recover(everything, 501).await, Recovered { requeued: 2, ..Recovered::default() });
}

/// It would arrive after what took its place.
pub async fn recovery_brings_nothing_back_that_was_superseded(store: Any) {
    let id = webhook(&store).await;
    switch(&store, id, StatusChange::Pause, at(0)).await;
    for ms in 1..4 {
        wait(&store, id, event_id(ms, 0)).await;
    }
    switch(&store, id, StatusChange::Activate(Held::Latest), at(10)).await;
    let superseded = State::Ended(End::Cancelled(Reason::Superseded));
    let states = async || [state(&store, id, event_id(1, 0)).await, state(&store, id, event_id(2, 0)).await];
    assert_eq!(states().await, [superseded, superseded]);
    let all =
        Recover { since: at(0), until: at(1_000), failed: true, missed: true, entitled_by_default: true };
    assert_eq!(recover(&store, id, all, 20).await, 0);
    assert_eq!(states().await, [superseded, superseded]);
}

/// Nobody keeps it any longer; the log says so again.
pub async fn what_is_too_old_expires_again(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    wait(&store, id, event).await;
    let sweep_at = async |now| {
        let disable = stayhook_core::DisableRule::default();
        store
            .sweep(Sweep {
                now,
                keep: KEEP,
                prune: KEEP.times(2),
                disable,
                hold: crate::HoldLimits::default(),
                batch: 100,
            })
            .await
            .unwrap()
    };
    let late = at(1).after(KEEP);
    assert_eq!(sweep_at(late).await.expired, 1);
    let everything = window(0, 1_000);
    assert_eq!(store.recover(EVERYTHING, id, everything, &order(late)).await.unwrap().requeued, 1);
    assert_eq!(state(&store, id, event).await, State::Pending);
    let later = late.after(Span::hours(1));
    assert_eq!(sweep_at(later).await.expired, 1);
    let line = line(&store, id, event).await;
    assert_eq!(line.state, State::Ended(End::Expired(Reason::Retention)));
    assert_eq!((line.attempts, line.completed_at), (0, Some(later)));
    assert!(claim(&store, later).await.due.is_empty());
}
