//! Rules 4 to 6: when a webhook is given up, and what pausing means.

use http::Method;
use serde_json::json;
use stayhook_core::Span;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

pub(crate) async fn rule_4_disabled_on_time_and_rule_5_what_waits_is_cancelled(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    // Retries at 1, 3, 7 … 511 minutes, then every 6 hours: the last before 72 hours is the 20th.
    for (attempt, minutes) in (1..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256].into_iter().chain([360; 10])) {
        house.until_attempts(webhook, &event, attempt).await;
        house.clock.advance(Span::minutes(minutes));
    }
    let delivery = house.until_attempts(webhook, &event, 20).await;
    assert_eq!(delivery["status"], "pending");
    let before = house.get(&format!("/public/v1/webhooks/{webhook}")).await;
    assert_eq!(
        (&before["status"], &before["failingSince"]),
        (&json!("active"), &json!("2026-05-27T16:40:00Z"))
    );

    // No attempt is due at 72 hours; the sweeper disables all the same.
    let elapsed = Span::minutes(511 + 360 * 10);
    house.clock.advance(Span::millis(Span::hours(72).as_millis() - elapsed.as_millis() + 1));
    let after = house.until_status(webhook, "disabled").await;
    assert_eq!(after["disabledAt"], "2026-05-30T16:40:00Z");
    let delivery = house.until_state(webhook, &event, "cancelled").await;
    assert_eq!(delivery["reason"], "webhook_disabled");
    assert_eq!(receiver.count(), 20);

    // While disabled: skipped, and not replayed by reactivation.
    let missed = house.enqueue(2).await;
    let line = house.delivery(webhook, &missed).await;
    assert_eq!((&line["status"], &line["reason"]), (&json!("skipped"), &json!("webhook_disabled")));
    receiver.always(Reply::status(200));
    house.patch(webhook, json!({"status": "active"})).await;
    let fresh = house.enqueue(3).await;
    house.until_state(webhook, &fresh, "delivered").await;
    assert_eq!(house.delivery(webhook, &missed).await["status"], "skipped");
    assert_eq!(receiver.count(), 21);
}

pub(crate) async fn rule_4_any_success_clears_the_clock(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.reply(|request| {
        let failing = String::from_utf8_lossy(&request.body).contains(r#""bookingId":1,"#);
        Reply::status(if failing { 500 } else { 200 })
    });
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    house.until_attempts(webhook, &event, 1).await;
    assert!(house.get(&format!("/public/v1/webhooks/{webhook}")).await["failingSince"].is_string());
    let other = house.enqueue(2).await;
    house.until_state(webhook, &other, "delivered").await;
    assert!(house.get(&format!("/public/v1/webhooks/{webhook}")).await.get("failingSince").is_none());
}

pub(crate) async fn rule_4_a_silent_webhook_is_not_disabled(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue_as("booking.updated", 1).await;
    house.until_attempts(webhook, &event, 1).await;
    house.patch(webhook, json!({"events": ["booking.created"]})).await;
    house.until_state(webhook, &event, "cancelled").await;
    house.clock.advance(Span::millis(Span::hours(72).as_millis() + 1));
    house
        .eventually(async || {
            let body = house.get(&format!("/public/v1/webhooks/{webhook}")).await;
            assert_eq!(body["status"], "active");
            if body.get("failingSince").is_none() { Ok(()) } else { Err(body.to_string()) }
        })
        .await;
}

pub(crate) async fn rule_6_nothing_is_sent_while_paused_and_all_of_it_after(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let first = house.enqueue(1).await;
    house.until_attempts(webhook, &first, 1).await;
    house.patch(webhook, json!({"status": "paused"})).await;
    let second = house.enqueue(2).await;
    house.until_state(webhook, &first, "held").await;
    house.until_state(webhook, &second, "held").await;
    house.clock.advance(Span::hours(1));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(receiver.count(), 1);

    receiver.always(Reply::status(200));
    house.patch(webhook, json!({"status": "active"})).await;
    receiver.wait_for(3, PATIENCE).await;
    house.until_state(webhook, &first, "delivered").await;
    house.until_state(webhook, &second, "delivered").await;
}

pub(crate) async fn what_is_disabled_cannot_be_paused(on: Database) {
    let house = House::with(on, |config| config.policy.disable.after = Span::minutes(2)).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    house.until_attempts(webhook, &event, 1).await;
    house.clock.advance(Span::millis(120_001));
    house.until_status(webhook, "disabled").await;
    let path = format!("/public/v1/webhooks/{webhook}");
    let answer = house.call(Method::PATCH, &path, Some(json!({"status": "paused"}))).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (409, &json!("invalid_state")));
}
