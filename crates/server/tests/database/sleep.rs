//! Nodes that die, and nodes that are stopped for a while and go on: others take over, and who
//! comes back repeats nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use stayhook_testkit::{Postgres, Receiver, Reply};

use crate::node::{Deployment, Node, arrivals, until};

/// Attempts in flight of a node.
const IN_FLIGHT: usize = 2;
/// Dead after 15 seconds of silence, looked for every 2, then claimed.
const TAKEOVER: Duration = Duration::from_secs(20);

struct House {
    _database: Postgres,
    deployment: Deployment,
    receiver: Receiver,
    first: Node,
    second: Node,
    events: Vec<String>,
}

impl House {
    /// Two nodes; the first has more in memory than it can send at once, all of it to a
    /// receiver that takes its time. What is in flight is answered while nobody listens, so
    /// that there is room for the next as soon as the first goes on.
    async fn open() -> Self {
        let database = Postgres::create().unwrap();
        let deployment = Deployment::on(database.url());
        let in_flight = IN_FLIGHT.to_string();
        let few = [
            ("STAYHOOK_DELIVERY__CONCURRENCY", in_flight.as_str()),
            ("STAYHOOK_DELIVERY__PER_WEBHOOK_CONCURRENCY", in_flight.as_str()),
        ];
        let first = deployment.start_with(&few).await;
        let second = deployment.start().await;
        let receiver = Receiver::start().await.unwrap();
        receiver.always(Reply::status(200).after(Duration::from_secs(4)));
        first.register(&receiver.url("/"), 1).await;
        let mut events = Vec::new();
        for booking in 0..12 {
            let answer = first.enqueue(booking).await;
            assert_eq!(answer.status, 202, "{answer:?}");
            events.push(answer.body["id"].as_str().unwrap().to_owned());
        }
        receiver.wait_for(1, TAKEOVER).await;
        Self { _database: database, deployment, receiver, first, second, events }
    }

    /// How often each event arrived, once all of them have at the second node.
    async fn taken_over(&self, since: Instant) {
        let all = async || arrivals(&self.receiver).len() == self.events.len();
        until("the others take over", all).await;
        println!("taken over {:?} after the last sign of life", since.elapsed());
        self.second.settled(&self.events).await;
    }

    /// What arrived twice was in flight, and says so.
    async fn repeated(&self) -> HashMap<String, usize> {
        let mut repeated = arrivals(&self.receiver);
        repeated.retain(|_, times| *times > 1);
        for event in repeated.keys() {
            let attempts = self.second.attempts(event).await;
            let error = attempts[0]["error"].as_str().unwrap_or_default();
            assert!(error.starts_with("interrupted"), "{event}: {attempts:?}");
        }
        repeated
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_held_is_taken_over_within_20_seconds() {
    let house = House::open().await;
    house.receiver.always(Reply::status(200));
    let House { receiver, first, second, events, deployment, _database } = house;
    first.kill();
    let killed = Instant::now();
    let all = async || arrivals(&receiver).len() == events.len();
    until("the other takes over", all).await;
    let took = killed.elapsed();
    println!("taken over after {took:?}");
    second.settled(&events).await;
    assert!(took < TAKEOVER, "{took:?}");
    drop(deployment);
    assert!(second.stop().await.success());
}

/// It was stopped for longer than others wait. What it had not sent it does not send any more,
/// and what it learns about what it had sent it does not write.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_slept_repeats_nothing_and_works_again() {
    let house = House::open().await;
    house.first.signal("-STOP");
    let stopped = Instant::now();
    house.receiver.always(Reply::status(200));
    house.taken_over(stopped).await;
    let before = house.receiver.count();

    house.first.signal("-CONT");
    let anew = async || house.first.log().contains("took this node for dead");
    until("it learns that it was taken for dead", anew).await;
    let answer = house.first.enqueue(100).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let new = answer.body["id"].as_str().unwrap().to_owned();
    house.first.settled(std::slice::from_ref(&new)).await;
    // The new one, and nothing else.
    assert_eq!(house.receiver.count(), before + 1);
    let repeated = house.repeated().await;
    assert!(repeated.len() <= IN_FLIGHT && repeated.values().all(|times| *times == 2), "{repeated:?}");
    for event in &house.events {
        let attempts = house.second.attempts(event).await;
        let delivered = attempts.iter().filter(|it| it["status"] == 200).count();
        assert_eq!(delivered, 1, "{event}: {attempts:?}");
    }
    let House { first, second, .. } = house;
    assert!(first.stop().await.success());
    assert!(second.stop().await.success());
}
