//! Rule 7: a property that is not entitled is not served, which is no failure; and what is
//! counted meanwhile.

use serde_json::{Value, json};
use stayhook_core::{Span, UnixMs, WebhookId};
use stayhook_store::{Stats, StatsRequest};
use stayhook_testkit::{Receiver, Reply};

use crate::clock::START;
use crate::house::{Database, House, PATIENCE};

/// What became of an event at its property's only webhook.
async fn fate(house: &House, event: &str) -> (Value, Value) {
    let record = house.get(&format!("/internal/v1/events/{event}")).await;
    let webhook = &record["deliveries"][0];
    (webhook["status"].clone(), webhook["reason"].clone())
}

pub(crate) async fn rule_7_skipped_at_fan_out_and_cancelled_before_a_later_attempt(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let waits = house.enqueue(1).await;
    house.until_attempts(webhook, &waits, 1).await;
    house.entitle(101, false).await;
    let skipped = house.enqueue(2).await;
    assert_eq!(fate(&house, &skipped).await, (json!("skipped"), json!("not_entitled")));
    house.clock.advance(Span::minutes(1));
    let delivery = house.until_state(webhook, &waits, "cancelled").await;
    assert_eq!((&delivery["reason"], &delivery["attemptCount"]), (&json!("not_entitled"), &json!(1)));
    assert_eq!(house.get(&format!("/public/v1/webhooks/{webhook}")).await["status"], "active");
    assert_eq!(receiver.count(), 1);

    // It is stored: another process knows it, too.
    let house = house.restart().await;
    let skipped = house.enqueue(3).await;
    assert_eq!(fate(&house, &skipped).await, (json!("skipped"), json!("not_entitled")));
    receiver.always(Reply::status(200));
    house.entitle(101, true).await;
    let sent = house.enqueue(4).await;
    house.until_state(webhook, &sent, "delivered").await;
    assert_eq!(receiver.count(), 2, "what was skipped stays so");
}

pub(crate) async fn rule_7_what_is_held_is_judged_when_its_attempt_comes(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    house.patch(webhook, json!({"status": "paused"})).await;
    let (first, second) = (house.enqueue(1).await, house.enqueue(2).await);
    house.entitle(101, false).await;
    house.until_state(webhook, &first, "held").await;
    house.entitle(101, true).await;
    house.entitle(101, false).await;
    house.patch(webhook, json!({"status": "active"})).await;
    for event in [&first, &second] {
        assert_eq!(house.until_state(webhook, event, "cancelled").await["reason"], "not_entitled");
    }
    assert_eq!(receiver.count(), 0);
}

pub(crate) async fn rule_7_the_default_is_the_configurations(on: Database) {
    let house = House::with(on, |config| config.entitled_by_default = false).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let skipped = house.enqueue(1).await;
    assert_eq!(fate(&house, &skipped).await, (json!("skipped"), json!("not_entitled")));
    house.entitle(101, true).await;
    let sent = house.enqueue(2).await;
    house.until_state(webhook, &sent, "delivered").await;
    assert_eq!(receiver.wait_for(1, PATIENCE).await.len(), 1);
}

pub(crate) async fn what_happens_is_counted_and_outlives_the_process(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    for booking in 1..=3 {
        let event = house.enqueue(booking).await;
        house.until_state(webhook, &event, "delivered").await;
    }
    receiver.always(Reply::status(500));
    let event = house.enqueue(4).await;
    house.until_attempts(webhook, &event, 1).await;
    let since = |from: UnixMs| StatsRequest { webhook: Some(WebhookId(webhook)), since: from, until: from };
    let seen = house.stats(since(START)).await;
    assert_eq!((seen.accepted, seen.delivered, seen.failed), (4, 3, 1));
    assert_eq!((seen.active, seen.failing, seen.pending), (1, 1, 1));
    // An hour later, in another process, an hour of its own.
    house.clock.advance(Span::hours(1));
    house.until_attempts(webhook, &event, 2).await;
    let house = house.restart().await;
    let counts = |stats: &Stats| (stats.accepted, stats.delivered, stats.failed);
    assert_eq!(counts(&house.stats(since(START)).await), (4, 3, 1));
    assert_eq!(counts(&house.stats(since(START.after(Span::hours(1)))).await), (0, 0, 1));
}
