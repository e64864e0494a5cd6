//! Events: enqueued one by one, idempotency, what became of them.

use axum::body::Body;
use serde_json::{Value, json};

use crate::house::{House, event, eventually, registration};

const EVENTS: &str = "/internal/v1/events";

#[tokio::test]
async fn an_event_is_accepted_and_sent() {
    let house = House::new().await;
    house.webhook(101).await;
    house.webhook(101).await;
    let answer = house.post(&house.producer, EVENTS, &event(101)).await;
    assert_eq!(answer.status, 202);
    let receipt = answer.json();
    let id = receipt["id"].as_str().unwrap();
    assert!(id.starts_with("evt_") && id.len() == 26);
    assert_eq!(answer.text(), format!(r#"{{"id":"{id}","duplicate":false,"deliveries":2}}"#));
    eventually(async || (house.receiver.count() == 2).then_some(())).await;
    let lonely = house.post(&house.producer, EVENTS, &event(102)).await.json();
    assert_eq!(lonely["deliveries"], 0, "nobody listens");
}

#[tokio::test]
async fn every_wrong_field_of_an_event_is_named_at_once() {
    let house = House::new().await;
    let body = json!({
        "type": "booking.vanished", "propertyId": 0, "data": [], "bookingId": {}, "createdAt": "yesterday",
        "idempotencyKey": "", "originClientId": 7, "payload": {},
    });
    let answer = house.post(&house.producer, EVENTS, &body).await;
    let pointers: Vec<_> = answer.wrong("invalid_request").into_iter().map(|(pointer, _)| pointer).collect();
    let expected = [
        "/type",
        "/propertyId",
        "/data",
        "/bookingId",
        "/createdAt",
        "/idempotencyKey",
        "/originClientId",
        "/payload",
    ];
    assert_eq!(pointers, expected);
    let missing = house.post(&house.producer, EVENTS, &json!({})).await.wrong("invalid_request");
    assert_eq!(
        missing.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
        ["/type", "/propertyId", "/data"]
    );
}

#[tokio::test]
async fn each_member_of_an_event_has_its_form() {
    let house = House::new().await;
    for (member, value, fits) in [
        ("bookingId", json!(9_007_199_254_740_991_i64), true),
        ("bookingId", json!(9_007_199_254_740_992_i64), false),
        ("bookingId", json!(1.5), false),
        ("bookingId", json!(-3), true),
        ("bookingId", json!("x".repeat(64)), true),
        ("bookingId", json!("x".repeat(65)), false),
        ("bookingId", json!(""), false),
        ("bookingId", json!(null), true),
        ("createdAt", json!("2026-05-27T18:40:00.5+02:00"), true),
        ("createdAt", json!("2026-05-27 18:40"), false),
        ("createdAt", json!("2026-05-27 18:40:00Z"), false),
        ("createdAt", json!("2026-05-27T18:40:00"), false),
        ("createdAt", json!("9999-12-31T23:59:59Z"), true),
        ("createdAt", json!("9999-12-31T23:59:59-01:00"), false),
        ("createdAt", json!("0000-01-01T00:00:00+01:00"), false),
        ("createdAt", json!(1_779_900_000), false),
        ("createdAt", json!(null), true),
        ("idempotencyKey", json!("k".repeat(255)), true),
        ("idempotencyKey", json!("k".repeat(256)), false),
        ("idempotencyKey", json!(7), false),
        ("originClientId", json!("pms"), true),
        ("originClientId", json!(""), false),
        ("type", json!("webhooks.test_notification"), true),
        ("type", json!("booking.*"), false),
        ("type", json!(""), false),
        ("data", json!({}), true),
        ("data", json!(null), false),
        ("data", json!("{}"), false),
    ] {
        let mut body = event(101);
        body[member] = value.clone();
        let answer = house.post(&house.producer, EVENTS, &body).await;
        if fits {
            assert_eq!(answer.status, 202, "{member}: {value}: {}", answer.text());
        } else {
            let wrong = answer.wrong("invalid_request");
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert_eq!(wrong[0].0, format!("/{member}"));
        }
    }
}

fn keyed(key: &str) -> Value {
    let mut body = event(101);
    body["idempotencyKey"] = json!(key);
    body
}

#[tokio::test]
async fn the_same_key_is_the_same_event() {
    let house = House::new().await;
    house.webhook(101).await;
    let first = house.post(&house.producer, EVENTS, &keyed("k-1")).await;
    assert_eq!(first.status, 202);
    let again = house.post(&house.producer, EVENTS, &keyed("k-1")).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json(), json!({"id": first.json()["id"], "duplicate": true, "deliveries": 1}));
    let spelt = r#"{"data":{"booking":{"status":"confirmed","id":9001.0}},"bookingId":9001,"propertyId":101,
        "type":"booking.updated","idempotencyKey":"k-1"}"#;
    assert_eq!(house.write("POST", &house.producer, EVENTS, spelt).await.status, 200, "another spelling");
    for (member, value) in [
        ("type", json!("booking.created")),
        ("propertyId", json!(102)),
        ("bookingId", json!("9001")),
        ("data", json!({"booking": {"id": 9001, "status": "cancelled"}})),
    ] {
        let mut other = keyed("k-1");
        other[member] = value;
        house.post(&house.producer, EVENTS, &other).await.problem(409, "idempotency_conflict");
    }
    let mut later = keyed("k-1");
    later["createdAt"] = json!("2026-05-27T16:00:00Z");
    assert_eq!(house.post(&house.producer, EVENTS, &later).await.status, 200, "a time is not content");
    let other = house.token("other-service", "events.write", None).await;
    assert_eq!(house.post(&other, EVENTS, &keyed("k-1")).await.status, 202, "keys are per client");
    eventually(async || (house.receiver.count() == 2).then_some(())).await;
}

