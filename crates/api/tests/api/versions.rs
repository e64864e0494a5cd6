//! Versions of webhooks: `ETag`, `If-Match`, `If-None-Match`.

use axum::body::Body;
use serde_json::json;
use stayhook_core::Span;

use crate::house::{Answer, House, eventually, registration};

const WEBHOOKS: &str = "/public/v1/webhooks";

async fn with(house: &House, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = house.request(method, path, &house.owner).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn every_answer_with_one_webhook_bears_its_version() {
    let house = House::new().await;
    let created = house.post(&house.owner, WEBHOOKS, &registration(101)).await;
    assert_eq!(created.header("etag"), "\"v1\"");
    let path = created.header("location").to_owned();
    assert_eq!(house.get(&house.owner, &path).await.header("etag"), "\"v1\"");
    assert_eq!(house.patch(&house.owner, &path, &json!({})).await.header("etag"), "\"v1\"");
    let changed = house.patch(&house.owner, &path, &json!({"description": "new"})).await;
    assert_eq!(changed.header("etag"), "\"v2\"");
    assert_eq!(house.get(&house.owner, &path).await.header("etag"), "\"v2\"");
}

#[tokio::test]
async fn a_change_of_an_old_version_is_refused() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    let patch =
        async |tag: &str| with(&house, "PATCH", &path, &[("if-match", tag)], r#"{"description":"a"}"#).await;
    for good in ["\"v1\"", "\"v0\", \"v2\"", "*"] {
        let body = json!({"description": good});
        let answer = with(&house, "PATCH", &path, &[("if-match", good)], &body.to_string()).await;
        assert_eq!(answer.status, 200, "{good}: {}", answer.text());
    }
    assert_eq!(house.get(&house.owner, &path).await.header("etag"), "\"v4\"");
    for stale in ["\"v1\"", "\"v3\"", "\"v40\"", "W/\"v4\"", "v4", "\"\"", "", "\"V4\"", "\"v4", "x"] {
        patch(stale).await.problem(412, "precondition_failed");
        let answer = with(&house, "DELETE", &path, &[("if-match", stale)], "").await;
        answer.problem(412, "precondition_failed");
    }
    assert_eq!(house.get(&house.owner, &path).await.json()["description"], "*", "nothing was changed");
    let missing = format!("{WEBHOOKS}/999999");
    with(&house, "PATCH", &missing, &[("if-match", "*")], "{}").await.problem(404, "not_found");
    with(&house, "PATCH", &path, &[("if-match", "\"v1\"")], r#"{"x":1}"#)
        .await
        .problem(422, "invalid_webhook");
    assert_eq!(with(&house, "DELETE", &path, &[("if-match", "\"v4\"")], "").await.status, 204);
    with(&house, "DELETE", &path, &[("if-match", "\"v4\"")], "").await.problem(404, "not_found");
}

#[tokio::test]
async fn what_is_known_is_not_read_twice() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    for known in ["\"v1\"", "W/\"v1\"", "\"x\", \"v1\"", "*"] {
        let answer = with(&house, "GET", &path, &[("if-none-match", known)], "").await;
        assert_eq!((answer.status, answer.header("etag"), answer.body.len()), (304, "\"v1\"", 0), "{known}");
    }
    for other in ["\"v2\"", "v1", "", "\"v1"] {
        assert_eq!(with(&house, "GET", &path, &[("if-none-match", other)], "").await.status, 200, "{other}");
    }
    let foreign = house.token("other", "webhooks.read", None).await;
    let request =
        house.request("GET", &path, &foreign).header("if-none-match", "*").body(Body::empty()).unwrap();
    house.send(request).await.problem(404, "not_found");
}

/// `failingSince` is shown, so that a reader must see it appear; but it is nobody's change.
#[tokio::test]
async fn failing_shows_and_does_not_get_in_the_way() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    house.receiver.fail(true);
    house.event(101).await;
    let answer = eventually(async || {
        let answer = with(&house, "GET", &path, &[("if-none-match", "\"v1\"")], "").await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(answer.header("etag"), "\"v1-1779900000\"");
    house.clock.advance(Span::seconds(1));
    let changed = with(&house, "PATCH", &path, &[("if-match", "\"v1\"")], r#"{"description":"a"}"#).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"v2-1779900000\""));
    let again = with(&house, "PATCH", &path, &[("if-match", "\"v2-1779900000\"")], "{}").await;
    assert_eq!(again.status, 200);
}

/// Whoever changed it first wins; the others looked at something that is no more.
#[tokio::test]
async fn of_many_changes_of_one_version_exactly_one_is_made() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    for round in 1..=5 {
        let mut changes = tokio::task::JoinSet::new();
        for number in 0..8 {
            let body = json!({"description": format!("{round} {number}")}).to_string();
            let request = house
                .request("PATCH", &path, &house.owner)
                .header("content-type", "application/json")
                .header("if-match", format!("\"v{round}\""));
            changes.spawn(house.start(request.body(Body::from(body)).unwrap()));
        }
        let mut statuses = changes.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    }
    let body = "{\"description\":\"late\"}";
    let (patch, delete) = tokio::join!(
        with(&house, "PATCH", &path, &[("if-match", "\"v6\"")], body),
        with(&house, "DELETE", &path, &[("if-match", "\"v6\"")], ""),
    );
    assert!(
        [(200, 412), (404, 204)].contains(&(patch.status, delete.status)),
        "{} {}",
        patch.status,
        delete.status
    );
}
