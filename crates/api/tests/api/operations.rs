//! For whoever runs the service: health, metrics, surfaces, the catalogue, and what callers
//! see when it cannot serve.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use stayhook_api::Surface;
use stayhook_core::Span;

use crate::house::{Answer, House, event, registration};

async fn without_token(house: &House, path: &str) -> Answer {
    house.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let house = House::new().await;
    assert_eq!(without_token(&house, "/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(without_token(&house, "/readyz").await.json(), json!({"status": "ready"}));
    let metrics = without_token(&house, "/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(metrics.text(), "stayhook_up 1\n");
}

#[tokio::test]
async fn a_node_that_shuts_down_is_alive_but_not_ready() {
    let house = House::new().await;
    house.engine.shutdown(Span::ZERO).await;
    assert_eq!(without_token(&house, "/healthz").await.status, 200);
    for answer in [
        without_token(&house, "/readyz").await,
        house.post(&house.producer, "/internal/v1/events", &event(101)).await,
        house.post(&house.producer, "/internal/v1/events/batch", &json!({"events": [event(101)]})).await,
    ] {
        answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
}

#[tokio::test]
async fn surfaces_part_the_public_from_the_internal() {
    let mut house = House::new().await;
    let public = ["/public/v1/webhooks", "/public/v1/webhooks/1/deliveries", "/public/v1/event-types"];
    let internal = [
        "/internal/v1/events",
        "/internal/v1/events/batch",
        "/internal/v1/properties/101/entitlement",
        "/admin/v1/webhooks",
        "/admin/v1/deliveries",
        "/admin/v1/stats",
        "/admin/v1/audit",
        "/metrics",
    ];
    for (surface, answers, hidden) in
        [(Surface::Public, &public[..], &internal[..]), (Surface::Internal, &internal[..], &public[..])]
    {
        house.surface(surface);
        for path in answers {
            let unrouted = "there is no such path";
            assert!(!house.get(&house.owner, path).await.text().contains(unrouted), "{surface:?} {path}");
        }
        for path in hidden {
            house.get(&house.owner, path).await.problem(404, "not_found");
        }
        assert_eq!(without_token(&house, "/healthz").await.status, 200);
        assert_eq!(without_token(&house, "/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn the_catalogue_is_listed_by_name() {
    let house = House::new().await;
    let types = house.get(&house.owner, "/public/v1/event-types").await.json();
    let types = types["data"].as_array().unwrap();
    assert!(types.is_sorted_by_key(|kind| kind["name"].as_str().unwrap().to_owned()));
    let created = types.iter().find(|kind| kind["name"] == "booking.created").unwrap();
    let expected =
        json!({"name": "booking.created", "label": "Booking created", "description": "A new booking exists"});
    assert_eq!(*created, expected);
}

/// What is wrong with the database is for the operator's log.
#[tokio::test]
async fn a_broken_database_is_a_503_that_tells_no_details() {
    let house = House::new().await;
    assert_eq!(house.get(&house.owner, "/public/v1/webhooks").await.status, 200);
    house.break_database();
    for answer in [
        house.get(&house.owner, "/public/v1/webhooks").await,
        house.post(&house.owner, "/public/v1/webhooks", &registration(101)).await,
        house.get("shk_not_seen_before", "/public/v1/webhooks").await,
    ] {
        let problem = answer.problem(503, "unavailable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.contains("table") && !detail.contains("SQL"), "{detail}");
    }
}
