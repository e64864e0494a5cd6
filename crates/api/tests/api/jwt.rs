//! Access tokens as JWT: what counts, and every way in which one is forged.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use stayhook_api::JwksSource;
use stayhook_core::Span;
use stayhook_testkit::Reply;

use crate::house::{Answer, House, eventually, registration};
use crate::issuer::{AUDIENCE, Key, Publisher, claims, claims_with, compact, encode, key_set, trusting};

const WEBHOOKS: &str = "/public/v1/webhooks";

async fn house(publisher: &Publisher) -> House {
    House::with(|state| state.issuers = publisher.issuers()).await
}

async fn status(house: &House, token: &str) -> u16 {
    house.get(token, WEBHOOKS).await.status
}

fn assert_refused(answer: &Answer, why: &str) {
    let problem = answer.problem(401, "unauthenticated");
    assert_eq!(
        answer.header("www-authenticate"),
        r#"Bearer realm="stayhook", error="invalid_token""#,
        "{why}"
    );
    assert!(problem["detail"].as_str().unwrap().contains("token"), "{why}: {problem}");
}

#[tokio::test]
async fn tokens_of_every_algorithm_count_beside_api_tokens() {
    let keys = [Key::rs256("r"), Key::es256("e"), Key::eddsa("d")];
    let publisher = Publisher::of(&keys.each_ref()).await;
    let house = house(&publisher).await;
    for key in &keys {
        let token = key.token(&claims());
        let answer = house.post(&token, WEBHOOKS, &registration(101)).await;
        assert_eq!(answer.status, 201, "{}: {}", key.algorithm, answer.text());
    }
    let listed = house.get(&house.owner, WEBHOOKS).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 3, "the client is the same as the API token's");
    assert_eq!(publisher.server.count(), 1, "one fetch serves them all");
}

#[tokio::test]
async fn claims_are_honoured_now_at_each_call() {
    let key = Key::eddsa("d");
    let publisher = Publisher::of(&[&key]).await;
    let house = house(&publisher).await;
    let id = house.webhook(101).await;
    let path = format!("{WEBHOOKS}/{id}");
    let with = |changes: Value| key.token(&claims_with(&changes));
    for (changes, expected) in [
        (json!({}), 200),
        (json!({"client_id": null, "azp": "pms"}), 200),
        (json!({"scope": ["webhooks.read", "openid"]}), 200),
        (json!({"properties": "all"}), 200),
        (json!({"properties": [102]}), 404),
        (json!({"properties": null}), 404),
        (json!({"client_id": "other"}), 404),
        (json!({"scope": "events.write"}), 403),
        (json!({"scope": null}), 403),
        (json!({"scope": "webhooks.readonly WEBHOOKS.READ"}), 403),
        (json!({"scope": 7}), 401),
        (json!({"properties": ["101"]}), 401),
        (json!({"client_id": null}), 401),
        (json!({"client_id": ["pms"]}), 401),
    ] {
        assert_eq!(house.get(&with(changes.clone()), &path).await.status, expected, "{changes}");
    }
}

#[tokio::test]
async fn what_an_issuer_must_say_is_demanded() {
    let key = Key::es256("e");
    let publisher = Publisher::of(&[&key]).await;
    let house = house(&publisher).await;
    let now = house.engine.now().as_seconds();
    assert_eq!(status(&house, &key.token(&claims_with(&json!({"aud": AUDIENCE, "nbf": null})))).await, 200);
    for changes in [
        json!({"iss": null}),
        json!({"iss": "https://auth.example.com"}),
        json!({"iss": ["https://auth.example.com/"]}),
        json!({"aud": null}),
        json!({"aud": "https://api.example.com"}),
        json!({"aud": []}),
        json!({"aud": {"https://api.example.com/": true}}),
        json!({"exp": null}),
        json!({"exp": now - 60}),
        json!({"exp": (now + 60).to_string()}),
        json!({"exp": -1}),
        json!({"nbf": now + 61}),
        json!({"nbf": "tomorrow"}),
    ] {
        assert_refused(&house.get(&key.token(&claims_with(&changes)), WEBHOOKS).await, &changes.to_string());
    }
}

