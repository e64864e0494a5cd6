//! Which properties are served.

use serde_json::{Value, json};
use stayhook_core::Span;

use crate::house::{House, eventually};

fn path(property: i64) -> String {
    format!("/internal/v1/properties/{property}/entitlement")
}

async fn set(house: &House, property: i64, entitled: bool) {
    let answer = house.put(&house.steward, &path(property), &json!({ "entitled": entitled })).await;
    assert_eq!((answer.status, answer.text()), (204, String::new()));
}

async fn fates(house: &House, event: &str) -> Vec<(Value, Value)> {
    let record = house.get(&house.producer, &format!("/internal/v1/events/{event}")).await.json();
    let rows = record["deliveries"].as_array().unwrap().iter();
    rows.map(|row| (row["status"].clone(), row["reason"].clone())).collect()
}

#[tokio::test]
async fn a_property_that_is_not_entitled_gets_nothing_and_is_told_why() {
    let house = House::new().await;
    house.webhook(101).await;
    house.webhook(102).await;
    set(&house, 101, false).await;
    let event = house.event(101).await;
    assert_eq!(fates(&house, &event).await, [(json!("skipped"), json!("not_entitled"))]);
    house.event(102).await;
    eventually(async || (house.receiver.count() == 1).then_some(())).await;
    set(&house, 101, true).await;
    set(&house, 101, true).await;
    house.event(101).await;
    eventually(async || (house.receiver.count() == 2).then_some(())).await;
}

#[tokio::test]
async fn what_waits_is_cancelled_and_is_no_failure() {
    let house = House::new().await;
    let webhook = house.webhook(101).await;
    house.receiver.fail(true);
    let event = house.event(101).await;
    eventually(async || (fates(&house, &event).await[0].0 == "pending").then_some(())).await;
    set(&house, 101, false).await;
    house.clock.advance(Span::minutes(2));
    eventually(async || (fates(&house, &event).await[0].0 == "cancelled").then_some(())).await;
    assert_eq!(fates(&house, &event).await, [(json!("cancelled"), json!("not_entitled"))]);
    let shown = house.get(&house.owner, &format!("/public/v1/webhooks/{webhook}")).await.json();
    assert_eq!((&shown["status"], house.receiver.count()), (&json!("active"), 1));
}

#[tokio::test]
async fn only_what_is_said_is_taken() {
    let house = House::new().await;
    for (body, pointer) in [
        (json!({}), "/entitled"),
        (json!({"entitled": 1}), "/entitled"),
        (json!({"entitled": null}), "/entitled"),
        (json!({"entitled": true, "until": "2027"}), "/until"),
    ] {
        let wrong = house.put(&house.steward, &path(101), &body).await.wrong("invalid_request");
        assert_eq!(wrong[0].0, pointer, "{body}");
    }
    for property in ["0", "-1", "x", "01"] {
        let path = format!("/internal/v1/properties/{property}/entitlement");
        house.put(&house.steward, &path, &json!({"entitled": true})).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_property_outside_the_token_is_not_there() {
    let house = House::new().await;
    let limited = house.token("platform", "entitlements.write", Some(&[101])).await;
    let body = json!({"entitled": false});
    house.put(&limited, &path(102), &body).await.problem(404, "not_found");
    assert_eq!(house.put(&limited, &path(101), &body).await.status, 204);
    house.webhook(102).await;
    house.event(102).await;
    eventually(async || (house.receiver.count() == 1).then_some(())).await;
}
