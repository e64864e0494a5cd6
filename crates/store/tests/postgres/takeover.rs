//! Nodes that die, and nodes that were only asleep.

use stayhook_core::{FaultClass, Next, Outcome, State};
use stayhook_store::{Fate, Intake, Origin, PostgresStore, Scope, Store, StoreError};

use crate::support::*;

const EVERYTHING: &Scope = &Scope::EVERYTHING;

/// As if none of the nodes but the newest had been heard of for a while.
const SILENCE: &str =
    "UPDATE stayhook.nodes SET seen_at = seen_at - 20000 WHERE id < (SELECT max(id) FROM stayhook.nodes)";

/// As if all the others were dead, until that is noticed: a node that has just started waits
/// for them to say otherwise, and one that is not dead does so now and then.
async fn bury_the_others(house: &mut House, alive: &PostgresStore) {
    let newest = house.number("SELECT max(id) FROM stayhook.nodes").await;
    for _ in 0..200 {
        house.run(SILENCE).await;
        let now = house.now().await;
        alive.take_over(now).await.unwrap();
        let others = sqlx::query_scalar("SELECT count(*) FROM stayhook.nodes WHERE id < $1").bind(newest);
        let others: i64 = others.fetch_one(&mut house.sql).await.unwrap();
        if others == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("they are not taken for dead");
}

async fn state(store: &PostgresStore, id: stayhook_core::WebhookId, event: stayhook_core::EventId) -> State {
    store.delivery(EVERYTHING, id, event).await.unwrap().unwrap().0.state
}

#[tokio::test]
async fn a_dead_node_loses_what_it_held_and_a_live_one_does_not() {
    let mut house = House::new().await;
    let dead = house.node().await;
    let (now, id) = (house.now().await, webhook(&dead, 1).await);
    let (handed, leased, mine) = (event(now, 1), event(now, 2), event(now, 3));
    wait(&dead, id, leased).await;
    assert_eq!(claim(&dead, now).await.due.len(), 1);
    send(&dead, id, handed).await;
    drop(dead);
    let alive = house.node().await;
    let handoff = send(&alive, id, mine).await;
    assert_eq!(alive.take_over(now).await.unwrap(), 0, "nobody was silent for long");

    bury_the_others(&mut house, &alive).await;
    for event in [handed, leased] {
        let (line, attempts) = alive.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
        assert_eq!((line.state, line.attempts), (State::Pending, 1));
        let fault = attempts[0].reply.fault.clone().unwrap();
        assert_eq!(fault.class, FaultClass::Interrupted);
    }
    assert_eq!(state(&alive, id, mine).await, State::Delivering);
    let accepted = conclusion(id, mine, Origin::Handoff(handoff), 0, tried(Outcome::Accepted, now));
    assert_eq!(conclude(&alive, accepted, now).await.fates, [Fate::Written(Next::Delivered)]);
    assert_eq!(claim(&alive, house.now().await).await.due.len(), 2);
}

/// It was stopped, and goes on after others took over: it writes nothing about what it held,
/// and works again as a new node.
#[tokio::test]
async fn a_node_that_slept_too_long_writes_nothing() {
    let mut house = House::new().await;
    let sleeper = house.node().await;
    let (now, id) = (house.now().await, webhook(&sleeper, 1).await);
    let (handed, other, leased) = (event(now, 1), event(now, 2), event(now, 3));
    wait(&sleeper, id, leased).await;
    claim(&sleeper, now).await;
    let handoffs = [send(&sleeper, id, handed).await, send(&sleeper, id, other).await];
    let held = |event, origin| sleeper.holds(id, event, origin, 0);
    assert!(held(handed, Origin::Handoff(handoffs[0])) && held(leased, Origin::Claim));
    assert!(!held(other, Origin::Claim) && !sleeper.holds(id, leased, Origin::Claim, 1));
    let awake = house.node().await;
    bury_the_others(&mut house, &awake).await;

    let steps = [
        conclusion(id, handed, Origin::Handoff(handoffs[0]), 0, tried(Outcome::Accepted, now)),
        conclusion(id, other, Origin::Handoff(handoffs[1]), 0, tried(FAILED, now)),
        conclusion(id, leased, Origin::Claim, 0, tried(Outcome::Accepted, now)),
    ];
    for step in steps {
        let event = step.event;
        assert_eq!(conclude(&sleeper, step, now).await.fates, [Fate::Stale], "{event}");
        assert_eq!(state(&awake, id, event).await, State::Pending);
    }
    let new = event(now, 9);
    let handoff = send(&sleeper, id, new).await;
    assert!(held(new, Origin::Handoff(handoff)));
    assert!(
        !held(handed, Origin::Handoff(handoffs[0])) && !held(leased, Origin::Claim),
        "nor sends any of it"
    );
    let accepted = conclusion(id, new, Origin::Handoff(handoff), 0, tried(Outcome::Accepted, now));
    assert_eq!(conclude(&sleeper, accepted, now).await.fates, [Fate::Written(Next::Delivered)]);
}

/// Buried, but what it held is not given back yet: it is not its own any more.
#[tokio::test]
async fn a_buried_node_writes_nothing_about_what_is_still_there() {
    let mut house = House::new().await;
    let node = house.node().await;
    let (now, id) = (house.now().await, webhook(&node, 1).await);
    let (handed, leased) = (event(now, 1), event(now, 2));
    wait(&node, id, leased).await;
    claim(&node, now).await;
    let handoff = send(&node, id, handed).await;
    house.run("DELETE FROM stayhook.nodes").await;
    for origin in [Origin::Handoff(handoff), Origin::Claim] {
        let event = if origin == Origin::Claim { leased } else { handed };
        for outcome in [Outcome::Accepted, FAILED] {
            let late = conclusion(id, event, origin, 0, tried(outcome, now));
            assert_eq!(conclude(&node, late, now).await.fates, [Fate::Stale], "{origin:?} {outcome:?}");
        }
    }
    assert_eq!(
        house
            .number("SELECT count(*) FROM stayhook.attempts WHERE fault IS DISTINCT FROM 'interrupted'")
            .await,
        0
    );
}

/// Others need not wait until it has been silent for long.
#[tokio::test]
async fn what_a_node_leaves_behind_is_given_back_at_once() {
    let mut house = House::new().await;
    let (leaver, other) = (house.node().await, house.node().await);
    let (now, id) = (house.now().await, webhook(&leaver, 1).await);
    let handoff = send(&leaver, id, event(now, 1)).await;
    leaver.leave().await.unwrap();
    other.take_over(now).await.unwrap();
    assert_eq!(state(&other, id, event(now, 1)).await, State::Pending);
    let late = conclusion(id, event(now, 1), Origin::Handoff(handoff), 0, tried(Outcome::Accepted, now));
    assert_eq!(conclude(&leaver, late, now).await.fates, [Fate::Stale]);
    let refused = leaver.intake(Intake { events: vec![row(event(now, 2), &[])], ..Intake::default() }).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

/// Without anybody calling for it.
#[tokio::test]
async fn the_dead_are_found_by_themselves() {
    let mut house = House::new().await;
    let dead = house.node().await;
    let (now, id) = (house.now().await, webhook(&dead, 1).await);
    send(&dead, id, event(now, 1)).await;
    drop(dead);
    let alive = house.node().await;
    for _ in 0..300 {
        house.run(SILENCE).await;
        if state(&alive, id, event(now, 1)).await == State::Pending {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody took over");
}
