//! The delivery log.

use serde_json::{Value, json};
use stayhook_core::Span;

use crate::house::{House, event, eventually};

const EVENTS: &str = "/internal/v1/events";

fn log(webhook: i64) -> String {
    format!("/public/v1/webhooks/{webhook}/deliveries")
}

async fn page(house: &House, webhook: i64, query: &str) -> Value {
    house.get(&house.owner, &format!("{}?{query}", log(webhook))).await.json()
}

/// Waits until the newest delivery has this status, and returns it.
async fn newest(house: &House, webhook: i64, status: &str) -> Value {
    eventually(async || {
        let newest = page(house, webhook, "limit=1").await["data"][0].clone();
        (newest["status"] == status).then_some(newest)
    })
    .await
}

#[tokio::test]
async fn a_delivery_shows_its_way() {
    let house = House::new().await;
    let webhook = house.webhook(101).await;
    let event = house.event(101).await;
    let delivery = newest(&house, webhook, "delivered").await;
    let id = delivery["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "webhookId": webhook, "eventId": event, "eventType": "booking.updated", "bookingId": 9001,
        "status": "delivered", "reason": null, "attemptCount": 1, "createdAt": "2026-05-27T16:40:00.000Z",
        "nextAttemptAt": null, "completedAt": "2026-05-27T16:40:00.000Z",
    });
    assert_eq!(delivery, expected);
    let one = house.get(&house.owner, &format!("{}/{id}", log(webhook))).await.json();
    let attempts = json!([{
        "number": 1, "startedAt": "2026-05-27T16:40:00.000Z", "durationMs": 0,
        "url": "https://partner.example.com/nowistay/webhooks", "status": 200, "error": null,
        "responseBody": "thanks", "nextAttemptAt": null,
        "requestHeaders": house.receiver.last_headers(),
    }]);
    assert_eq!(attempts[0]["requestHeaders"].as_object().unwrap().len(), 7);
    assert_eq!(one["attempts"], attempts);
    assert_eq!(one["status"], "delivered");
}

#[tokio::test]
async fn a_failed_attempt_says_why_and_when_it_goes_on() {
    let house = House::new().await;
    let webhook = house.webhook(101).await;
    house.receiver.fail(true);
    house.event(101).await;
    let waiting = eventually(async || {
        let newest = page(&house, webhook, "status=pending").await["data"][0].clone();
        (newest["attemptCount"] == 1).then_some(newest)
    })
    .await;
    let next = waiting["nextAttemptAt"].as_str().unwrap();
    assert!(("2026-05-27T16:40:54.000Z"..="2026-05-27T16:41:00.000Z").contains(&next), "{next}");
    assert_eq!(waiting["completedAt"], Value::Null);
    let path = format!("{}/{}", log(webhook), waiting["id"].as_str().unwrap());
    let attempt = house.get(&house.owner, &path).await.json()["attempts"][0].clone();
    assert_eq!(attempt["error"], "connect: the connection was refused");
    assert_eq!((&attempt["status"], &attempt["responseBody"]), (&Value::Null, &Value::Null));
    assert_eq!(attempt["nextAttemptAt"], next);
    house.receiver.fail(false);
    house.clock.advance(Span::minutes(1));
    let done = newest(&house, webhook, "delivered").await;
    assert_eq!(done["attemptCount"], 2);
}

#[tokio::test]
async fn the_log_can_be_searched() {
    let house = House::new().await;
    let webhook = house.webhook(101).await;
    let mut ids = Vec::new();
    for (kind, booking) in
        [("booking.created", json!(1)), ("booking.updated", json!("1")), ("booking.updated", json!("book_2"))]
    {
        let mut body = event(101);
        body["type"] = json!(kind);
        body["bookingId"] = booking;
        ids.push(house.post(&house.producer, EVENTS, &body).await.json()["id"].clone());
        house.clock.advance(Span::minutes(1));
    }
    eventually(async || {
        (page(&house, webhook, "status=delivered").await["data"].as_array()?.len() == 3).then_some(())
    })
    .await;
    for (query, expected) in [
        ("", vec![2, 1, 0]),
        ("eventType=booking.updated", vec![2, 1]),
        ("eventType=order.created", vec![]),
        ("bookingId=1", vec![1, 0]),
        ("bookingId=book_2", vec![2]),
        ("status=pending", vec![]),
        ("status=delivered&eventType=booking.created", vec![0]),
        ("since=2026-05-27T16:41:00Z", vec![2, 1]),
        ("until=2026-05-27T16:41:00Z", vec![0]),
        ("since=2026-05-27T18:41:00%2B02:00&until=2026-05-27T16:42:00Z", vec![1]),
    ] {
        let found = page(&house, webhook, query).await;
        let found: Vec<_> =
            found["data"].as_array().unwrap().iter().map(|row| row["eventId"].clone()).collect();
        let expected: Vec<_> = expected.into_iter().map(|at: usize| ids[at].clone()).collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_events_come() {
    let house = House::new().await;
    let webhook = house.webhook(101).await;
    let mut expected = Vec::new();
    for _ in 0..25 {
        expected.insert(0, house.event(101).await);
    }
    let (mut seen, mut query) = (Vec::new(), "limit=4".to_owned());
    loop {
        let rows = page(&house, webhook, &query).await;
        let found = rows["data"].as_array().unwrap();
        seen.extend(found.iter().map(|row| row["eventId"].as_str().unwrap().to_owned()));
        house.event(101).await;
        match rows["nextCursor"].as_str() {
            Some(cursor) => query = format!("limit=4&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_delivery_belongs_to_its_webhook() {
    let house = House::new().await;
    let (mine, other) = (house.webhook(101).await, house.webhook(102).await);
    house.event(101).await;
    let id = page(&house, mine, "").await["data"][0]["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(house.get(&house.owner, &format!("{}/{id}", log(mine))).await.status, 200);
    house.get(&house.owner, &format!("{}/{id}", log(other))).await.problem(404, "not_found");
    for bad in ["1", "evt_AAAAAAAAAAAAAAAAAAAAAA", "dlv_", "dlv_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%ff"] {
        house.get(&house.owner, &format!("{}/{bad}", log(mine))).await.problem(404, "not_found");
    }
    let never = stayhook_core::DeliveryId {
        event: stayhook_core::EventId::new(crate::house::START, 1),
        webhook: stayhook_core::WebhookId(mine),
    };
    house.get(&house.owner, &format!("{}/{never}", log(mine))).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_paused_webhook_holds() {
    let house = House::new().await;
    let webhook = house.webhook(101).await;
    let path = format!("/public/v1/webhooks/{webhook}");
    house.patch(&house.owner, &path, &json!({"status": "paused"})).await;
    house.event(101).await;
    let held = page(&house, webhook, "status=held").await;
    assert_eq!(held["data"].as_array().unwrap().len(), 1);
    assert_eq!(house.receiver.count(), 0);
    house.patch(&house.owner, &path, &json!({"status": "active"})).await;
    newest(&house, webhook, "delivered").await;
}
