//! Rules 1 and 2, and what arrives.

use std::time::Duration;

use serde_json::json;
use stayhook_core::{Signer, SigningSecret};
use stayhook_testkit::{Received, Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

fn verifies(request: &Received, secret: &str) -> bool {
    let signer = Signer::new(&SigningSecret::parse(secret).unwrap());
    let header = |name: &str| request.header(name).unwrap().to_owned();
    let timestamp = header("nowistay-webhook-timestamp").parse().unwrap();
    let event = header("nowistay-webhook-event-id");
    signer.verify(timestamp, &event, &header("nowistay-webhook-signature"), &request.body)
}

pub(crate) async fn a_booking_arrives_signed_and_without_what_is_sensitive(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, secret) = house.register(&receiver.url("/hook?tenant=1")).await;
    let event = house.enqueue(9001).await;

    let requests = receiver.wait_for(1, PATIENCE).await;
    let request = &requests[0];
    assert!(verifies(request, &secret));
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook?tenant=1"));
    assert_eq!(request.header("nowistay-webhook-id"), Some(webhook.to_string().as_str()));
    assert_eq!(request.header("nowistay-webhook-timestamp"), Some("1779900000"));
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "id": event, "type": "booking.created", "createdAt": "2026-05-27T16:40:00Z", "apiVersion": "2026-05-27",
            "propertyId": 101, "bookingId": 9001,
            "data": {"booking": {"id": 9001, "status": "confirmed", "guest": {"firstName": "Maya"}}},
        })
    );
    let delivery = house.until_state(webhook, &event, "delivered").await;
    assert_eq!((&delivery["attemptCount"], &delivery["attempts"][0]["status"]), (&json!(1), &json!(200)));
    assert_eq!(receiver.count(), 1);
}

pub(crate) async fn rule_1_the_same_bytes_again_signed_anew(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, secret) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    house.until_attempts(webhook, &event, 1).await;
    house.clock.advance(stayhook_core::Span::minutes(1));
    let requests = receiver.wait_for(2, PATIENCE).await;
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(
        requests[0].header("nowistay-webhook-event-id"),
        requests[1].header("nowistay-webhook-event-id")
    );
    assert_ne!(
        requests[0].header("nowistay-webhook-timestamp"),
        requests[1].header("nowistay-webhook-timestamp")
    );
    assert_ne!(requests[0].header("x-request-id"), requests[1].header("x-request-id"));
    assert!(requests.iter().all(|it| verifies(it, &secret)));
}

pub(crate) async fn rule_2_any_2xx_is_success_whatever_its_body_does(on: Database) {
    let house = House::with(on, |config| config.timeout = stayhook_core::Span::millis(500)).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.reply(|request| match request.path.as_str() {
        "/hook" => Reply::status(204),
        _ => Reply::status(200),
    });
    let (webhook, _) = house.register(&receiver.url("/hook")).await;
    let event = house.enqueue(1).await;
    house.until_state(webhook, &event, "delivered").await;
}

pub(crate) async fn rule_2_a_success_with_a_login_page_is_delivered_and_doubted(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let login = Reply::status(200).body("<!doctype html><title>Sign in</title>");
    receiver.reply(move |request| if request.path == "/login" { login.clone() } else { Reply::status(200) });
    let (doubted, _) = house.register(&receiver.url("/login")).await;
    let (plain, _) = house.register(&receiver.url("/hook")).await;
    let event = house.enqueue(1).await;
    let delivery = house.until_state(doubted, &event, "delivered").await;
    let error = delivery["attempts"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("web_page: ") && error.contains("with a login page"), "{error}");
    assert!(house.get(&format!("/public/v1/webhooks/{doubted}")).await["failingSince"].is_null());
    let delivery = house.until_state(plain, &event, "delivered").await;
    assert!(delivery["attempts"][0]["error"].is_null());
}

pub(crate) async fn rule_2_everything_else_fails_and_is_told_apart(on: Database) {
    let house = House::with(on, |config| config.timeout = stayhook_core::Span::millis(400)).await;
    let receiver = Receiver::start().await.unwrap();
    let elsewhere = Receiver::start().await.unwrap();
    let target = elsewhere.url("/");
    receiver.reply(move |request| match request.path.as_str() {
        "/redirect" => Reply::status(302).header("Location", &target),
        "/slow" => Reply::status(200).after(Duration::from_secs(30)),
        _ => Reply::status(418).body("teapot"),
    });
    let mut webhooks = Vec::new();
    for path in ["/redirect", "/slow", "/refuse"] {
        webhooks.push(house.register(&receiver.url(path)).await.0);
    }
    let event = house.enqueue(1).await;
    let mut errors = Vec::new();
    for webhook in webhooks {
        let delivery = house.until_attempts(webhook, &event, 1).await;
        assert_eq!(delivery["status"], "pending");
        errors.push(delivery["attempts"][0].clone());
    }
    assert!(errors[0]["error"].as_str().unwrap().starts_with("redirect"), "{errors:?}");
    assert!(errors[1]["error"].as_str().unwrap().starts_with("timeout"), "{errors:?}");
    assert_eq!((&errors[2]["status"], &errors[2]["responseBody"]), (&json!(418), &json!("teapot")));
    assert_eq!(elsewhere.count(), 0, "redirects are never followed");
}

pub(crate) async fn rule_10_a_hanging_receiver_delays_nobody_else(on: Database) {
    let house = House::open(on).await;
    let hanging = Receiver::start().await.unwrap();
    hanging.always(Reply::status(200).after(Duration::from_secs(60)));
    let healthy = Receiver::start().await.unwrap();
    house.register(&hanging.url("/")).await;
    house.register(&healthy.url("/")).await;
    for booking in 0..200 {
        house.enqueue(booking).await;
    }
    let began = tokio::time::Instant::now();
    healthy.wait_for(200, PATIENCE).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

pub(crate) async fn rule_9_events_of_a_booking_arrive_in_order(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_millis(3)));
    house.register(&receiver.url("/")).await;
    let mut expected = Vec::new();
    for _ in 0..30 {
        expected.push(house.enqueue_as("booking.updated", 7).await);
    }
    let requests = receiver.wait_for(30, PATIENCE).await;
    let arrived: Vec<String> =
        requests.iter().map(|it| it.header("nowistay-webhook-event-id").unwrap().to_owned()).collect();
    assert_eq!(arrived, expected);
}
