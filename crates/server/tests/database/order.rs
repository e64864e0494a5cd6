//! Rule 9 over many nodes: a booking's events in order, whichever node accepted or claims them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stayhook_core::UnixMs;
use stayhook_testkit::{Postgres, Received, Receiver, Reply};

use crate::node::{Deployment, Node, until};

const BOOKINGS: u64 = 8;
const EACH: usize = 12;
/// How long each answer takes, so that attempts that overlap would be seen to.
const ANSWER: Duration = Duration::from_millis(10);

/// Two nodes and a receiver that refuses one request of eight.
struct Scene {
    nodes: Vec<Arc<Node>>,
    receiver: Receiver,
    webhook: i64,
    _database: Postgres,
    _deployment: Deployment,
}

/// Refuses one request of eight, whichever event it brings.
fn accepts(request: &Received) -> bool {
    !request.header("x-request-id").unwrap().ends_with(['0', '1'])
}

/// What one request was: when, which event, and whether it was accepted.
type Seen = (UnixMs, String, bool);

impl Scene {
    async fn with(ordering: &str) -> Self {
        let database = Postgres::create().unwrap();
        let deployment = Deployment::on(database.url());
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(Arc::new(deployment.start_with(&[("STAYHOOK_RETRY__BASE", "100ms")]).await));
        }
        let receiver = Receiver::start().await.unwrap();
        receiver.reply(|it| Reply::status(if accepts(it) { 200 } else { 500 }).after(ANSWER));
        let webhook = nodes[0].register(&receiver.url("/"), 1).await;
        let change = format!(r#"{{"ordering":"{ordering}"}}"#);
        let answer = nodes[1].call("PATCH", &format!("/public/v1/webhooks/{webhook}"), change).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { nodes, receiver, webhook, _database: database, _deployment: deployment }
    }

    /// Every booking's events, one after the other, each to the other node than the one before.
    async fn enqueue(&self) -> HashMap<u64, Vec<String>> {
        let mut bookings = Vec::new();
        for booking in 1..=BOOKINGS {
            let nodes = self.nodes.clone();
            bookings.push(tokio::spawn(async move {
                let mut events = Vec::new();
                for number in 0..EACH {
                    let answer = nodes[(number + booking as usize) % 2].enqueue(booking).await;
                    assert_eq!(answer.status, 202, "{answer:?}");
                    events.push(answer.body["id"].as_str().unwrap().to_owned());
                }
                (booking, events)
            }));
        }
        let mut all = HashMap::new();
        for booking in bookings {
            all.extend([booking.await.unwrap()]);
        }
        all
    }

    /// Waits until nothing waits any more.
    async fn until_over(&self) {
        let list = |state: &'static str| {
            format!("/public/v1/webhooks/{}/deliveries?status={state}&limit=1", self.webhook)
        };
        until("the end of all deliveries", async || {
            let mut over = true;
            for state in ["pending", "delivering"] {
                let page = self.nodes[0].get(&list(state)).await;
                over &= page.body["data"].as_array().is_some_and(Vec::is_empty);
            }
            over
        })
        .await;
    }

    /// What came of these events, in order of arrival.
    fn seen(&self, events: &[String]) -> Vec<Seen> {
        let requests = self.receiver.requests();
        let all = requests
            .iter()
            .map(|it| (it.at, it.header("nowistay-webhook-event-id").unwrap().to_owned(), accepts(it)));
        all.filter(|(_, event, _)| events.contains(event)).collect()
    }

    async fn stop(self) {
        for node in self.nodes {
            assert!(Arc::into_inner(node).unwrap().stop().await.success());
        }
    }
}

/// No attempt of a booking starts before the one before it was answered.
fn none_overlap(seen: &[Seen]) {
    for pair in seen.windows(2) {
        let gap = pair[1].0.since(pair[0].0).as_duration();
        assert!(gap + Duration::from_millis(1) >= ANSWER, "{gap:?} between {pair:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_9_two_nodes_keep_the_order_of_a_booking() {
    let scene = Scene::with("booking").await;
    let bookings = scene.enqueue().await;
    scene.until_over().await;
    for events in bookings.values() {
        let seen = scene.seen(events);
        none_overlap(&seen);
        let accepted: Vec<&String> = seen.iter().filter(|it| it.2).map(|it| &it.1).collect();
        assert_eq!(accepted, events.iter().collect::<Vec<_>>());
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_9_over_two_nodes_only_the_newest_waits() {
    let scene = Scene::with("newest").await;
    let bookings = scene.enqueue().await;
    scene.until_over().await;
    let mut superseded = 0;
    for events in bookings.values() {
        let seen = scene.seen(events);
        none_overlap(&seen);
        let place = |event: &String| events.iter().position(|it| it == event).unwrap();
        let accepted: Vec<usize> = seen.iter().filter(|it| it.2).map(|it| place(&it.1)).collect();
        assert!(accepted.is_sorted_by(|a, b| a < b), "{accepted:?}");
        assert_eq!(accepted.last(), Some(&(EACH - 1)), "the newest arrives");
        for (number, event) in events.iter().enumerate() {
            let record = scene.nodes[1].get(&format!("/internal/v1/events/{event}")).await;
            let delivery = &record.body["deliveries"][0];
            if accepted.contains(&number) {
                assert_eq!(delivery["status"], "delivered", "{record:?}");
            } else {
                assert_eq!(delivery["status"], "cancelled", "{record:?}");
                assert_eq!(delivery["reason"], "superseded", "{record:?}");
                superseded += 1;
            }
        }
    }
    assert!(superseded > 0);
    scene.stop().await;
}
