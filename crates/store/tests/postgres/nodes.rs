//! Several nodes at once.

use std::collections::HashSet;
use std::time::Duration;

use stayhook_core::{IdempotencyKey, Next, Outcome, Span, State, UnixMs};
use stayhook_store::{
    Accepted, CreateError, Fate, IdempotencyClaim, Intake, Origin, Scope, Signal, Store, StoreError,
    TargetFate,
};

use crate::support::*;

const EVERYTHING: &Scope = &Scope::EVERYTHING;

#[tokio::test]
async fn claims_never_overlap() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let now = house.now().await;
    for property in 1..=20 {
        let id = webhook(&one, property).await;
        let number = |more| u16::try_from(property * 100 + more).unwrap();
        let rows = (0..30).map(|more| row(event(now, number(more)), &[(id, TargetFate::Wait)]));
        accept(&one, rows.collect()).await;
    }
    let drain = async |store| {
        let mut all = Vec::new();
        for _ in 0..1_000 {
            let claimed = claim(store, now).await;
            all.extend(claimed.due.iter().map(|it| (it.webhook, it.event)));
            if claimed.due.is_empty() && claimed.next.is_none_or(|next| next > now.after(Span::seconds(20))) {
                break;
            }
        }
        all
    };
    let (mine, theirs) = tokio::join!(drain(&one), drain(&two));
    let distinct: HashSet<_> = mine.iter().chain(&theirs).collect();
    assert_eq!((mine.len() + theirs.len(), distinct.len()), (600, 600));
}

/// One is an hour ahead, the other an hour behind: they agree on what is due, and on whose
/// lease runs.
#[tokio::test]
async fn nodes_with_skewed_clocks_agree() {
    let mut house = House::new().await;
    let (ahead, behind) = (house.node().await, house.node().await);
    let id = webhook(&ahead, 1).await;
    let skew = Span::hours(1);
    let early = house.now().await.after(skew);
    let event = event(early, 0);
    let handoff = send(&ahead, id, event).await;
    let failed = conclusion(id, event, Origin::Handoff(handoff), 0, tried(FAILED, early));
    let done = conclude(&ahead, failed, early).await;
    assert!(matches!(done.fates[..], [Fate::Written(Next::Retry { .. })]));

    let late = house.now().await.before(skew);
    let waiting = claim(&behind, late).await;
    assert!(waiting.due.is_empty());
    let until = waiting.next.unwrap().since(late).as_millis();
    assert!((50_000..=60_000).contains(&until), "due in {until} ms");

    house.run("UPDATE stayhook.pending SET due_at = due_at - 60000; UPDATE stayhook.lanes SET due_at = due_at - 60000").await;
    let late = house.now().await.before(skew);
    assert_eq!(claim(&behind, late).await.due.len(), 1);
    let early = house.now().await.after(skew);
    let leased = claim(&ahead, early).await;
    assert!(leased.due.is_empty(), "the other one's lease runs");
    let lease = leased.next.unwrap().since(early).as_millis();
    assert!((35_000..=45_000).contains(&lease), "leased for {lease} ms");
    let accepted = conclusion(id, event, Origin::Claim, 1, tried(Outcome::Accepted, late));
    assert_eq!(conclude(&behind, accepted, late).await.fates, [Fate::Written(Next::Delivered)]);
}

#[tokio::test]
async fn an_old_copy_of_the_webhooks_is_noticed() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let generation = one.registry_changes(0).await.unwrap().generation;
    let added = webhook(&two, 1).await;
    let now = house.now().await;
    let intake = |number, registry_generation| {
        one.intake(Intake {
            events: vec![row(event(now, number), &[])],
            registry_generation,
            ..Intake::default()
        })
    };
    assert_eq!(intake(1, generation).await.unwrap_err(), StoreError::StaleRegistry);
    assert_eq!(one.event(event(now, 1)).await.unwrap(), None, "nothing is written");

    let changes = one.registry_changes(generation).await.unwrap();
    assert_eq!(changes.changed, Some(vec![added]));
    assert_eq!(one.registered(&[added]).await.unwrap().len(), 1);
    assert_eq!(intake(1, changes.generation).await.unwrap().results, [Accepted::New]);

    two.delete_webhook(EVERYTHING, added, &order(now)).await.unwrap();
    let changes = one.registry_changes(changes.generation).await.unwrap();
    assert_eq!(changes.changed, Some(vec![added]));
    assert!(one.registered(&[added]).await.unwrap().is_empty());
    let unchanged = one.registry_changes(changes.generation).await.unwrap();
    assert_eq!(unchanged.changed, Some(vec![]));
    assert_eq!(one.registry_changes(0).await.unwrap().changed, None, "load everything");
}

