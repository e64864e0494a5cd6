//! What owners ask for between deliveries: another secret, a test, a retry, a recovery.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use stayhook_core::{DeliveryId, EventId, SigningSecret, Span, WebhookId, request_id, sign};
use stayhook_testkit::{Received, Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

fn secret(text: &str) -> SigningSecret {
    SigningSecret::parse(text).ok().unwrap()
}

fn header<'a>(request: &'a Received, name: &str) -> &'a str {
    request.header(name).unwrap_or_default()
}

/// The signature that a secret makes of what was sent.
fn signature(by: &str, request: &Received) -> String {
    let timestamp = header(request, "nowistay-webhook-timestamp").parse().unwrap();
    sign(&secret(by), timestamp, header(request, "nowistay-webhook-event-id"), &request.body).text()
}

async fn ask(house: &House, webhook: i64, what: &str, body: Value) -> Value {
    let path = format!("/public/v1/webhooks/{webhook}/{what}");
    let answer = house.call(Method::POST, &path, Some(body)).await;
    assert!(answer.status.is_success(), "{what}: {}", answer.body);
    answer.body
}

async fn rotate(house: &House, webhook: i64, overlap: &str) -> String {
    let rotated = ask(house, webhook, "rotate-secret", json!({"overlap": overlap})).await;
    rotated["signingSecret"].as_str().unwrap().to_owned()
}

pub(crate) async fn a_rotation_is_announced_byte_for_byte_beside_the_old_signature(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, old) = house.register(&receiver.url("/hook")).await;
    let new = rotate(&house, webhook, "1h").await;
    let event = house.enqueue(1).await;
    let request = receiver.wait_for(1, PATIENCE).await[0].clone();
    let delivery = DeliveryId { event: EventId::parse(&event).unwrap(), webhook: WebhookId(webhook) };
    let expected = [
        "POST /hook HTTP/1.1".to_owned(),
        format!("Host: {}", receiver.address()),
        "Content-Type: application/json".to_owned(),
        "User-Agent: Nowistay-Webhooks/1.0".to_owned(),
        format!("Nowistay-Webhook-Id: {webhook}"),
        format!("Nowistay-Webhook-Event-Id: {event}"),
        "Nowistay-Webhook-Event-Type: booking.created".to_owned(),
        "Nowistay-Webhook-Timestamp: 1779900000".to_owned(),
        format!("Nowistay-Webhook-Signature: {}", signature(&old, &request)),
        format!("Nowistay-Webhook-Signature-Next: {}", signature(&new, &request)),
        format!("X-Request-Id: {}", request_id(delivery, 1)),
        "Accept: */*".to_owned(),
        format!("Content-Length: {}", request.body.len()),
        "\r\n".to_owned(),
    ];
    assert_eq!(String::from_utf8_lossy(&request.head), expected.join("\r\n"));
}

pub(crate) async fn a_rotation_ends_on_time_also_after_a_restart(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, old) = house.register(&receiver.url("/")).await;
    let new = rotate(&house, webhook, "1h").await;
    let house = house.restart().await;
    let signatures = async |house: &House, count: usize| {
        house.enqueue(1).await;
        let last = receiver.wait_for(count, PATIENCE).await[count - 1].clone();
        let names = ["nowistay-webhook-signature", "nowistay-webhook-signature-next"];
        (names.map(|name| last.header(name).map(str::to_owned)), last)
    };
    house.clock.advance(Span::millis(Span::hours(1).as_millis() - 1));
    let (found, request) = signatures(&house, 1).await;
    assert_eq!(found, [Some(signature(&old, &request)), Some(signature(&new, &request))]);
    house.clock.advance(Span::millis(1));
    let (found, request) = signatures(&house, 2).await;
    assert_eq!(found, [Some(signature(&new, &request)), None]);
    // A second rotation ends the first; without an overlap nothing of the old is left.
    let third = rotate(&house, webhook, "7d").await;
    let fourth = rotate(&house, webhook, "7d").await;
    let (found, request) = signatures(&house, 3).await;
    assert_eq!(found, [Some(signature(&third, &request)), Some(signature(&fourth, &request))]);
    let fifth = rotate(&house, webhook, "0s").await;
    let (found, request) = signatures(&house, 4).await;
    assert_eq!(found, [Some(signature(&fifth, &request)), None]);
}

