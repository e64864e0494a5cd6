//! Rate limits, each token by itself.

use serde_json::json;
use stayhook_core::Span;

use crate::house::{House, event};

const WEBHOOKS: &str = "/public/v1/webhooks";
const EVENTS: &str = "/internal/v1/events";

#[tokio::test]
async fn requests_beyond_the_rate_are_told_when_to_come_back() {
    let house = House::with(|state| state.limits.requests_per_second = Some(2)).await;
    for _ in 0..20 {
        assert_eq!(house.get(&house.owner, WEBHOOKS).await.status, 200);
    }
    for (method, path) in [("GET", WEBHOOKS), ("POST", WEBHOOKS), ("DELETE", "/public/v1/webhooks/1")] {
        let answer = house.write(method, &house.owner, path, "{}").await;
        answer.problem(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let other = house.token("pms", "webhooks.read", None).await;
    assert_eq!(house.get(&other, WEBHOOKS).await.status, 200, "each token by itself");
    for _ in 0..25 {
        let id = house.event(101).await;
        let read = house.get(&house.producer, &format!("{EVENTS}/{id}")).await;
        assert_eq!(read.status, 200, "internal services are not held up");
    }
    house.clock.advance(Span::seconds(1));
    assert_eq!(house.get(&house.owner, WEBHOOKS).await.status, 200);
}

#[tokio::test]
async fn events_beyond_the_rate_are_not_accepted() {
    let house = House::with(|state| state.limits.events_per_second = Some(5)).await;
    for _ in 0..49 {
        house.event(101).await;
    }
    let batch = json!({"events": vec![event(101); 12]});
    assert_eq!(house.post(&house.producer, "/internal/v1/events/batch", &batch).await.status, 202);
    let answer = house.post(&house.producer, EVENTS, &event(101)).await;
    answer.problem(429, "rate_limited");
    // Eleven more than there was room for, and the next one.
    assert_eq!(answer.header("retry-after"), "3");
    house.post(&house.producer, "/internal/v1/events/batch", &batch).await.problem(429, "rate_limited");
    house.clock.advance(Span::seconds(3));
    house.event(101).await;
}
