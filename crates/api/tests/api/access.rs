//! Who may do what: tokens, scopes, properties, clients.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use stayhook_core::Span;

use crate::house::{House, event, registration};

const WEBHOOKS: &str = "/public/v1/webhooks";

/// Every endpoint that takes a token, with each of the sets of scopes that open it.
pub(crate) const ENDPOINTS: &[(&str, &str, &[&str])] = &[
    ("POST", WEBHOOKS, &["webhooks.write bookings.read"]),
    ("GET", WEBHOOKS, &["webhooks.read", "webhooks.write"]),
    ("GET", "/public/v1/webhooks/1", &["webhooks.read", "webhooks.write"]),
    ("PATCH", "/public/v1/webhooks/1", &["webhooks.write"]),
    ("DELETE", "/public/v1/webhooks/1", &["webhooks.write"]),
    ("POST", "/public/v1/webhooks/1/test", &["webhooks.write"]),
    ("POST", "/public/v1/webhooks/1/rotate-secret", &["webhooks.write"]),
    ("POST", "/public/v1/webhooks/1/recover", &["webhooks.write"]),
    ("POST", "/public/v1/webhooks/1/deliveries/dlv_x/retry", &["webhooks.write"]),
    ("GET", "/public/v1/webhooks/1/deliveries", &["webhooks.read", "webhooks.write"]),
    ("GET", "/public/v1/webhooks/1/deliveries/dlv_x", &["webhooks.read", "webhooks.write"]),
    ("GET", "/public/v1/event-types", &["webhooks.read", "webhooks.write"]),
    ("POST", "/internal/v1/events", &["events.write"]),
    ("POST", "/internal/v1/events/batch", &["events.write"]),
    ("GET", "/internal/v1/events/evt_x", &["events.write"]),
    ("PUT", "/internal/v1/properties/101/entitlement", &["entitlements.write"]),
    ("GET", "/admin/v1/webhooks", &["admin"]),
    ("GET", "/admin/v1/webhooks/1", &["admin"]),
    ("PATCH", "/admin/v1/webhooks/1", &["admin"]),
    ("GET", "/admin/v1/deliveries", &["admin"]),
    ("GET", "/admin/v1/deliveries/dlv_x", &["admin"]),
    ("POST", "/admin/v1/deliveries/dlv_x/retry", &["admin"]),
    ("GET", "/admin/v1/stats", &["admin"]),
    ("GET", "/admin/v1/audit", &["admin"]),
    ("PUT", "/admin/v1/event-types/room.cleaned", &["admin"]),
];

const SCOPES: &[&str] = &[
    "",
    "webhooks.read",
    "webhooks.write",
    "bookings.read",
    "webhooks.read bookings.read",
    "webhooks.write bookings.read",
    "events.write",
    "entitlements.write",
    "admin",
];

