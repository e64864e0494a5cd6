//! Profiles over time: what was accepted keeps its bytes and its shape, whatever changes.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use stayhook_core::Span;
use stayhook_engine::{EngineConfig, ProfileSet};
use stayhook_profile::Profiles;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

/// Adds the deployment's own profiles, each written as TOML.
fn configured(profiles: &[(&str, &str)]) -> impl FnOnce(&mut EngineConfig) {
    let tables = profiles.iter().map(|(name, text)| ((*name).to_owned(), text.parse().unwrap()));
    let profiles = Profiles::new(tables.collect()).unwrap();
    move |config| config.profiles = ProfileSet::new(profiles, "nowistay".to_owned(), BTreeMap::new())
}

async fn register(house: &House, url: &str, more: Value) -> (i64, String) {
    let mut body = json!({"propertyId": 101, "url": url, "events": ["booking.*", "order.*"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    house.register_as(body).await
}

pub(crate) async fn a_body_keeps_the_profile_by_which_it_was_made(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = register(&house, &receiver.url("/"), json!({})).await;
    let before = house.report("booking.updated", None, r#"{ "booking": {"id": 1.0} }"#).await;
    house.until_attempts(webhook, &before, 1).await;
    house.patch(webhook, json!({"profile": "bookingkit"})).await;
    let after = house.report("booking.updated", None, r#"{ "booking": {"id": 2.0} }"#).await;
    house.until_attempts(webhook, &after, 1).await;
    receiver.always(Reply::status(200));
    house.clock.advance(Span::minutes(1));
    let delivery = house.until_state(webhook, &before, "delivered").await;
    house.until_state(webhook, &after, "delivered").await;
    let requests = receiver.requests();
    let of = |id: &str| {
        let found = requests.iter().filter(|it| it.header("Nowistay-Webhook-Event-Id") == Some(id));
        found.map(|it| (it.method.as_str(), &it.body)).collect::<Vec<_>>()
    };
    let [first, second] = of(&before)[..] else { panic!("{requests:?}") };
    assert_eq!((first, first.0), (second, "POST"));
    let patched: Vec<_> = requests.iter().filter(|it| it.method == "PATCH").collect();
    assert_eq!(patched.len(), 2);
    assert!(patched.iter().all(|it| it.body == r#"{ "booking": {"id": 2.0} }"#), "{patched:?}");
    let headers = &delivery["attempts"][1]["requestHeaders"];
    assert_eq!(headers["Nowistay-Webhook-Event-Id"], before, "{delivery}");
}

pub(crate) async fn a_changed_profile_alters_nothing_that_was_accepted(on: Database) {
    let first = "extends = 'nowistay'\nredaction = 'none'\nbody = { envelope = { v = 1, data = '{data}' } }\n[headers]\nX-Version = '1'";
    let second = first.replace("v = 1", "v = 2").replace("X-Version = '1'", "X-Version = '2'");
    let house = House::with(on, configured(&[("acme", first)])).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = register(&house, &receiver.url("/"), json!({"profile": "acme"})).await;
    let event = house.report("booking.updated", None, r#"{"a":1}"#).await;
    house.until_attempts(webhook, &event, 1).await;
    let house = house.restart_with(configured(&[("acme", &second)])).await;
    receiver.always(Reply::status(200));
    house.clock.advance(Span::minutes(1));
    house.until_state(webhook, &event, "delivered").await;
    let later = house.report("booking.updated", None, r#"{"a":1}"#).await;
    house.until_state(webhook, &later, "delivered").await;
    let requests = receiver.requests();
    let bodies: Vec<_> = requests.iter().map(|it| String::from_utf8_lossy(&it.body).into_owned()).collect();
    let data = |v| bodies.iter().filter(|it| it.contains(&format!("\"v\":{v}"))).count();
    assert_eq!((data(1), data(2), bodies[0] == bodies[1]), (2, 1, true), "{bodies:?}");
}

pub(crate) async fn a_profile_that_is_missing_loses_nothing(on: Database) {
    let acme = [("acme", "extends = 'bookingkit'\nmethod = 'PUT'")];
    let house = House::with(on, configured(&acme)).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = register(&house, &receiver.url("/"), json!({"profile": "acme"})).await;
    let before = house.report("order.updated", None, r#"{ "n": 1 }"#).await;
    house.until_attempts(webhook, &before, 1).await;

    let house = house.restart_with(configured(&[])).await;
    house.clock.advance(Span::minutes(1));
    let meanwhile = house.report("order.updated", None, r#"{ "n": 2 }"#).await;
    for (event, attempts) in [(&before, 2), (&meanwhile, 1)] {
        let waiting = house.until_attempts(webhook, event, attempts).await;
        let error = waiting["attempts"][attempts as usize - 1]["error"].as_str().unwrap();
        assert!(
            error.starts_with("configuration: the deployment's configuration has no profile acme"),
            "{error}"
        );
    }
    assert_eq!(receiver.count(), 1, "nothing is sent in a shape that nobody chose");

    let house = house.restart_with(configured(&acme)).await;
    receiver.always(Reply::status(200));
    house.clock.advance(Span::minutes(2));
    house.until_state(webhook, &before, "delivered").await;
    house.until_state(webhook, &meanwhile, "delivered").await;
    let mut sent: Vec<_> = receiver.requests()[1..]
        .iter()
        .map(|it| (it.method.clone(), String::from_utf8_lossy(&it.body).into_owned()))
        .collect();
    sent.sort();
    let put = |body: &str| ("PUT".to_owned(), body.to_owned());
    assert_eq!(sent, [put(r#"{ "n": 1 }"#), put(r#"{ "n": 2 }"#)]);
}

pub(crate) async fn a_profile_that_is_missing_is_no_receivers_failure(on: Database) {
    let acme = [("acme", "extends = 'bookingkit'\nmethod = 'PUT'")];
    let house = House::with(on, configured(&acme)).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = register(&house, &receiver.url("/"), json!({"profile": "acme"})).await;
    let house = house.restart_with(configured(&[])).await;
    let event = house.report("order.updated", None, r#"{ "n": 1 }"#).await;
    house.until_attempts(webhook, &event, 1).await;
    // Looked at again after a minute, however often: no step of the schedule.
    house.clock.advance(Span::minutes(1));
    house.until_attempts(webhook, &event, 2).await;
    house.clock.advance(Span::minutes(1));
    house.until_attempts(webhook, &event, 3).await;
    let shown = house.get(&format!("/public/v1/webhooks/{webhook}")).await;
    assert_eq!((&shown["status"], &shown["failingSince"]), (&json!("active"), &Value::Null), "{shown}");
    assert_eq!(receiver.count(), 0);
}

pub(crate) async fn a_shadow_profile_signs_the_same_request(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) =
        register(&house, &receiver.url("/"), json!({"shadowProfile": "standard-webhooks"})).await;
    let event = house.report("booking.updated", None, r#"{"booking":{"id":1}}"#).await;
    house.until_state(webhook, &event, "delivered").await;
    let request = receiver.requests()[0].clone();
    assert_eq!(request.header("Nowistay-Webhook-Event-Id"), Some(event.as_str()));
    assert_eq!(request.header("Webhook-Id"), Some(event.as_str()));
    assert_eq!(request.header("User-Agent"), Some("Nowistay-Webhooks/1.0"), "the main profile wins");
    assert_eq!(request.headers.iter().filter(|(name, _)| name == "User-Agent").count(), 1);
    for name in ["Nowistay-Webhook-Signature", "Webhook-Signature"] {
        assert!(request.header(name).is_some(), "{name}");
    }
    assert!(request.body.starts_with(br#"{"id":"evt_"#), "the main profile's body");
}

pub(crate) async fn fixed_credentials_are_sent(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let basic = json!({"type": "basic", "username": "Aladdin", "password": "open sesame"});
    let (webhook, _) =
        register(&house, &receiver.url("/"), json!({"profile": "bookingkit", "auth": basic})).await;
    house.report("order.updated", None, "{}").await;
    let authorization = receiver.wait_for(1, PATIENCE).await[0].header("Authorization").map(str::to_owned);
    assert_eq!(authorization.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    // They survive the process, and are replaced and removed at once.
    let house = house.restart().await;
    for (auth, expected) in
        [(json!({"type": "bearer", "token": "abc"}), Some("Bearer abc")), (Value::Null, None)]
    {
        house.patch(webhook, json!({"auth": auth})).await;
        let event = house.report("order.updated", None, "{}").await;
        house.until_state(webhook, &event, "delivered").await;
        assert_eq!(receiver.requests().last().unwrap().header("Authorization"), expected);
    }
}

pub(crate) async fn a_receiver_that_is_gone_disables_its_webhook(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(410));
    let (webhook, _) = register(&house, &receiver.url("/"), json!({"profile": "standard-webhooks"})).await;
    let event = house.report("booking.updated", None, "{}").await;
    let ended = house.until_state(webhook, &event, "cancelled").await;
    assert_eq!(
        (&ended["reason"], &ended["attempts"][0]["status"]),
        (&json!("webhook_disabled"), &json!(410))
    );
    let disabled = house.until_status(webhook, "disabled").await;
    assert_eq!(disabled["disabledReason"], "gone");
    // A test says so, and does nothing else.
    house.patch(webhook, json!({"status": "active"})).await;
    let path = format!("/public/v1/webhooks/{webhook}/test");
    let tested = house.call(Method::POST, &path, None).await.body;
    assert_eq!((&tested["delivered"], &tested["status"]), (&json!(false), &json!(410)));
    house.until_status(webhook, "active").await;
}

pub(crate) async fn a_profile_has_a_schedule_of_its_own(on: Database) {
    let hasty = ("hasty", "extends = 'nowistay'\nschedule = { base = '5s', factor = 3 }");
    let house = House::with(on, configured(&[hasty])).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = register(&house, &receiver.url("/"), json!({"profile": "hasty"})).await;
    let event = house.report("booking.updated", None, "{}").await;
    for (attempt, next) in [(1, "2026-05-27T16:40:05.000Z"), (2, "2026-05-27T16:40:20.000Z")] {
        let waiting = house.until_attempts(webhook, &event, attempt).await;
        assert_eq!(waiting["nextAttemptAt"], next);
        house.clock.advance(Span::seconds(5));
    }
}

/// Placeholders are judged by the profile at registration, and what they stand for by the rules for
/// URLs, then and before every attempt.
pub(crate) async fn a_url_is_judged_after_it_is_filled_in(on: Database) {
    let house = House::open(on).await;
    for (profile, url, words) in [
        ("nowistay", "http://127.0.0.1/{eventType}", "no URL placeholders"),
        ("nowbookit", "http://127.0.0.1/{eventtype}", "did you mean"),
        ("nowbookit", "http://{eventType}/", "path and query only"),
        ("nowbookit", "http://10.0.0.1/{eventType}", "may not be called"),
        ("bookingkit", "http://127.0.0.1/}", "no URL placeholders"),
    ] {
        let body = json!({"propertyId": 101, "url": url, "events": ["order.*"], "profile": profile});
        let answer = house.call(Method::POST, "/public/v1/webhooks", Some(body)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        assert_eq!(answer.body["errors"][0]["pointer"], "/url");
        let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{url}: {detail}");
    }
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url("/{propertyId}?kind={eventType}");
    let (webhook, _) = register(&house, &url, json!({"profile": "nowbookit"})).await;
    // The profile cannot go while the URL needs it.
    let path = format!("/public/v1/webhooks/{webhook}");
    let answer = house.call(Method::PATCH, &path, Some(json!({"profile": null}))).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body["errors"][0]["pointer"], "/profile");
    let event = house.report("order.updated", None, "{}").await;
    let delivered = house.until_state(webhook, &event, "delivered").await;
    assert_eq!(receiver.requests()[0].path, "/101?kind=order.updated");
    assert_eq!(delivered["attempts"][0]["url"], url, "as it was registered");

    let house = house.restart_with(|config| config.url_rules.addresses.allow.clear()).await;
    let event = house.report("order.updated", None, "{}").await;
    let waiting = house.until_attempts(webhook, &event, 1).await;
    let error = waiting["attempts"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("blocked_address: "), "{error}");
    assert_eq!(receiver.count(), 1);
}