#[tokio::test]
async fn changes_are_heard_of() {
    let house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let mut signals = one.signals();
    assert!(two.signals().try_recv().is_err());
    assert_eq!(one.signals().recv().await, None, "there is one listener");
    let mut next = async || tokio::time::timeout(Duration::from_secs(10), signals.recv()).await.unwrap();
    // The first look.
    assert_eq!(next().await, Some(Signal::Registry));
    webhook(&two, 1).await;
    assert_eq!(next().await, Some(Signal::Registry));
}

#[tokio::test]
async fn two_nodes_never_give_one_slot_twice() {
    let house = House::new().await;
    let nodes = [house.node().await, house.node().await];
    let create = |number: usize| nodes[number % 2].create_webhook(new_webhook(1, UnixMs(0)));
    let results = tokio::join!(create(0), create(1), create(2), create(3), create(4), create(5));
    let results = [results.0, results.1, results.2, results.3, results.4, results.5];
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 3);
    let refused = |it: &&Result<_, _>| matches!(it, Err(CreateError::LimitReached { limit: 3, used: 3 }));
    assert_eq!(results.iter().filter(refused).count(), 3);
}

#[tokio::test]
async fn a_key_is_accepted_once_over_all_nodes() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let now = house.now().await;
    let report = |number: u16| {
        let keys = (0..50).map(|key| {
            let mut row = row(event(now, number + key), &[]);
            // In opposite orders, so that they would wait for each other.
            let key = if number == 0 { key } else { 49 - key };
            let key = IdempotencyKey::parse(&format!("key-{key}")).unwrap();
            row.idempotency = Some(IdempotencyClaim { key, content: [1; 32] });
            row
        });
        keys.collect::<Vec<_>>()
    };
    let (mine, theirs) = tokio::join!(accept(&one, report(0)), accept(&two, report(100)));
    let new = |results: &[Accepted]| results.iter().filter(|it| **it == Accepted::New).count();
    assert_eq!(new(&mine.results) + new(&theirs.results), 50);
    assert_eq!(house.number("SELECT count(*) FROM stayhook.events").await, 50);
}

/// A success that was written while the first failure was, did not see it: the run of
/// failures went on. Nobody is disabled for that.
#[tokio::test]
async fn a_success_that_ended_no_run_still_counts() {
    let mut house = House::new().await;
    let node = house.node().await;
    let id = webhook(&node, 1).await;
    let now = house.now().await;
    let began = now.before(Span::hours(73));
    let ended = async |number, outcome, at: UnixMs| {
        let event = event(at, number);
        let handoff = send(&node, id, event).await;
        conclude(&node, conclusion(id, event, Origin::Handoff(handoff), 0, tried(outcome, at)), at).await;
        event
    };
    ended(0, Outcome::Accepted, began.after(Span::seconds(1))).await;
    let last = ended(1, FAILED, now.before(Span::hours(9))).await;
    sqlx::query("UPDATE stayhook.lanes SET failing_since = $1")
        .bind(began.0)
        .execute(&mut house.sql)
        .await
        .unwrap();

    let disable = stayhook_core::DisableRule::default();
    let (keep, prune) = (Span::days(30), Span::days(31));
    let swept = node
        .sweep(stayhook_store::Sweep {
            now,
            keep,
            prune,
            disable,
            hold: stayhook_store::HoldLimits::default(),
            batch: 100,
        })
        .await
        .unwrap();
    let status = node.webhook(EVERYTHING, id).await.unwrap().unwrap().status;
    assert_eq!(status.failing().map(|run| run.since), Some(now.before(Span::hours(9))));
    assert_eq!(swept.statuses[0].status, status);
    let line = node.delivery(EVERYTHING, id, last).await.unwrap().unwrap().0;
    assert_eq!(line.state, State::Pending);
}