#[tokio::test]
async fn every_endpoint_opens_to_its_scopes_and_no_others() {
    let house = House::new().await;
    for scopes in SCOPES {
        let token = house.token("somebody", scopes, None).await;
        let has = |needed: &str| needed.split(' ').all(|scope| scopes.split(' ').any(|own| own == scope));
        for (method, path, opened_by) in ENDPOINTS {
            let answer = house.write(method, &token, path, "{}").await;
            if opened_by.iter().any(|needed| has(needed)) {
                assert!(![401, 403].contains(&answer.status), "{method} {path} with `{scopes}`");
            } else {
                answer.problem(403, "insufficient_scope");
                let challenge = answer.header("www-authenticate");
                assert!(challenge.contains(r#"error="insufficient_scope", scope=""#), "{challenge}");
            }
        }
    }
}

#[tokio::test]
async fn every_endpoint_wants_a_token_that_counts() {
    let house = House::new().await;
    for (method, path, _) in ENDPOINTS {
        let bare = Request::builder().method(*method).uri(*path).body(Body::empty()).unwrap();
        let answer = house.send(bare).await;
        answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="stayhook""#);
        let answer = house.write(method, "shk_unknown", path, "{}").await;
        answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="stayhook", error="invalid_token""#);
    }
}

#[tokio::test]
async fn a_second_authorization_header_spoils_the_first() {
    let house = House::new().await;
    let request = house
        .request("GET", WEBHOOKS, &house.owner)
        .header("authorization", format!("Bearer {}", house.owner));
    house.send(request.body(Body::empty()).unwrap()).await.problem(401, "unauthenticated");
    for other in ["Basic cG1zOnBtcw==", "Bearer", ""] {
        let request = Request::builder().uri(WEBHOOKS).header("authorization", other);
        house.send(request.body(Body::empty()).unwrap()).await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_revoked_token_ends_within_five_seconds() {
    let house = House::new().await;
    assert_eq!(house.get(&house.owner, WEBHOOKS).await.status, 200);
    for token in house.store.tokens().await.unwrap() {
        assert!(house.store.revoke_token(token.id, house.engine.now()).await.unwrap());
    }
    assert_eq!(house.get(&house.owner, WEBHOOKS).await.status, 200, "remembered for a moment");
    house.clock.advance(Span::seconds(5));
    house.get(&house.owner, WEBHOOKS).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_that_is_made_after_it_was_tried_counts_within_five_seconds() {
    let house = House::new().await;
    let (text, hash) = stayhook_api::new_token([9; 32]);
    house.get(&text, WEBHOOKS).await.problem(401, "unauthenticated");
    let token = stayhook_store::NewToken {
        name: "late".to_owned(),
        client: stayhook_core::ClientId::parse("late").unwrap(),
        scopes: vec!["webhooks.read".to_owned()],
        properties: stayhook_store::PropertyScope::All,
        hash,
        at: house.engine.now(),
    };
    house.store.create_token(token).await.unwrap();
    house.clock.advance(Span::seconds(5));
    assert_eq!(house.get(&text, WEBHOOKS).await.status, 200);
}

#[tokio::test]
async fn what_is_not_yours_answers_like_what_is_not_there() {
    let house = House::new().await;
    let id = house.webhook(101).await;
    house.event(101).await;
    let log = house.get(&house.owner, &format!("{WEBHOOKS}/{id}/deliveries")).await.json();
    let delivery = log["data"][0]["id"].as_str().unwrap();
    let scopes = "webhooks.write bookings.read";
    let strangers = [
        house.token("another", scopes, None).await,
        house.token("pms", scopes, Some(&[102])).await,
        house.token("pms", scopes, Some(&[])).await,
    ];
    let change = r#"{"status":"paused"}"#;
    for token in &strangers {
        for (method, rest, body) in [
            ("GET", String::new(), ""),
            ("PATCH", String::new(), change),
            ("DELETE", String::new(), ""),
            ("GET", "/deliveries".to_owned(), ""),
            ("GET", format!("/deliveries/{delivery}"), ""),
            ("POST", format!("/deliveries/{delivery}/retry"), ""),
            ("POST", "/test".to_owned(), "{}"),
            ("POST", "/rotate-secret".to_owned(), "{}"),
            ("POST", "/recover".to_owned(), r#"{"since":"2026-05-27T16:00:00Z"}"#),
        ] {
            let foreign = house.write(method, token, &format!("{WEBHOOKS}/{id}{rest}"), body).await;
            let missing = house.write(method, token, &format!("{WEBHOOKS}/999999{rest}"), body).await;
            foreign.problem(404, "not_found");
            assert_eq!(foreign.body, missing.body);
            let bare = |answer: &crate::house::Answer| {
                let mut headers = answer.headers.clone();
                headers.remove("x-request-id");
                headers
            };
            assert_eq!(bare(&foreign), bare(&missing));
        }
        assert_eq!(house.get(token, WEBHOOKS).await.json(), json!({"data": [], "nextCursor": null}));
        let of_property = house.get(token, &format!("{WEBHOOKS}?propertyId=101")).await;
        assert_eq!(of_property.json(), json!({"data": [], "nextCursor": null}));
    }
    let mine = house.get(&house.owner, &format!("{WEBHOOKS}/{id}")).await;
    assert_eq!((mine.json()["status"].as_str(), mine.header("etag")), (Some("active"), "\"v1\""));
    assert_eq!(house.receiver.count(), 1, "the event alone, no test of a stranger's");
}

#[tokio::test]
async fn a_property_outside_the_token_is_not_there() {
    let house = House::new().await;
    house.post(&house.owner, WEBHOOKS, &registration(103)).await.problem(404, "not_found");
    let producer = house.token("bookings", "events.write", Some(&[101])).await;
    house.post(&producer, "/internal/v1/events", &event(102)).await.problem(404, "not_found");
    assert_eq!(house.post(&producer, "/internal/v1/events", &event(101)).await.status, 202);
    let foreign = house.event(102).await;
    let foreign = house.get(&producer, &format!("/internal/v1/events/{foreign}")).await;
    let missing = house.get(&producer, "/internal/v1/events/evt_AAAAAAAAAAAAAAAAAAAAAA").await;
    foreign.problem(404, "not_found");
    assert_eq!(foreign.body, missing.body);
}