/// By the engine's clock, and with the leeway of 60 s either way; no answer that is remembered
/// outlives the token.
#[tokio::test]
async fn a_token_counts_within_its_times() {
    let key = Key::eddsa("d");
    let publisher = Publisher::of(&[&key]).await;
    let house = house(&publisher).await;
    let now = house.engine.now().as_seconds();
    let token = key.token(&claims_with(&json!({"exp": now + 1, "nbf": now + 60})));
    assert_eq!(status(&house, &token).await, 200);
    house.clock.advance(Span::millis(59_000));
    assert_eq!(status(&house, &token).await, 200);
    house.clock.advance(Span::millis(1_999));
    assert_eq!(status(&house, &token).await, 200);
    house.clock.advance(Span::millis(1));
    assert_refused(&house.get(&token, WEBHOOKS).await, "expired");
}

#[tokio::test]
async fn forged_headers_are_refused() {
    let (key, other) = (Key::rs256("r"), Key::es256("e"));
    let publisher = Publisher::of(&[&key, &other]).await;
    let house = house(&publisher).await;
    assert_eq!(status(&house, &key.token_with(r#"{"alg":"RS256","kid":"r"}"#, &claims())).await, 200);
    assert_eq!(status(&house, &key.token_with(r#"{"alg":"RS256"}"#, &claims())).await, 200);
    for header in [
        r#"{"alg":"none","kid":"r"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"None","kid":"r"}"#,
        r#"{"alg":"","kid":"r"}"#,
        r#"{"alg":"HS256","kid":"r"}"#,
        r#"{"alg":"RS512","kid":"r"}"#,
        r#"{"alg":"PS256","kid":"r"}"#,
        r#"{"alg":"rs256","kid":"r"}"#,
        r#"{"alg":"ES256","kid":"r"}"#,
        r#"{"alg":"RS256","kid":"e"}"#,
        r#"{"alg":["RS256"],"kid":"r"}"#,
        r#"{"kid":"r"}"#,
        r#"{"alg":"RS256","kid":7}"#,
        r#"{"alg":"RS256","kid":null}"#,
        r#"{"alg":"RS256","kid":"R"}"#,
        r#"{"alg":"RS256","kid":"../../dev/null"}"#,
        r#"{"alg":"RS256","kid":"r' OR '1'='1"}"#,
        r#"{"alg":"RS256","kid":"r","kid":"e"}"#,
        r#"{"alg":"none","alg":"RS256","kid":"r"}"#,
        r#"{"alg":"RS256","kid":"r","crit":["exp"],"exp":1}"#,
        r#"{"alg":"RS256","kid":"r","crit":[]}"#,
        r#"{"alg":"RS256","kid":"r","typ":"logout+jwt"}"#,
        r#"["RS256"]"#,
        "",
    ] {
        let signed = key.token_with(header, &claims());
        assert_refused(&house.get(&signed, WEBHOOKS).await, header);
        let bare = compact(header, &claims().to_string(), |_| Vec::new());
        assert_refused(&house.get(&bare, WEBHOOKS).await, header);
    }
}

/// Whoever knows the public key must not be able to use it as a shared one, nor bring a key.
#[tokio::test]
async fn public_keys_are_no_shared_secrets() {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key as Shared, sign};
    let (key, own) = (Key::rs256("r"), Key::rs256("own"));
    let publisher = Publisher::of(&[&key]).await;
    let house = house(&publisher).await;
    let jwk = key.jwk();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", encode(&key.der()));
    let texts =
        [key.der(), pem.into_bytes(), jwk.to_string().into_bytes(), jwk["n"].to_string().into_bytes()];
    for secret in texts {
        for header in [r#"{"alg":"HS256","kid":"r"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"RS256","kid":"r"}"#] {
            let shared = Shared::new(HMAC_SHA256, &secret);
            let token =
                compact(header, &claims().to_string(), |message| sign(&shared, message).as_ref().to_vec());
            assert_refused(&house.get(&token, WEBHOOKS).await, header);
        }
    }
    let mut header = json!({"alg": "RS256", "jwk": own.jwk(), "jku": publisher.server.url("/evil")});
    assert_refused(&house.get(&own.token_with(&header.to_string(), &claims()), WEBHOOKS).await, "jwk, jku");
    header["kid"] = json!("r");
    assert_refused(
        &house.get(&own.token_with(&header.to_string(), &claims()), WEBHOOKS).await,
        "jwk and kid",
    );
    assert!(publisher.server.requests().iter().all(|request| request.path == "/jwks"));
}

#[tokio::test]
async fn forged_claims_and_signatures_are_refused() {
    let key = Key::es256("e");
    let publisher = Publisher::of(&[&key]).await;
    let house = house(&publisher).await;
    let good = key.token(&claims());
    assert_eq!(status(&house, &good).await, 200);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let foreign = encode(claims_with(&json!({"properties": "all"})).to_string().as_bytes());
    let header_text = r#"{"alg":"ES256","kid":"e"}"#;
    let twice = claims().to_string().replacen('{', r#"{"properties":"all","#, 1);
    let long = "A".repeat(9 * 1_024);
    for bad in [
        format!("{header}.{foreign}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{}", &signature[..signature.len() - 4]),
        format!("{header}.{payload}.{signature}AAAA"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{}", encode(&[0; 64])),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{message}.{signature}{long}"),
        compact(header_text, &twice, |message| key.sign(message)),
        compact(header_text, "[]", |message| key.sign(message)),
        compact(header_text, "", |message| key.sign(message)),
    ] {
        assert_refused(&house.get(&bad, WEBHOOKS).await, &bad);
    }
}

#[tokio::test]
async fn a_token_comes_in_one_header_and_nowhere_else() {
    let key = Key::eddsa("d");
    let publisher = Publisher::of(&[&key]).await;
    let house = house(&publisher).await;
    let token = key.token(&claims());
    let twice =
        house.request("GET", WEBHOOKS, &token).header("authorization", format!("Bearer {}", house.owner));
    house.send(twice.body(Body::empty()).unwrap()).await.problem(401, "unauthenticated");
    for (name, value) in [("x-access-token", &token), ("cookie", &format!("access_token={token}"))] {
        let request = Request::builder().uri(WEBHOOKS).header(name, value).body(Body::empty()).unwrap();
        house.send(request).await.problem(401, "unauthenticated");
    }
    let query = format!("{WEBHOOKS}?access_token={token}");
    let request = Request::builder().uri(query).body(Body::empty()).unwrap();
    house.send(request).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_then_at_most_every_30_seconds() {
    let (old, new, newest) = (Key::eddsa("old"), Key::eddsa("new"), Key::eddsa("newest"));
    let publisher = Publisher::of(&[&old]).await;
    let house = house(&publisher).await;
    assert_eq!(status(&house, &old.token(&claims())).await, 200);
    publisher.publish(&[&old, &new]);
    assert_eq!(status(&house, &new.token(&claims())).await, 200, "a rotation is seen at once");
    publisher.publish(&[&new, &newest]);
    for number in 0..20 {
        let token = newest.token(&claims_with(&json!({"jti": number})));
        assert_refused(&house.get(&token, WEBHOOKS).await, "asked a moment ago");
    }
    assert_eq!(publisher.server.count(), 2);
    house.clock.advance(Span::seconds(30));
    assert_eq!(status(&house, &newest.token(&claims())).await, 200);
    house.clock.advance(Span::seconds(5));
    assert_refused(&house.get(&old.token(&claims()), WEBHOOKS).await, "withdrawn");
    assert_eq!(publisher.server.count(), 3);
}

#[tokio::test]
async fn callers_that_wait_for_the_same_key_all_get_it() {
    let (old, new) = (Key::eddsa("old"), Key::eddsa("new"));
    let publisher = Publisher::of(&[&old]).await;
    let house = house(&publisher).await;
    assert_eq!(status(&house, &old.token(&claims())).await, 200);
    let set = Reply::status(200).body(key_set(&[&old, &new]).to_string());
    publisher.answer(Reply::Delay(std::time::Duration::from_millis(50), Box::new(set)));
    let [one, two] = [1, 2].map(|number| new.token(&claims_with(&json!({"jti": number}))));
    assert_eq!(tokio::join!(status(&house, &one), status(&house, &two)), (200, 200));
    assert_eq!(publisher.server.count(), 2);
}

#[tokio::test]
async fn keys_serve_on_while_the_issuer_fails_but_not_for_ever() {
    let key = Key::eddsa("d");
    let publisher = Publisher::of(&[&key]).await;
    let house = house(&publisher).await;
    let token = key.token(&claims_with(&json!({"exp": house.engine.now().as_seconds() + 1_000_000})));
    assert_eq!(status(&house, &token).await, 200);
    publisher.answer(Reply::status(500));
    house.clock.advance(Span::minutes(6));
    assert_eq!(status(&house, &token).await, 200, "renewed behind the caller's back");
    eventually(async || (publisher.server.count() == 2).then_some(())).await;
    house.clock.advance(Span::hours(23));
    assert_eq!(status(&house, &token).await, 200);
    house.clock.advance(Span::hours(1));
    let answer = house.get(&token, WEBHOOKS).await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "2");
    publisher.publish(&[&key]);
    house.clock.advance(Span::seconds(2));
    assert_eq!(status(&house, &token).await, 200);
}

#[tokio::test]
async fn keys_are_renewed_behind_the_callers_backs() {
    let (old, new) = (Key::eddsa("old"), Key::eddsa("new"));
    let publisher = Publisher::of(&[&old]).await;
    let house = house(&publisher).await;
    assert_eq!(status(&house, &old.token(&claims())).await, 200);
    publisher.publish(&[&new]);
    house.clock.advance(Span::minutes(5));
    assert_eq!(status(&house, &old.token(&claims())).await, 200, "nobody waits for newer keys");
    eventually(async || {
        house.clock.advance(Span::seconds(5));
        (status(&house, &old.token(&claims())).await == 401).then_some(())
    })
    .await;
    assert_eq!(status(&house, &new.token(&claims())).await, 200);
}

#[tokio::test]
async fn an_issuer_that_misbehaves_is_no_ones_fault_but_its_own() {
    let key = Key::eddsa("d");
    let publisher = Publisher::of(&[&key]).await;
    let elsewhere = Publisher::of(&[&key]).await;
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "a".repeat(600_000));
    for reply in [
        Reply::status(302).header("location", &elsewhere.server.url("/jwks")),
        Reply::status(200).body("<html>".to_owned()),
        Reply::status(200).body(r#"{"keys":"none"}"#.to_owned()),
        Reply::status(200).body(large),
        Reply::status(404),
        Reply::Drop,
    ] {
        publisher.answer(reply.clone());
        let house = house(&publisher).await;
        let answer = house.get(&key.token(&claims()), WEBHOOKS).await;
        answer.problem(503, "unavailable");
        assert!(!answer.text().contains("jwks"), "{reply:?}: {}", answer.text());
        assert_eq!(house.get(&house.owner, WEBHOOKS).await.status, 200, "API tokens always work");
    }
    assert_eq!(elsewhere.server.count(), 0, "redirects are not followed");
}

#[tokio::test]
async fn keys_may_come_from_a_file_that_is_read_again() {
    let (old, new) = (Key::rs256("old"), Key::es256("new"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key_set(&[&old]).to_string()).unwrap();
    let issuers = trusting(JwksSource::File(file.path().to_owned()));
    let house = House::with(|state| state.issuers = issuers).await;
    assert_eq!(status(&house, &old.token(&claims())).await, 200);
    std::fs::write(file.path(), key_set(&[&old, &new]).to_string()).unwrap();
    assert_eq!(status(&house, &new.token(&claims())).await, 200);
}

#[test]
fn a_key_file_without_keys_is_refused_at_start() {
    let open = |path: &std::path::Path| {
        stayhook_api::Issuers::new(stayhook_api::IssuersConfig {
            keys: Some(JwksSource::File(path.to_owned())),
            issuer: Some("i".to_owned()),
            audience: Some("a".to_owned()),
            ..Default::default()
        })
        .err()
        .unwrap()
        .to_string()
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    for text in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#] {
        std::fs::write(file.path(), text).unwrap();
        let error = open(file.path());
        assert!(error.starts_with("auth.jwks_file: ") && error.contains("holds no key"), "{error}");
    }
    assert!(open(std::path::Path::new("/nowhere")).contains("cannot be read"));
}
