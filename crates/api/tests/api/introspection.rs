//! Opaque access tokens: the issuer is asked (RFC 7662), and its answers kept for a moment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stayhook_api::{IntrospectionConfig, Issuers, IssuersConfig};
use stayhook_core::Span;
use stayhook_testkit::{Receiver, Reply};

use crate::house::House;
use crate::issuer::{AUDIENCE, ISSUER};

const WEBHOOKS: &str = "/public/v1/webhooks";

async fn house(server: &Receiver) -> House {
    let introspection = IntrospectionConfig {
        url: server.url("/introspect"),
        client_id: "stay:hook".to_owned(),
        client_secret: "p%ss word".to_owned().into(),
    };
    let issuers = Issuers::new(IssuersConfig {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(AUDIENCE.to_owned()),
        introspection: Some(introspection),
        ..IssuersConfig::default()
    });
    House::with(|state| state.issuers = issuers.unwrap()).await
}

fn answering(server: &Receiver, answer: &Value) {
    server.always(Reply::status(200).body(answer.to_string()));
}

fn active() -> Value {
    json!({"active": true, "client_id": "pms", "scope": "webhooks.read", "properties": "all"})
}

#[tokio::test]
async fn the_issuer_is_asked_as_the_rfc_says() {
    let server = Receiver::start().await.unwrap();
    answering(&server, &active());
    let house = house(&server).await;
    house.webhook(101).await;
    assert_eq!(house.get("opaque+/~1==", WEBHOOKS).await.json()["data"].as_array().unwrap().len(), 1);
    let request = &server.requests()[0];
    assert_eq!(request.method, "POST");
    let credentials = STANDARD.encode("stay%3Ahook:p%25ss+word");
    assert_eq!(request.header("authorization"), Some(format!("Basic {credentials}").as_str()));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(&request.body[..], b"token=opaque%2B%2F%7E1%3D%3D&token_type_hint=access_token");
    assert_eq!(house.get(&house.owner, WEBHOOKS).await.status, 200);
    assert_eq!(server.count(), 1, "API tokens are nobody else's business");
}

#[tokio::test]
async fn answers_are_kept_for_less_than_five_seconds() {
    let server = Receiver::start().await.unwrap();
    answering(&server, &active());
    let house = house(&server).await;
    for _ in 0..3 {
        assert_eq!(house.get("good", WEBHOOKS).await.status, 200);
    }
    answering(&server, &json!({"active": false}));
    for _ in 0..3 {
        let answer = house.get("bad", WEBHOOKS).await;
        answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="stayhook", error="invalid_token""#);
    }
    assert_eq!(server.count(), 2);
    house.clock.advance(Span::seconds(5));
    house.get("good", WEBHOOKS).await.problem(401, "unauthenticated");
    answering(&server, &active());
    house.clock.advance(Span::seconds(5));
    assert_eq!(house.get("bad", WEBHOOKS).await.status, 200);
}

#[tokio::test]
async fn what_the_issuer_says_is_held_against_what_is_expected() {
    let server = Receiver::start().await.unwrap();
    let house = house(&server).await;
    let now = house.engine.now().as_seconds();
    for (number, (changes, expected)) in [
        (json!({"iss": ISSUER, "aud": [AUDIENCE], "exp": now + 9, "nbf": now}), 200),
        (json!({"exp": now - 60}), 401),
        (json!({"nbf": now + 61}), 401),
        (json!({"iss": "https://evil.example.com/"}), 401),
        (json!({"aud": "another"}), 401),
        (json!({"client_id": 7}), 401),
        (json!({"scope": "events.write"}), 403),
    ]
    .into_iter()
    .enumerate()
    {
        let mut answer = active();
        answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        answering(&server, &answer);
        assert_eq!(house.get(&format!("t{number}"), WEBHOOKS).await.status, expected, "{changes}");
    }
}

#[tokio::test]
async fn an_answer_ends_with_its_token() {
    let server = Receiver::start().await.unwrap();
    let house = house(&server).await;
    let mut answer = active();
    answer["exp"] = json!(house.engine.now().as_seconds() - 58);
    answering(&server, &answer);
    assert_eq!(house.get("t", WEBHOOKS).await.status, 200);
    house.clock.advance(Span::seconds(2));
    house.get("t", WEBHOOKS).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_makes_nobody_unknown() {
    let server = Receiver::start().await.unwrap();
    let house = house(&server).await;
    for reply in [
        Reply::status(401),
        Reply::status(500),
        Reply::status(302).header("location", "/elsewhere"),
        Reply::status(200).body("no".to_owned()),
        Reply::status(200).body("[]".to_owned()),
        Reply::status(200).body(r#"{"active":"true"}"#.to_owned()),
        Reply::status(200).body(r#"{"active":false,"active":true}"#.to_owned()),
        Reply::status(200).body(format!(r#"{{"active":true,"x":"{}"}}"#, "a".repeat(70_000))),
        Reply::Drop,
    ] {
        server.always(reply.clone());
        let answer = house.get("t", WEBHOOKS).await;
        answer.problem(503, "unavailable");
        assert!(!answer.text().contains("introspect"), "{reply:?}");
    }
    answering(&server, &active());
    assert_eq!(house.get("t", WEBHOOKS).await.status, 200, "failures are not remembered");
}
