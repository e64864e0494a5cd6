//! What a webhook may not be.

use serde_json::{Value, json};

use crate::house::{House, registration};

const WEBHOOKS: &str = "/public/v1/webhooks";

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named_at_once() {
    let house = House::new().await;
    let body = json!({
        "propertyId": "101",
        "url": "http://localhost/",
        "events": ["booking.created", "booking.vanished", 7],
        "description": "x".repeat(121),
        "ordering": "random",
        "skipOwn": 1,
        "secret": "mine",
    });
    let answer = house.post(&house.owner, WEBHOOKS, &body).await;
    let mut pointers: Vec<_> =
        answer.wrong("invalid_webhook").into_iter().map(|(pointer, _)| pointer).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        ["/description", "/events/1", "/events/2", "/ordering", "/propertyId", "/secret", "/skipOwn", "/url"]
    );
    assert!(
        answer.problem(422, "invalid_webhook")["detail"]
            .as_str()
            .unwrap()
            .starts_with("8 fields are wrong: ")
    );
}

#[tokio::test]
async fn what_is_required_is_asked_for() {
    let house = House::new().await;
    let wrong = house.post(&house.owner, WEBHOOKS, &json!({})).await.wrong("invalid_webhook");
    let missing = |pointer: &str| (pointer.to_owned(), "is missing".to_owned());
    assert_eq!(wrong, ["/propertyId", "/url", "/events"].map(missing));
}

/// Member, value, and part of what is said about it; in POST and PATCH alike.
fn wrong_members() -> Vec<(&'static str, Value, &'static str)> {
    let long = format!("https://partner.example.com/{}", "x".repeat(2_048));
    vec![
        ("url", json!(null), "a string"),
        ("url", json!(1), "a string"),
        ("url", json!(""), "not absolute"),
        ("url", json!("partner.example.com"), "not absolute"),
        ("url", json!("http://partner.example.com/"), "https"),
        ("url", json!("https://user:pass@partner.example.com/"), "user info"),
        ("url", json!("https://partner.example.com/#x"), "fragment"),
        ("url", json!("https://partner.example.com/a b"), "space"),
        ("url", json!("https://partner.example.com/a\tb"), "control"),
        ("url", json!("https://partner.example.com\\x"), "backslash"),
        ("url", json!("https://partner.example.com/{propertyId}"), "has no URL placeholders"),
        ("url", json!("https://localhost/"), "local name"),
        ("url", json!("https://printer.local/"), "local name"),
        ("url", json!("https://partner/"), "single label"),
        ("url", json!("https://10.0.0.1/"), "may not be called"),
        ("url", json!("https://[::1]/"), "may not be called"),
        ("url", json!("https://8.8.2056/"), "unusual form"),
        ("url", json!("https://partner.example.com:22/"), "port 22"),
        ("url", json!(long), "too long"),
        ("events", json!(null), "an array"),
        ("events", json!("booking.created"), "an array"),
        ("events", json!([]), "at least one"),
        ("events", json!(["*"]), "pattern"),
        ("events", json!(["room.*"]), "not a known event type"),
        ("events", json!([""]), "empty"),
        ("events", json!([null]), "a string"),
        ("description", json!(7), "a string"),
        ("description", json!("é".repeat(121)), "120"),
        ("description", json!("two\nlines"), "control"),
        ("description", json!("\u{7f}"), "control"),
        ("includeCustomParameters", json!("yes"), "true or false"),
        ("skipOwn", json!(0), "true or false"),
        ("ordering", json!("fifo"), "none, booking or newest"),
        ("profile", json!("bookingkit2"), "not a profile"),
        ("shadowProfile", json!(true), "a string"),
        ("auth", json!({"type": "bearer", "token": "x"}), "no credentials"),
        ("id", json!(1), "not a known member"),
        ("signingSecret", json!("whsec_x"), "not a known member"),
    ]
}

#[tokio::test]
async fn each_rule_is_enforced_and_named_at_creation_and_change() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    let before = house.get(&house.owner, &path).await.json();
    for (member, value, why) in wrong_members() {
        let mut body = registration(102);
        body[member] = value.clone();
        for answer in [
            house.post(&house.owner, WEBHOOKS, &body).await,
            house.patch(&house.owner, &path, &json!({ member: value })).await,
        ] {
            let wrong = answer.wrong("invalid_webhook");
            assert_eq!(wrong.len(), 1, "{member}: {value}");
            assert!(wrong[0].0.starts_with(&format!("/{member}")), "{wrong:?}");
            assert!(wrong[0].1.contains(why), "{wrong:?} should contain {why}");
        }
    }
    assert_eq!(house.get(&house.owner, &path).await.json(), before);
    assert_eq!(
        house.get(&house.owner, &format!("{WEBHOOKS}?propertyId=102")).await.json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn property_ids_are_whole_numbers_from_1() {
    let house = House::new().await;
    for bad in [json!(0), json!(-1), json!(1.5), json!("101"), json!(null), json!(9_007_199_254_740_992_i64)]
    {
        let mut body = registration(101);
        body["propertyId"] = bad;
        assert_eq!(
            house.post(&house.owner, WEBHOOKS, &body).await.wrong("invalid_webhook")[0].0,
            "/propertyId"
        );
    }
}

#[tokio::test]
async fn only_a_creation_takes_null_for_left_out() {
    let house = House::new().await;
    let mut body = registration(101);
    for member in
        ["description", "includeCustomParameters", "skipOwn", "ordering", "profile", "shadowProfile", "auth"]
    {
        body[member] = Value::Null;
    }
    let created = house.post(&house.owner, WEBHOOKS, &body).await.json();
    let path = format!("{WEBHOOKS}/{}", created["id"]);
    for member in ["includeCustomParameters", "skipOwn", "ordering", "status", "held"] {
        let wrong = house.patch(&house.owner, &path, &json!({ member: null })).await.wrong("invalid_webhook");
        assert_eq!(wrong[0].0, format!("/{member}"));
    }
    let cleared = json!({"description": null, "profile": null, "shadowProfile": null, "auth": null});
    assert_eq!(house.patch(&house.owner, &path, &cleared).await.status, 200);
}

#[tokio::test]
async fn a_change_has_rules_of_its_own() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    for (body, pointer) in [
        (json!({"propertyId": 101}), "/propertyId"),
        (json!({"status": "disabled"}), "/status"),
        (json!({"status": "ACTIVE"}), "/status"),
        (json!({"held": "deliver"}), "/held"),
        (json!({"held": "latest", "status": "paused"}), "/held"),
        (json!({"held": "some", "status": "active"}), "/held"),
    ] {
        let wrong = house.patch(&house.owner, &path, &body).await.wrong("invalid_webhook");
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert_eq!(wrong[0].0, pointer);
    }
}

#[tokio::test]
async fn a_description_has_at_most_120_characters() {
    let house = House::new().await;
    let mut body = registration(101);
    body["description"] = json!("é".repeat(120));
    assert_eq!(house.post(&house.owner, WEBHOOKS, &body).await.status, 201);
}
