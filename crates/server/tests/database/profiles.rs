//! What wire profiles promise of many nodes.

use std::time::Duration;

use serde_json::{Value, json};
use stayhook_testkit::{Postgres, Receiver, Reply};

use crate::node::{Deployment, Node, until};

/// Registers a webhook of property 1 under a profile.
async fn register(node: &Node, profile: &str, url: &str, events: &str) {
    let body = json!({"propertyId": 1, "url": url, "events": [events], "profile": profile});
    let answer = node.call("POST", "/public/v1/webhooks", body.to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Reports an event of property 1; its id.
async fn report(node: &Node, kind: &str, booking: &str, data: Value) -> String {
    let event = json!({"type": kind, "propertyId": 1, "bookingId": booking, "data": data});
    let answer = node.call("POST", "/internal/v1/events", event.to_string()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

/// State and reason of the only delivery of each event.
async fn states(node: &Node, events: &[String]) -> Vec<(String, Option<String>)> {
    let mut states = Vec::new();
    for event in events {
        let record = node.get(&format!("/internal/v1/events/{event}")).await;
        let delivery = &record.body["deliveries"][0];
        let text = |name: &str| delivery[name].as_str().map(str::to_owned);
        states.push((text("status").unwrap_or_default(), text("reason")));
    }
    states
}

/// nowbookit: "409: Same sale is currently being processed". Whichever node takes the updates of one
/// sale, no two are in flight at once.
#[tokio::test(flavor = "multi_thread")]
async fn updates_of_one_sale_are_never_in_flight_together() {
    const BUSY: u64 = 100;
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let nodes = [deployment.start().await, deployment.start().await];
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_millis(BUSY)));
    let url = receiver.url("/Sales/partners/acme/events/{eventType}");
    register(&nodes[0], "nowbookit", &url, "order.updated").await;
    let mut events = Vec::new();
    for update in 0..24 {
        for sale in ["a", "b"] {
            let data = json!({"sale": sale, "update": update});
            events.push(report(&nodes[update % 2], "order.updated", sale, data).await);
        }
    }
    nodes[0].settled(&events).await;
    for sale in ["a", "b"] {
        let of = |it: &Value| it["sale"] == sale;
        let sent = receiver.requests();
        let sent = sent.iter().map(|it| (it.at, serde_json::from_slice::<Value>(&it.body).unwrap()));
        let sent: Vec<_> = sent.filter(|(_, body)| of(body)).collect();
        let order: Vec<u64> = sent.iter().map(|(_, body)| body["update"].as_u64().unwrap()).collect();
        assert_eq!(order, (0..24).collect::<Vec<_>>(), "in order, and each once");
        for pair in sent.windows(2) {
            let apart = pair[1].0.since(pair[0].0).as_millis();
            assert!(apart >= BUSY - 5, "{apart} ms after the one before: {pair:?}");
        }
    }
    for node in nodes {
        assert!(node.stop().await.success());
    }
}

/// ticketing: of a high-volume kind the newest of a window is sent, whichever nodes took the events,
/// and although one of them dies meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_a_window_is_sent_although_a_node_dies() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let window = [(
        "STAYHOOK_PROFILES__TICKETING",
        r#"{ event_types = { "inventory.on_change" = { coalesce = "4s" } } }"#,
    )];
    let (dying, other) = (deployment.start_with(&window).await, deployment.start_with(&window).await);
    let receiver = Receiver::start().await.unwrap();
    register(&other, "ticketing", &receiver.url("/"), "inventory.*").await;
    let mut events = Vec::new();
    for stock in 0..20 {
        let node = if stock % 2 == 0 { &dying } else { &other };
        events.push(report(node, "inventory.on_change", "service-1", json!({"stock": stock})).await);
    }
    dying.kill();
    until("the newest is delivered", async || states(&other, &events).await[19].0 == "delivered").await;
    let states = states(&other, &events).await;
    let stock = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        body["data"]["stock"].as_u64().unwrap()
    };
    let sent: Vec<u64> = receiver.requests().iter().map(|it| stock(&it.body)).collect();
    let delivered: Vec<u64> =
        (0..).zip(&states).filter(|(_, it)| it.0 == "delivered").map(|(stock, _)| stock).collect();
    assert_eq!(sent, delivered, "each that was not superseded, once and in order");
    assert!(sent.len() <= 2, "a slow machine may see two windows: {sent:?}");
    let superseded = ("cancelled".to_owned(), Some("superseded".to_owned()));
    assert_eq!(states.iter().filter(|it| **it == superseded).count(), 20 - sent.len(), "{states:?}");
    assert!(other.stop().await.success());
}
