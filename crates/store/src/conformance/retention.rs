//! What becomes of old events.

use stayhook_core::{End, Reason, Span, State, UnixMs};

use super::fixtures::*;
use crate::{Accepted, Fate, Sweep, TargetFate};

/// The first moment at which something accepted at the beginning is too old.
fn too_late() -> UnixMs {
    at(1).after(KEEP)
}

pub async fn what_waits_too_long_expires(store: Any) {
    let id = webhook(&store).await;
    let (old, new) = (event_id(0, 1), event_id(10, 1));
    wait(&store, id, old).await;
    wait(&store, id, new).await;
    let disable = stayhook_core::DisableRule::default();
    let sweep_at = async |now| {
        let prune = KEEP.times(2);
        store
            .sweep(Sweep { now, keep: KEEP, prune, disable, hold: crate::HoldLimits::default(), batch: 100 })
            .await
            .unwrap()
    };
    let early = sweep_at(at(0).after(KEEP)).await;
    assert_eq!((early.expired, early.next), (0, Some(too_late())));
    let swept = sweep_at(too_late()).await;
    assert_eq!((swept.expired, swept.pruned), (1, 0));
    let line = line(&store, id, old).await;
    assert_eq!(line.state, State::Ended(End::Expired(Reason::Retention)));
    assert_eq!((line.attempts, line.completed_at), (0, Some(too_late())));
    assert_eq!(state(&store, id, new).await, State::Pending);
    assert_eq!(claim(&store, too_late()).await.due.len(), 1);
}

pub async fn pruning_leaves_nothing_behind(store: Any) {
    let ids = [webhook(&store).await, webhook(&store).await, webhook(&store).await];
    let mut all = row(event_id(0, 0), &ids.map(|id| (id, TargetFate::Send)));
    all.idempotency = key("order-1", 1);
    all.bodies.push(body("another body"));
    all.targets[1].body = 1;
    all.targets[2].fate = TargetFate::Skip(Reason::NotEntitled);
    let handoff = accept(&store, vec![all]).await.handoff.unwrap();
    let ended = [accepted(at(100)), failed(at(100))];
    let ended = ids.into_iter().zip(ended).map(|(id, step)| handed(id, event_id(0, 0), handoff, step));
    conclude(&store, ended.collect(), at(100)).await;
    // Never concluded: its process died, or lost it.
    send(&store, ids[0], event_id(0, 1)).await;
    let kept = event_id(10, 0);
    wait(&store, ids[0], kept).await;

    let swept = sweep(&store, too_late()).await;
    assert_eq!(swept.pruned, 2);
    for number in 0..2 {
        assert_eq!(store.event(event_id(0, number)).await.unwrap(), None);
    }
    let lines = log(&store, ids[0], &Default::default()).await;
    assert_eq!(lines.iter().map(|it| it.event).collect::<Vec<_>>(), [kept]);
    for id in &ids[1..] {
        assert!(log(&store, *id, &Default::default()).await.is_empty());
    }
    assert_eq!(store.take_over(too_late()).await.unwrap(), 0);

    for id in ids {
        store.delete_webhook(EVERYTHING, id, &order(too_late())).await.unwrap();
    }
    assert_eq!(sweep(&store, at(11).after(KEEP)).await.pruned, 1);
    assert_eq!(sweep(&store, at(hours(10_000))).await.next, None, "nothing is stored any more");
}

pub async fn a_sweep_is_bounded_and_says_when_to_go_on(store: Any) {
    let id = webhook(&store).await;
    for number in 0..10 {
        send_and(&store, id, event_id(0, number), accepted(at(100))).await;
        wait(&store, id, event_id(0, 100 + number)).await;
    }
    let mut pruned = Vec::new();
    loop {
        let swept = sweep_of(&store, too_late(), 4).await;
        pruned.push(swept.pruned);
        match swept.next {
            Some(next) => assert!(next <= too_late()),
            None => break,
        }
        assert!(pruned.len() < 40, "the sweeper does not come to an end");
    }
    assert_eq!(pruned.iter().sum::<u64>(), 20);
    assert!(pruned.iter().all(|it| *it <= 4), "{pruned:?}");
}

pub async fn a_key_lives_as_long_as_its_event(store: Any) {
    let with_key = |ms| {
        let mut row = row(event_id(ms, 0), &[]);
        row.idempotency = key("order-1", 1);
        row
    };
    accept(&store, vec![with_key(0)]).await;
    sweep(&store, at(0).after(KEEP)).await;
    let again = accept(&store, vec![with_key(5)]).await.results;
    assert_eq!(again, [Accepted::Duplicate { id: event_id(0, 0), deliveries: 0 }]);
    sweep(&store, too_late()).await;
    assert_eq!(accept(&store, vec![with_key(6)]).await.results, [Accepted::New]);
}

/// Nothing would ever remove what it wrote.
pub async fn a_conclusion_after_pruning_writes_nothing(store: Any) {
    let id = webhook(&store).await;
    let (handed_off, leased) = (event_id(0, 1), event_id(0, 2));
    wait(&store, id, leased).await;
    assert_eq!(claim(&store, too_late().before(Span::seconds(1))).await.due.len(), 1);
    let handoff = send(&store, id, handed_off).await;
    assert_eq!(sweep(&store, too_late()).await.pruned, 2);
    let late =
        vec![handed(id, handed_off, handoff, failed(too_late())), claimed(id, leased, 0, failed(too_late()))];
    assert_eq!(conclude(&store, late, too_late()).await.fates, [Fate::Stale; 2]);
    assert_eq!(claim(&store, at(hours(1)).after(KEEP)).await.due.len(), 0);
    assert!(log(&store, id, &Default::default()).await.is_empty());
}

pub async fn an_empty_store_has_nothing_to_sweep(store: Any) {
    let swept = sweep(&store, at(0)).await;
    assert_eq!((swept.expired, swept.pruned, swept.next), (0, 0, None));
    webhook(&store).await;
    assert_eq!(sweep(&store, at(0)).await.next, None);
}
