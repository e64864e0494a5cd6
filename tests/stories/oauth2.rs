//! Receivers that want a token (bookingkit, "Authentication"): fetched, kept, fetched anew.

use http::{Method, StatusCode};
use serde_json::json;
use stayhook_core::Span;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

/// A receiver with a token endpoint and an order endpoint that takes this token.
async fn platform(good: &'static str) -> Receiver {
    let receiver = Receiver::start().await.unwrap();
    accept(&receiver, good, good);
    receiver
}

/// The endpoints give out one token, and take one.
fn accept(receiver: &Receiver, given: &'static str, taken: &'static str) {
    receiver.reply(move |request| match request.path.as_str() {
        "/oauth/token" => Reply::status(200)
            .body(format!(r#"{{"access_token":"{given}","expires_in":3600,"token_type":"Bearer"}}"#)),
        _ if request.header("Authorization") == Some(&format!("Bearer {taken}")) => Reply::status(200),
        _ => Reply::status(401),
    });
}

async fn register(house: &House, receiver: &Receiver) -> i64 {
    let (webhook, _) = house
        .register_as(json!({
            "propertyId": 101, "url": receiver.url("/orderUpdate"), "events": ["order.*"], "profile": "bookingkit",
            "auth": {
                "type": "oauth2_client_credentials", "tokenUrl": receiver.url("/oauth/token"),
                "clientId": "oauth_endpoint_client_id", "clientSecret": "oauth_endpoint_client_secret",
            },
        }))
        .await;
    webhook
}

/// Method and path of every request so far.
fn asked(receiver: &Receiver) -> Vec<String> {
    receiver.requests().iter().map(|it| format!("{} {}", it.method, it.path)).collect()
}

pub(crate) async fn bookingkit_fetches_a_token_once_and_anew_when_it_is_refused(on: Database) {
    let house = House::open(on).await;
    let receiver = platform("b4540b431b513cdaa44ab604cb88a7c4992477d5").await;
    let webhook = register(&house, &receiver).await;
    for code in ["A", "B"] {
        let event = house.report("order.updated", None, &format!(r#"{{"code":"{code}"}}"#)).await;
        house.until_state(webhook, &event, "delivered").await;
    }
    assert_eq!(asked(&receiver), ["POST /oauth/token", "PATCH /orderUpdate", "PATCH /orderUpdate"]);
    let token = &receiver.requests()[0];
    assert_eq!(token.header("Content-Type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        token.body,
        "client_id=oauth_endpoint_client_id&client_secret=oauth_endpoint_client_secret&grant_type=client_credentials"
    );

    // The receiver forgets the token: one refusal, another token, sent again within the attempt.
    accept(&receiver, "fresh", "fresh");
    let event = house.report("order.updated", None, r#"{"code":"C"}"#).await;
    let delivered = house.until_state(webhook, &event, "delivered").await;
    assert_eq!(delivered["attemptCount"], 1);
    assert_eq!(asked(&receiver)[3..], ["PATCH /orderUpdate", "POST /oauth/token", "PATCH /orderUpdate"]);
    let sent = receiver.requests();
    assert_eq!(sent[3].header("X-Request-Id"), sent[5].header("X-Request-Id"), "the same attempt");

    // It is kept until a minute before its end.
    house.clock.advance(Span::seconds(3_539));
    let event = house.report("order.updated", None, "{}").await;
    house.until_state(webhook, &event, "delivered").await;
    assert_eq!(receiver.count(), 7);
    house.clock.advance(Span::seconds(1));
    let event = house.report("order.updated", None, "{}").await;
    house.until_state(webhook, &event, "delivered").await;
    assert_eq!(asked(&receiver)[7..], ["POST /oauth/token", "PATCH /orderUpdate"]);
}

pub(crate) async fn a_failing_token_endpoint_is_a_failure_that_is_retried(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let webhook = register(&house, &receiver).await;
    let event = house.report("order.updated", None, "{}").await;
    let waiting = house.until_attempts(webhook, &event, 1).await;
    assert_eq!(waiting["attempts"][0]["error"], "token: the token endpoint answered 500");
    assert_eq!(waiting["nextAttemptAt"], "2026-05-27T16:41:00.000Z");
    // Refused twice: one resend, then the schedule.
    accept(&receiver, "one", "another");
    house.clock.advance(Span::minutes(1));
    let waiting = house.until_attempts(webhook, &event, 2).await;
    assert_eq!(waiting["attempts"][1]["status"], 401);
    assert_eq!(
        asked(&receiver)[1..],
        ["POST /oauth/token", "PATCH /orderUpdate", "POST /oauth/token", "PATCH /orderUpdate"]
    );
    // A redirect is not followed.
    receiver.reply(|request| match request.path.as_str() {
        "/oauth/token" => Reply::status(302).header("Location", "/elsewhere"),
        _ => Reply::status(401),
    });
    house.clock.advance(Span::minutes(2));
    let waiting = house.until_attempts(webhook, &event, 3).await;
    assert_eq!(waiting["attempts"][2]["error"], "token: the token endpoint answered 302");
    accept(&receiver, "good", "good");
    house.clock.advance(Span::minutes(4));
    house.until_state(webhook, &event, "delivered").await;
}

pub(crate) async fn a_token_endpoint_keeps_to_the_rules_of_addresses(on: Database) {
    let house = House::open(on).await;
    let receiver = platform("good").await;
    let refused = json!({
        "propertyId": 101, "url": receiver.url("/"), "events": ["order.*"], "profile": "bookingkit",
        "auth": {"type": "oauth2_client_credentials", "tokenUrl": "http://169.254.169.254/", "clientId": "c", "clientSecret": "s"},
    });
    let answer = house.call(Method::POST, "/public/v1/webhooks", Some(refused)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body["errors"][0]["pointer"], "/auth/tokenUrl");

    let webhook = register(&house, &receiver).await;
    // What was allowed once is judged anew, before every request.
    let house = house.restart_with(|config| config.url_rules.addresses.allow.clear()).await;
    let event = house.report("order.updated", None, "{}").await;
    let waiting = house.until_attempts(webhook, &event, 1).await;
    let error = waiting["attempts"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("token: the URL of the token endpoint: "), "{error}");
    assert_eq!(receiver.count(), 0);
}

pub(crate) async fn credentials_are_shown_by_nothing(on: Database) {
    let house = House::open(on).await;
    let receiver = platform("t0ken").await;
    let webhook = register(&house, &receiver).await;
    let event = house.report("order.updated", None, "{}").await;
    house.until_state(webhook, &event, "delivered").await;
    receiver.wait_for(2, PATIENCE).await;
    let shown = [
        house.get(&format!("/public/v1/webhooks/{webhook}")).await,
        house.delivery(webhook, &event).await,
        house.get("/admin/v1/audit").await,
    ];
    for shown in shown.map(|it| it.to_string()) {
        assert!(!shown.contains("oauth_endpoint_client_secret") && !shown.contains("t0ken"), "{shown}");
    }
}
