//! A partition for each day, made ahead and on demand, and dropped whole.

use stayhook_core::{DisableRule, Outcome, Span, UnixMs};
use stayhook_store::{Fate, Origin, PostgresStore, Scope, Store, Sweep, Swept};

use crate::support::*;

const KEEP: Span = Span::days(30);
const DAYS: &str = "SELECT count(*) FROM stayhook.days";

async fn sweep(store: &PostgresStore, now: UnixMs) -> Swept {
    let prune = Span::millis(KEEP.as_millis() + Span::hours(12).as_millis());
    store
        .sweep(Sweep {
            now,
            keep: KEEP,
            prune,
            disable: DisableRule::default(),
            hold: stayhook_store::HoldLimits::default(),
            batch: 100,
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn days_are_made_ahead_and_on_demand() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    assert_eq!(house.number(DAYS).await, 5, "from yesterday to in three days");
    let far = house.now().await.after(Span::days(40));
    let (mine, theirs) = tokio::join!(
        accept(&one, vec![row(event(far, 1), &[])]),
        accept(&two, vec![row(event(far, 2), &[])]),
    );
    assert_eq!(mine.results.len() + theirs.results.len(), 2);
    assert_eq!(house.number(DAYS).await, 6);
}

#[tokio::test]
async fn days_are_dropped_whole() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let now = house.now().await;
    let id = webhook(&one, 1).await;
    let day = Span::days(1).as_millis().cast_signed();
    let midnight = UnixMs(now.0.div_euclid(day) * day).before(Span::days(40));
    let (old, kept) = (event(midnight, 1), event(midnight.after(Span::days(1)), 1));
    let handoffs = [send(&one, id, old).await, send(&one, id, kept).await];
    let accepted = |event, handoff| {
        conclusion(id, event, Origin::Handoff(handoff), 0, tried(Outcome::Accepted, midnight))
    };
    conclude(&one, accepted(kept, handoffs[1]), midnight).await;
    assert_eq!(house.number(DAYS).await, 7);

    let end = midnight.after(Span::days(1));
    let early = sweep(&one, end.after(KEEP).before(Span::millis(1))).await;
    assert_eq!((early.pruned, early.next), (0, Some(end.after(KEEP))));
    let swept = sweep(&one, end.after(KEEP)).await;
    assert_eq!((swept.pruned, swept.next), (1, Some(end.after(Span::days(31)))));
    assert_eq!(house.number(DAYS).await, 6);
    assert_eq!(one.event(old).await.unwrap(), None);
    assert!(one.event(kept).await.unwrap().is_some());

    // Another node knows nothing of that, and comes late.
    let late = accepted(old, handoffs[0]);
    assert_eq!(conclude(&two, late, now).await.fates, [Fate::Stale]);
    // Nor does it know that the partition which it had seen is gone.
    accept(&two, vec![row(event(midnight, 7), &[])]).await;
    assert_eq!(house.number(DAYS).await, 7);
}

/// A day in which something was requeued a moment ago stays, whoever wanted to drop it.
#[tokio::test]
async fn a_day_in_which_something_waits_again_stays() {
    let mut house = House::new().await;
    let node = house.node().await;
    let id = webhook(&node, 1).await;
    let old = event(house.now().await.before(Span::days(40)), 1);
    let handoff = send(&node, id, old).await;
    let accepted =
        conclusion(id, old, Origin::Handoff(handoff), 0, tried(Outcome::Accepted, old.accepted_at()));
    conclude(&node, accepted, old.accepted_at()).await;
    let now = house.now().await;
    node.retry(&Scope::EVERYTHING, id, old, &order(now)).await.unwrap();
    let drop = "SELECT stayhook.drop_day((SELECT min(day) FROM stayhook.days))";
    assert_eq!(house.number(drop).await, 0);
    assert!(node.event(old).await.unwrap().is_some());
    assert_eq!(claim(&node, now).await.due.len(), 1);
    house.run("DELETE FROM stayhook.pending").await;
    assert_eq!(house.number(drop).await, 1);
    assert!(node.event(old).await.unwrap().is_none());
}

#[tokio::test]
async fn what_waits_expires_before_its_day_goes() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    let id = webhook(&node, 1).await;
    let old = now.before(Span::days(40));
    for number in 0..150 {
        wait(&node, id, event(old, number)).await;
    }
    let first = sweep(&node, now).await;
    assert_eq!((first.expired, first.pruned), (100, 0));
    assert!(first.next.unwrap() <= now);
    let second = sweep(&node, now).await;
    assert_eq!((second.expired, second.pruned, second.next), (50, 150, None));
    for table in [
        "SELECT count(*) FROM stayhook.pending",
        "SELECT count(*) FROM stayhook.attempts",
        "SELECT count(*) FROM stayhook.events",
    ] {
        assert_eq!(house.number(table).await, 0, "{table}");
    }
}
