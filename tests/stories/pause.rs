//! Rule 6: what pausing and resuming mean for what is in flight, for the clock, and for the order.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stayhook_core::Span;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

/// How long answers take.
const SLOW: Duration = Duration::from_millis(200);

pub(crate) async fn rule_6_what_is_in_flight_at_the_pause_finishes_and_counts(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(SLOW));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let accepted = house.enqueue(1).await;
    receiver.wait_for(1, PATIENCE).await;
    receiver.always(Reply::status(500).after(SLOW));
    let refused = house.enqueue(2).await;
    receiver.wait_for(2, PATIENCE).await;
    house.patch(webhook, json!({"status": "paused"})).await;
    assert_eq!(house.until_state(webhook, &accepted, "delivered").await["attemptCount"], 1);
    let held = house.until_state(webhook, &refused, "held").await;
    assert_eq!((&held["attemptCount"], &held["attempts"][0]["status"]), (&json!(1), &json!(500)));

    receiver.always(Reply::status(200));
    let resumed = house.patch(webhook, json!({"status": "active"})).await;
    assert!(resumed.get("failingSince").is_none(), "{resumed}");
    house.clock.advance(Span::minutes(1));
    assert_eq!(house.until_state(webhook, &refused, "delivered").await["attemptCount"], 2);
    assert_eq!(receiver.count(), 3);
}

pub(crate) async fn rule_4_time_spent_paused_never_counts(on: Database) {
    let house = House::with(on, |config| config.hold.max_age = Span::days(20)).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    for (attempt, minutes) in (1..).zip([1, 2, 4, 8]) {
        house.until_attempts(webhook, &event, attempt).await;
        house.clock.advance(Span::minutes(minutes));
    }
    house.until_attempts(webhook, &event, 5).await;
    house.patch(webhook, json!({"status": "paused"})).await;
    house.clock.advance(Span::hours(100));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let paused = house.get(&format!("/public/v1/webhooks/{webhook}")).await;
    assert_eq!((&paused["status"], paused.get("failingSince")), (&json!("paused"), None));
    house.patch(webhook, json!({"status": "active"})).await;
    house.until_attempts(webhook, &event, 6).await;
    let failing = house.get(&format!("/public/v1/webhooks/{webhook}")).await;
    assert_eq!(failing["status"], "active");
    assert_eq!(failing["failingSince"], "2026-05-31T20:55:00Z", "the clock starts anew");
}

/// The sweeper is told: nothing of the webhook is sent before it has ended.
pub(crate) async fn rule_6_more_than_one_transaction_takes_is_discarded_at_once_all_the_same(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    house.patch(webhook, json!({"status": "paused"})).await;
    let mut last = String::new();
    for first in [0, 600] {
        let event = |id: i32| json!({"type": "booking.created", "propertyId": 101, "bookingId": id, "data": {"booking": {"id": id}}});
        let batch = json!({"events": (first..first + 600).map(event).collect::<Vec<_>>()});
        let answer = house.call(Method::POST, "/internal/v1/events/batch", Some(batch)).await;
        last = answer.body["results"][599]["id"].as_str().unwrap().to_owned();
    }
    house.patch(webhook, json!({"status": "active", "held": "discard"})).await;
    assert_eq!(house.until_state(webhook, &last, "cancelled").await["reason"], "discarded");
    let next = house.enqueue(1).await;
    house.until_state(webhook, &next, "delivered").await;
    assert_eq!(receiver.count(), 1);
}