#[tokio::test]
async fn header_and_member_are_one_key() {
    let house = House::new().await;
    let with = async |header: &str, body: &Value| {
        let request =
            house.request("POST", EVENTS, &house.producer).header("content-type", "application/json");
        let request = request.header("Idempotency-Key", header).body(Body::from(body.to_string())).unwrap();
        house.send(request).await
    };
    assert_eq!(with("k-2", &event(101)).await.status, 202);
    assert_eq!(with("k-2", &event(101)).await.status, 200);
    assert_eq!(with("k-2", &keyed("k-2")).await.status, 200, "both agree");
    assert_eq!(house.post(&house.producer, EVENTS, &keyed("k-2")).await.status, 200, "an alias");
    for (header, body) in [("k-3", keyed("k-2")), ("", event(101)), (&"k".repeat(256), event(101))] {
        assert_eq!(with(header, &body).await.wrong("invalid_request")[0].0, "/idempotencyKey");
    }
}

#[tokio::test]
async fn an_event_tells_what_became_of_it_everywhere() {
    let house = House::new().await;
    let delivered = house.webhook(101).await;
    let held = house.webhook(101).await;
    let path = |id: i64| format!("/public/v1/webhooks/{id}");
    house.patch(&house.owner, &path(held), &json!({"status": "paused"})).await;
    let deaf = house.webhook(101).await;
    house.patch(&house.owner, &path(deaf), &json!({"events": ["order.created"]})).await;
    let id = house.event(101).await;
    let record = eventually(async || {
        let record = house.get(&house.producer, &format!("{EVENTS}/{id}")).await.json();
        record["deliveries"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["status"] == "delivered")
            .then_some(record)
    })
    .await;
    for (member, value) in [
        ("id", json!(id)),
        ("type", json!("booking.updated")),
        ("propertyId", json!(101)),
        ("bookingId", json!(9001)),
        ("createdAt", json!("2026-05-27T16:40:00.000Z")),
        ("clientId", json!("bookings")),
    ] {
        assert_eq!(record[member], value, "{member}");
    }
    let of = |webhook: i64| {
        let all = record["deliveries"].as_array().unwrap();
        all.iter().find(|it| it["webhookId"] == webhook).unwrap().clone()
    };
    assert_eq!(record["deliveries"].as_array().unwrap().len(), 3);
    assert_eq!((&of(delivered)["status"], &of(delivered)["attemptCount"]), (&json!("delivered"), &json!(1)));
    assert_eq!(of(held)["status"], "held");
    let skipped = json!({"id": null, "webhookId": deaf, "status": "skipped", "reason": "unsubscribed", "attemptCount": 0});
    assert_eq!(of(deaf), skipped);
    let log = house.get(&house.owner, &format!("{}/deliveries", path(delivered))).await.json();
    assert_eq!(of(delivered)["id"], log["data"][0]["id"]);
}

/// `GET /internal/v1/events/{id}` names every reason for which a webhook was left out.
#[tokio::test]
async fn every_skip_is_explained() {
    let house = House::new().await;
    let chain = house.token("chain", "webhooks.write bookings.read", None).await;
    let mut own = registration(103);
    own["skipOwn"] = json!(true);
    let own = house.post(&chain, "/public/v1/webhooks", &own).await.json()["id"].clone();
    let mut deaf = registration(103);
    deaf["events"] = json!(["order.created"]);
    let deaf = house.post(&chain, "/public/v1/webhooks", &deaf).await.json()["id"].clone();
    let off = house.post(&chain, "/public/v1/webhooks", &registration(103)).await.json()["id"].clone();
    let off_path = format!("/admin/v1/webhooks/{off}");
    house.patch(&house.admin, &off_path, &json!({"status": "disabled", "reason": "complaints"})).await;
    let report = async || {
        let mut body = event(103);
        body["originClientId"] = json!("chain");
        let id = house.post(&house.producer, EVENTS, &body).await.json()["id"].as_str().unwrap().to_owned();
        let record = house.get(&house.producer, &format!("{EVENTS}/{id}")).await.json();
        let rows = record["deliveries"].as_array().unwrap().iter();
        let rows = rows.map(|row| (row["webhookId"].clone(), row["status"].clone(), row["reason"].clone()));
        rows.collect::<Vec<_>>()
    };
    let skipped = |webhook: &Value, reason: &str| (webhook.clone(), json!("skipped"), json!(reason));
    let expected =
        [skipped(&own, "own_event"), skipped(&deaf, "unsubscribed"), skipped(&off, "webhook_disabled")];
    assert_eq!(report().await, expected);
    let entitlement = "/internal/v1/properties/103/entitlement";
    house.put(&house.steward, entitlement, &json!({"entitled": false})).await;
    house.patch(&house.admin, &off_path, &json!({"status": "active"})).await;
    let reasons = report().await;
    assert!(reasons.contains(&skipped(&off, "not_entitled")), "{reasons:?}");
    assert!(reasons.contains(&skipped(&deaf, "unsubscribed")), "{reasons:?}");
    assert_eq!(house.receiver.count(), 0);
}
