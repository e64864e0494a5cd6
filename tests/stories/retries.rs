//! Rules 3 and 8: when what failed is tried again.

use serde_json::json;
use stayhook_core::Span;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

pub(crate) async fn rule_3_the_published_schedule(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    for (attempt, minutes) in (1..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]) {
        house.until_attempts(webhook, &event, attempt).await;
        house.clock.advance(Span::millis(Span::minutes(minutes).as_millis() - 1));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(receiver.count() as i64, attempt, "not before its time");
        house.clock.advance(Span::millis(1));
        receiver.wait_for(attempt as usize + 1, PATIENCE).await;
    }
    receiver.always(Reply::status(200));
    house.until_attempts(webhook, &event, 12).await;
    house.clock.advance(Span::hours(6));
    let delivery = house.until_state(webhook, &event, "delivered").await;
    let numbers: Vec<i64> =
        delivery["attempts"].as_array().unwrap().iter().map(|it| it["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>());
}

pub(crate) async fn rule_3_retry_after_lengthens_a_delay(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(503).header("Retry-After", "300"));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    let delivery = house.until_attempts(webhook, &event, 1).await;
    assert_eq!(delivery["nextAttemptAt"], json!("2026-05-27T16:45:00.000Z"));
}

pub(crate) async fn rule_8_another_url_is_tried_within_the_base(on: Database) {
    let house = House::open(on).await;
    let broken = Receiver::start().await.unwrap();
    broken.always(Reply::status(500));
    let (webhook, _) = house.register(&broken.url("/")).await;
    let event = house.enqueue(1).await;
    for attempt in 1..=5 {
        house.until_attempts(webhook, &event, attempt).await;
        house.clock.advance(Span::minutes(16));
    }
    house.until_attempts(webhook, &event, 6).await;
    let mended = Receiver::start().await.unwrap();
    house.patch(webhook, json!({"url": mended.url("/")})).await;
    house.clock.advance(Span::minutes(1));
    mended.wait_for(1, PATIENCE).await;
    let delivery = house.until_state(webhook, &event, "delivered").await;
    assert_eq!(delivery["attempts"][6]["url"], mended.url("/"));
    assert_eq!(delivery["attempts"][0]["url"], broken.url("/"));
}

pub(crate) async fn rule_8_dropped_types_are_cancelled(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let created = house.enqueue_as("booking.created", 1).await;
    let updated = house.enqueue_as("booking.updated", 2).await;
    house.until_attempts(webhook, &created, 1).await;
    house.until_attempts(webhook, &updated, 1).await;
    house.patch(webhook, json!({"events": ["booking.created"]})).await;
    let delivery = house.until_state(webhook, &updated, "cancelled").await;
    assert_eq!(delivery["reason"], "unsubscribed");
    assert_eq!(house.delivery(webhook, &created).await["status"], "pending");
}

pub(crate) async fn rule_8_a_failure_at_the_old_url_does_not_count(on: Database) {
    let house = House::open(on).await;
    let hanging = Receiver::start().await.unwrap();
    hanging.always(Reply::status(500).after(std::time::Duration::from_millis(300)));
    let (webhook, _) = house.register(&hanging.url("/")).await;
    let event = house.enqueue(1).await;
    hanging.wait_for(1, PATIENCE).await;
    let mended = Receiver::start().await.unwrap();
    house.patch(webhook, json!({"url": mended.url("/")})).await;
    house.until_attempts(webhook, &event, 1).await;
    assert!(house.get(&format!("/public/v1/webhooks/{webhook}")).await.get("failingSince").is_none());
    house.clock.advance(Span::minutes(1));
    house.until_state(webhook, &event, "delivered").await;
}