pub(crate) async fn what_failed_and_what_was_missed_is_recovered_once_each(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let failed = house.enqueue(1).await;
    house.until_attempts(webhook, &failed, 1).await;
    let first = receiver.requests()[0].clone();
    house.disable(webhook).await;
    assert_eq!(house.until_state(webhook, &failed, "cancelled").await["reason"], "webhook_disabled");
    let mut missed = Vec::new();
    for booking in 2..5 {
        missed.push(house.enqueue(booking).await);
    }
    house.patch(webhook, json!({"status": "active"})).await;
    receiver.always(Reply::status(200));
    house.clock.advance(Span::hours(1));
    assert_eq!(receiver.count(), 1, "reactivation replays nothing");

    let window = json!({"since": "2026-05-27T16:40:00Z"});
    assert_eq!(ask(&house, webhook, "recover", window.clone()).await, json!({"requeued": 4}));
    for event in missed.iter().chain([&failed]) {
        house.until_state(webhook, event, "delivered").await;
    }
    assert_eq!(ask(&house, webhook, "recover", window).await, json!({"requeued": 0}));
    let requests = receiver.requests();
    assert_eq!(requests.len(), 5);
    let mut arrived: Vec<&str> =
        requests[1..].iter().map(|it| header(it, "nowistay-webhook-event-id")).collect();
    let mut expected: Vec<&str> = missed.iter().chain([&failed]).map(String::as_str).collect();
    arrived.sort_unstable();
    expected.sort_unstable();
    assert_eq!(arrived, expected, "each once");
    for request in &requests[1..] {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["id"], header(request, "nowistay-webhook-event-id"));
        assert_eq!(body["createdAt"], "2026-05-27T16:40:00Z", "as it was when it happened");
    }
    let again = requests[1..].iter().find(|it| header(it, "nowistay-webhook-event-id") == failed).unwrap();
    assert_eq!(again.body, first.body);
}

pub(crate) async fn a_delivered_one_can_be_sent_again(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    let id = house.until_state(webhook, &event, "delivered").await["id"].as_str().unwrap().to_owned();
    house.clock.advance(Span::minutes(5));
    ask(&house, webhook, &format!("deliveries/{id}/retry"), json!({})).await;
    let delivery = house.until(webhook, &event, |it| it["attemptCount"] == 2).await;
    assert_eq!((&delivery["status"], &delivery["id"]), (&json!("delivered"), &json!(id)));
    let requests = receiver.requests();
    assert_eq!(requests[0].body, requests[1].body);
    let header = |at: usize, name: &str| requests[at].header(name).unwrap().to_owned();
    let timestamp = "nowistay-webhook-timestamp";
    assert_eq!(
        (header(0, timestamp), header(1, timestamp)),
        ("1779900000".to_owned(), "1779900300".to_owned())
    );
    // The log shows what each of them bore, but for the signature.
    for (attempt, request) in delivery["attempts"].as_array().unwrap().iter().zip(&requests) {
        let shown = attempt["requestHeaders"].as_object().unwrap();
        assert_eq!(shown.len(), 7);
        for (name, value) in shown {
            assert!(request.headers.contains(&(name.clone(), value.as_str().unwrap().to_owned())), "{name}");
        }
    }

    house.patch(webhook, json!({"status": "paused"})).await;
    let path = format!("/public/v1/webhooks/{webhook}/deliveries/{id}/retry");
    assert_eq!(house.call(Method::POST, &path, None).await.status, StatusCode::CONFLICT);
}

pub(crate) async fn a_test_reaches_the_receiver_when_nothing_else_does(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(503).body("not today"));
    let (webhook, secret) = house.register(&receiver.url("/")).await;
    house.entitle(101, false).await;
    house.patch(webhook, json!({"status": "paused"})).await;
    let paused = ask(&house, webhook, "test", json!({})).await;
    assert_eq!((&paused["delivered"], &paused["status"]), (&json!(false), &json!(503)));
    assert_eq!(paused["responseBody"], "not today");
    house.disable(webhook).await;
    receiver.always(Reply::status(204));
    let disabled = ask(&house, webhook, "test", json!({"type": "payment.failed"})).await;
    assert_eq!((&disabled["delivered"], &disabled["status"]), (&json!(true), &json!(204)));
    let requests = receiver.requests();
    for request in &requests {
        assert_eq!(header(request, "nowistay-webhook-signature"), signature(&secret, request));
    }
    assert_eq!(header(&requests[1], "nowistay-webhook-event-type"), "payment.failed");
    assert_eq!(house.get(&format!("/public/v1/webhooks/{webhook}/deliveries")).await["data"], json!([]));
    house.clock.advance(Span::hours(1));
    assert_eq!(receiver.count(), 2);
}

pub(crate) async fn a_test_keeps_to_the_rules_of_addresses(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let rules = stayhook_core::AddressRules::default;
    let house = house.restart_with(|config| config.url_rules.addresses = rules()).await;
    let refused = ask(&house, webhook, "test", json!({})).await;
    assert!(refused["error"].as_str().unwrap().starts_with("blocked_address"), "{refused}");
    assert_eq!((&refused["delivered"], receiver.count()), (&json!(false), 0));
}
