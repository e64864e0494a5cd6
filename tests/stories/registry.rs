//! Webhooks that come and go while events are under way.

use http::{Method, StatusCode};
use serde_json::json;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

pub(crate) async fn deletion_cancels_what_waits_and_frees_the_slot(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let mut last = 0;
    for path in ["/1", "/2", "/3"] {
        last = house.register(&receiver.url(path)).await.0;
    }
    let body = json!({"propertyId": 101, "url": receiver.url("/4"), "events": ["booking.created"]});
    let refused = house.call(Method::POST, "/public/v1/webhooks", Some(body.clone())).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (StatusCode::CONFLICT, &json!("webhook_limit_reached"))
    );
    assert_eq!((&refused.body["limit"], &refused.body["used"]), (&json!(3), &json!(3)));

    let event = house.enqueue(1).await;
    house.until_attempts(last, &event, 1).await;
    let path = format!("/public/v1/webhooks/{last}");
    assert_eq!(house.call(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.call(Method::GET, &path, None).await.status, StatusCode::NOT_FOUND);
    let record = house.get(&format!("/internal/v1/events/{event}")).await;
    assert!(record.to_string().contains("webhook_deleted"), "{record}");
    house.register_as(body).await;
}

pub(crate) async fn a_webhook_gets_the_events_that_come_after_it(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    house.enqueue(1).await;
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let second = house.enqueue(2).await;
    house.until_state(webhook, &second, "delivered").await;
    assert_eq!(receiver.wait_for(1, PATIENCE).await.len(), 1);
}

pub(crate) async fn custom_parameters_only_where_they_are_wanted(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    house.register(&receiver.url("/plain")).await;
    house
        .register_as(json!({
            "propertyId": 101, "url": receiver.url("/custom"), "events": ["booking.created"], "includeCustomParameters": true,
        }))
        .await;
    let event = json!({
        "type": "booking.created", "propertyId": 101, "bookingId": 5,
        "data": {"booking": {"id": 5, "customParameters": {"parking": "B12"}}},
    });
    let answer = house.call(Method::POST, "/internal/v1/events", Some(event)).await;
    assert_eq!(answer.body["deliveries"], 2);
    for request in receiver.wait_for(2, PATIENCE).await {
        let has = String::from_utf8_lossy(&request.body).contains("B12");
        assert_eq!(has, request.path == "/custom");
    }
}
