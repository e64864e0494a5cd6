//! What is done with a webhook and its deliveries: test, rotate, recover, retry.

use axum::body::Body;
use serde_json::{Value, json};
use stayhook_core::{EventKind, EventType, Signer, SigningSecret, Span};
use stayhook_courier::Outbound;
use stayhook_engine::By;
use stayhook_store::Author;

use crate::house::{Answer, House, event, eventually, registration};

const WEBHOOKS: &str = "/public/v1/webhooks";
const EVENTS: &str = "/internal/v1/events";

fn header<'a>(outbound: &'a Outbound, name: &str) -> Option<&'a str> {
    outbound.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.to_str().unwrap())
}

/// Whether a header is the signature by this secret.
fn signed_by(secret: &str, outbound: &Outbound, name: &str) -> bool {
    let signer = Signer::new(&SigningSecret::parse(secret).ok().unwrap());
    let timestamp = header(outbound, "nowistay-webhook-timestamp").unwrap().parse().unwrap();
    let event = header(outbound, "nowistay-webhook-event-id").unwrap();
    header(outbound, name).is_some_and(|it| signer.verify(timestamp, event, it, &outbound.body))
}

async fn register(house: &House) -> (i64, String) {
    let created = house.post(&house.owner, WEBHOOKS, &registration(101)).await.json();
    (created["id"].as_i64().unwrap(), created["signingSecret"].as_str().unwrap().to_owned())
}

/// Asks for something without any body.
async fn ask(house: &House, webhook: i64, what: &str) -> Answer {
    let path = format!("{WEBHOOKS}/{webhook}/{what}");
    house.send(house.request("POST", &path, &house.owner).body(Body::empty()).unwrap()).await
}

async fn log(house: &House, webhook: i64) -> Vec<Value> {
    let log = house.get(&house.owner, &format!("{WEBHOOKS}/{webhook}/deliveries")).await.json();
    log["data"].as_array().unwrap().clone()
}

/// Waits until the newest delivery has this status and so many attempts, and returns its id.
async fn newest(house: &House, webhook: i64, status: &str, attempts: i64) -> String {
    eventually(async || {
        let newest = log(house, webhook).await.first()?.clone();
        let fits = newest["status"] == status && newest["attemptCount"] == attempts;
        fits.then(|| newest["id"].as_str().unwrap().to_owned())
    })
    .await
}

#[tokio::test]
async fn a_test_is_one_signed_attempt_that_leaves_no_trace() {
    let house = House::new().await;
    let (webhook, secret) = register(&house).await;
    let result = ask(&house, webhook, "test").await.json();
    let sent = house.receiver.last();
    let id = header(&sent, "nowistay-webhook-event-id").unwrap();
    let expected = json!({
        "delivered": true, "eventId": id, "status": 200, "durationMs": 0, "error": null, "responseBody": "thanks",
    });
    assert_eq!(result, expected);
    assert!(signed_by(&secret, &sent, "nowistay-webhook-signature"));
    assert_eq!(header(&sent, "nowistay-webhook-event-type"), Some("webhooks.test_notification"));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        (&body["id"], &body["propertyId"], &body["data"]["test"]),
        (&json!(id), &json!(101), &json!(true))
    );
    assert_eq!(log(&house, webhook).await, [] as [Value; 0]);
    house.get(&house.producer, &format!("{EVENTS}/{id}")).await.problem(404, "not_found");
    assert_eq!(house.receiver.count(), 1);
}

#[tokio::test]
async fn a_test_is_made_whatever_the_webhooks_state_and_changes_nothing_about_it() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    let path = format!("{WEBHOOKS}/{webhook}");
    house.patch(&house.owner, &path, &json!({"status": "paused"})).await;
    assert_eq!(ask(&house, webhook, "test").await.json()["delivered"], true);
    house.disable(webhook, "complaints").await;
    let before = house.get(&house.owner, &path).await;
    house.receiver.fail(true);
    let failed = ask(&house, webhook, "test").await.json();
    assert_eq!((&failed["delivered"], &failed["status"]), (&json!(false), &Value::Null));
    assert_eq!(
        (&failed["error"], &failed["responseBody"]),
        (&json!("connect: the connection was refused"), &Value::Null)
    );
    let after = house.get(&house.owner, &path).await;
    assert_eq!((before.json(), before.header("etag")), (after.json(), after.header("etag")));
    house.patch(&house.owner, &path, &json!({"status": "active"})).await;
    ask(&house, webhook, "test").await;
    assert!(house.get(&house.owner, &path).await.json().get("failingSince").is_none());
    house.clock.advance(Span::hours(1));
    assert_eq!((house.receiver.count(), log(&house, webhook).await.len()), (3, 0), "no retry");
}

#[tokio::test]
async fn a_test_may_be_of_any_known_type() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    let path = format!("{WEBHOOKS}/{webhook}/test");
    for kind in ["booking.cancelled", "order.created"] {
        assert_eq!(house.post(&house.owner, &path, &json!({"type": kind})).await.json()["delivered"], true);
        assert_eq!(header(&house.receiver.last(), "nowistay-webhook-event-type"), Some(kind));
    }
    let body = json!({"type": "booking.created"});
    house.post(&house.owner, &path, &body).await;
    let sent: Value = serde_json::from_slice(&house.receiver.last().body).unwrap();
    assert_eq!(sent["data"], json!({"booking": {"id": 0, "propertyId": 101, "status": "test"}}));
    assert_eq!(house.post(&house.owner, &path, &json!({"type": null})).await.status, 200);
    for (body, pointer) in [
        (json!({"type": "booking.vanished"}), "/type"),
        (json!({"type": "booking.*"}), "/type"),
        (json!({"type": 1}), "/type"),
        (json!({"kind": "booking.created"}), "/kind"),
    ] {
        assert_eq!(house.post(&house.owner, &path, &body).await.wrong("invalid_request")[0].0, pointer);
    }
    house.write("POST", &house.owner, &path, "{").await.problem(400, "invalid_json");
    let form = house.request("POST", &path, &house.owner).body(Body::from("type=x")).unwrap();
    house.send(form).await.problem(415, "unsupported_media_type");
}

/// A type that was added is known at once, wherever webhooks name types.
#[tokio::test]
async fn a_type_that_is_added_can_be_subscribed_to_and_tested() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    let (path, test) = (format!("{WEBHOOKS}/{webhook}"), format!("{WEBHOOKS}/{webhook}/test"));
    let (events, kind) = (json!({"events": ["spa.*"]}), json!({"type": "spa.booked"}));
    house.patch(&house.owner, &path, &events).await.problem(422, "invalid_webhook");
    house.post(&house.owner, &test, &kind).await.problem(422, "invalid_request");
    let added = EventKind {
        name: EventType::parse("spa.booked").unwrap(),
        label: "Spa booked".to_owned(),
        description: "A guest booked a treatment".to_owned(),
        schema: None,
    };
    house.engine.put_event_type(added, By::new(Author::Operator)).await.unwrap();
    assert_eq!(house.patch(&house.owner, &path, &events).await.status, 200);
    assert_eq!(house.post(&house.owner, &test, &kind).await.json()["delivered"], true);
}

#[tokio::test]
async fn a_few_tests_at_once_and_deliveries_all_the_while() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    house.receiver.hang(true);
    let path = format!("{WEBHOOKS}/{webhook}/test");
    let mut hanging = tokio::task::JoinSet::new();
    for _ in 0..2 {
        hanging.spawn(house.start(house.request("POST", &path, &house.owner).body(Body::empty()).unwrap()));
    }
    eventually(async || (house.receiver.count() == 2).then_some(())).await;
    let answer = ask(&house, webhook, "test").await;
    answer.problem(429, "rate_limited");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    house.event(101).await;
    eventually(async || (house.receiver.count() == 3).then_some(())).await;
    house.receiver.hang(false);
    assert_eq!(hanging.join_all().await, [200, 200]);
    assert_eq!(ask(&house, webhook, "test").await.status, 200);
}

#[tokio::test]
async fn a_rotation_shows_the_new_secret_once_and_overlaps() {
    let house = House::new().await;
    let (webhook, old) = register(&house).await;
    let path = format!("{WEBHOOKS}/{webhook}");
    let answer = ask(&house, webhook, "rotate-secret").await;
    let rotated = answer.json();
    let new = rotated["signingSecret"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(rotated["previousSecretExpiresAt"], "2026-05-28T16:40:00.000Z");
    let read = house.get(&house.owner, &path).await;
    assert!(!read.text().contains("whsec_"), "{}", read.text());
    assert_eq!(answer.header("etag"), read.header("etag"));
    let send = async |event: usize| {
        house.event(101).await;
        eventually(async || (house.receiver.count() == event).then_some(())).await;
        house.receiver.last()
    };
    let sent = send(1).await;
    assert!(signed_by(&old, &sent, "nowistay-webhook-signature"));
    assert!(signed_by(new, &sent, "nowistay-webhook-signature-next"));
    house.clock.advance(Span::hours(24));
    let sent = send(2).await;
    assert!(signed_by(new, &sent, "nowistay-webhook-signature"));
    assert_eq!(header(&sent, "nowistay-webhook-signature-next"), None);
}

#[tokio::test]
async fn an_overlap_is_from_nothing_to_a_week() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    let path = format!("{WEBHOOKS}/{webhook}/rotate-secret");
    for (overlap, end) in [
        (json!("0s"), "2026-05-27T16:40:00.000Z"),
        (json!("7d"), "2026-06-03T16:40:00.000Z"),
        (json!("168h"), "2026-06-03T16:40:00.000Z"),
        (json!(null), "2026-05-28T16:40:00.000Z"),
    ] {
        let rotated = house.post(&house.owner, &path, &json!({"overlap": overlap})).await.json();
        assert_eq!(rotated["previousSecretExpiresAt"], end);
    }
    for bad in [json!("8d"), json!("604800001ms"), json!("-1s"), json!("24"), json!(24), json!("")] {
        let answer = house.post(&house.owner, &path, &json!({"overlap": bad})).await;
        assert_eq!(answer.wrong("invalid_request")[0].0, "/overlap", "{bad}");
    }
    let stale = house.request("POST", &path, &house.owner).header("if-match", "\"v1\"").body(Body::empty());
    house.send(stale.unwrap()).await.problem(412, "precondition_failed");
}

#[tokio::test]
async fn recovery_requeues_what_failed_and_what_was_missed() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    let path = format!("{WEBHOOKS}/{webhook}/recover");
    let all = json!({"since": "2026-05-27T16:00:00Z"});
    house.receiver.fail(true);
    let failed = house.event(101).await;
    newest(&house, webhook, "pending", 1).await;
    house.disable(webhook, "complaints").await;
    house.clock.advance(Span::seconds(1));
    let missed = house.event(101).await;
    house.post(&house.owner, &path, &all).await.problem(409, "invalid_state");
    house.patch(&house.owner, &format!("{WEBHOOKS}/{webhook}"), &json!({"status": "active"})).await;
    house.receiver.fail(false);
    let early = json!({"since": "2026-05-27T16:00:00Z", "until": "2026-05-27T16:40:00Z"});
    assert_eq!(house.post(&house.owner, &path, &early).await.json(), json!({"requeued": 0}));
    let only_missed = json!({"since": "2026-05-27T16:00:00Z", "include": ["missed"]});
    let answer = house.post(&house.owner, &path, &only_missed).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"requeued": 1})));
    assert_eq!(house.post(&house.owner, &path, &all).await.json(), json!({"requeued": 1}));
    eventually(async || {
        let log = log(&house, webhook).await;
        log.iter().all(|row| row["status"] == "delivered").then_some(())
    })
    .await;
    let rows: Vec<Value> = log(&house, webhook).await.iter().map(|row| row["eventId"].clone()).collect();
    assert_eq!(rows, [missed, failed]);
    assert_eq!(house.post(&house.owner, &path, &all).await.json(), json!({"requeued": 0}), "each once");
    for pointer in ["/since", "/until", "/include", "/include/1", "/x"] {
        let body = json!({"since": "x", "until": 1, "include": ["failed", 7], "x": 0});
        let wrong = house.post(&house.owner, &path, &body).await.wrong("invalid_request");
        assert_eq!(wrong.iter().any(|(own, _)| own == pointer), pointer != "/include", "{pointer}");
    }
}

#[tokio::test]
async fn any_delivery_can_be_retried() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    house.event(101).await;
    let id = newest(&house, webhook, "delivered", 1).await;
    let first = house.receiver.last();
    let answer = ask(&house, webhook, &format!("deliveries/{id}/retry")).await;
    assert_eq!((answer.status, answer.json()), (202, json!({})));
    newest(&house, webhook, "delivered", 2).await;
    let second = house.receiver.last();
    assert_eq!(first.body, second.body);
    let named = |outbound: &Outbound, name| header(outbound, name).map(str::to_owned);
    assert_eq!(named(&first, "nowistay-webhook-event-id"), named(&second, "nowistay-webhook-event-id"));
    assert_ne!(named(&first, "x-request-id"), named(&second, "x-request-id"));

    house.receiver.fail(true);
    house.event(101).await;
    let waiting = newest(&house, webhook, "pending", 1).await;
    house.receiver.fail(false);
    assert_eq!(ask(&house, webhook, &format!("deliveries/{waiting}/retry")).await.status, 202);
    newest(&house, webhook, "delivered", 2).await;

    house.patch(&house.owner, &format!("{WEBHOOKS}/{webhook}"), &json!({"status": "paused"})).await;
    ask(&house, webhook, &format!("deliveries/{id}/retry")).await.problem(409, "invalid_state");
    ask(&house, webhook, "deliveries/dlv_x/retry").await.problem(404, "not_found");
}

#[tokio::test]
async fn what_waits_for_its_turn_is_pending() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    house.receiver.hang(true);
    // Of one booking: one at a time.
    for _ in 0..5 {
        house.post(&house.producer, EVENTS, &event(101)).await;
    }
    eventually(async || (house.receiver.count() == 1).then_some(())).await;
    let of = async |query: &str| {
        let path = format!("{WEBHOOKS}/{webhook}/deliveries?{query}");
        let page = house.get(&house.owner, &path).await.json();
        let rows =
            page["data"].as_array().unwrap().iter().map(|row| row["status"].clone()).collect::<Vec<_>>();
        (rows, page["nextCursor"].clone(), page["data"][0]["id"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(of("").await.0, ["pending", "pending", "pending", "pending", "delivering"]);
    assert_eq!(of("status=delivering").await.0, ["delivering"]);
    let (rows, next, newest) = of("status=pending&limit=3").await;
    assert_eq!(rows, ["pending"; 3]);
    let rest = of(&format!("status=pending&limit=3&cursor={}", next.as_str().unwrap())).await;
    assert_eq!((rest.0, rest.1), (vec![json!("pending")], Value::Null));
    let one = house.get(&house.owner, &format!("{WEBHOOKS}/{webhook}/deliveries/{newest}")).await.json();
    assert_eq!(one["status"], "pending");
    shows_what_waits_to_services_and_administrators(&house, one["eventId"].as_str().unwrap()).await;
    house.receiver.hang(false);
    eventually(async || (of("status=delivered").await.0.len() == 5).then_some(())).await;
}

/// Four of five wait, of which this is one.
async fn shows_what_waits_to_services_and_administrators(house: &House, waits: &str) {
    let looked_up = house.get(&house.producer, &format!("{EVENTS}/{waits}")).await.json();
    assert_eq!(looked_up["deliveries"][0]["status"], "pending");
    let of = async |query: &str| {
        let page = house.get(&house.admin, &format!("/admin/v1/deliveries?{query}")).await.json();
        let rows = page["data"].as_array().unwrap().iter();
        let rows = rows.map(|row| row["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (rows, page["nextCursor"].as_str().map(str::to_owned))
    };
    assert_eq!(of("").await.0, ["pending", "pending", "pending", "pending", "delivering"]);
    assert_eq!(of("status=delivering").await.0, ["delivering"]);
    let (rows, next) = of("status=pending&limit=3").await;
    assert_eq!(rows, ["pending"; 3]);
    let rest = of(&format!("status=pending&limit=3&cursor={}", next.unwrap())).await;
    assert_eq!(rest, (vec!["pending".to_owned()], None));
}

/// What would end at once again is not put back, however often it is asked for.
#[tokio::test]
async fn recovery_says_what_it_cannot_put_back() {
    let house = House::new().await;
    let (webhook, _) = register(&house).await;
    let path = format!("{WEBHOOKS}/{webhook}/recover");
    house.disable(webhook, "complaints").await;
    let mut created = event(101);
    created["type"] = json!("booking.created");
    house.event(101).await;
    house.post(&house.producer, EVENTS, &created).await;
    let narrow = json!({"status": "active", "events": ["booking.created"]});
    house.patch(&house.owner, &format!("{WEBHOOKS}/{webhook}"), &narrow).await;
    let entitle = async |entitled: bool| {
        let path = "/internal/v1/properties/101/entitlement";
        house.put(&house.steward, path, &json!({"entitled": entitled})).await.status
    };
    assert_eq!(entitle(false).await, 204);
    let all = json!({"since": "2026-05-27T16:00:00Z"});
    for _ in 0..2 {
        let answer = house.post(&house.owner, &path, &all).await.json();
        assert_eq!(answer, json!({"requeued": 0, "notRequeued": {"unsubscribed": 1, "not_entitled": 1}}));
    }
    assert_eq!(entitle(true).await, 204);
    let answer = house.post(&house.owner, &path, &all).await.json();
    assert_eq!(answer, json!({"requeued": 1, "notRequeued": {"unsubscribed": 1}}));
    eventually(async || (house.receiver.count() == 1).then_some(())).await;
    newest(&house, webhook, "delivered", 1).await;
    let answer = house.post(&house.owner, &path, &all).await.json();
    assert_eq!(answer, json!({"requeued": 0, "notRequeued": {"unsubscribed": 1}}));
}

/// What the log says was sent, and what a test sends, is what the webhook's own profile makes.
#[tokio::test]
async fn tests_and_logged_headers_follow_the_webhooks_profile() {
    let house = House::new().await;
    let mut new = registration(101);
    new["profile"] = json!("standard-webhooks");
    let webhook = house.post(&house.owner, WEBHOOKS, &new).await.json()["id"].as_i64().unwrap();
    let tested = ask(&house, webhook, "test").await.json();
    assert_eq!(tested["delivered"], true);
    let sent = house.receiver.last();
    assert_eq!(header(&sent, "webhook-id"), tested["eventId"].as_str());
    assert!(header(&sent, "webhook-signature").is_some_and(|it| it.starts_with("v1,")));
    assert_eq!(header(&sent, "nowistay-webhook-id"), None);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert!(body.get("timestamp").is_some() && body.get("apiVersion").is_none(), "{body}");

    house.event(101).await;
    let delivery = newest(&house, webhook, "delivered", 1).await;
    let path = format!("{WEBHOOKS}/{webhook}/deliveries/{delivery}");
    let attempt = house.get(&house.owner, &path).await.json()["attempts"][0].clone();
    assert_eq!(attempt["requestHeaders"], house.receiver.last_headers());
    let names = attempt["requestHeaders"].as_object().unwrap();
    assert!(names.contains_key("Webhook-Id") && names.contains_key("Webhook-Timestamp"), "{names:?}");
    assert!(names.keys().all(|name| !name.contains("Nowistay") && !name.contains("ignature")), "{names:?}");
    // Another profile from now on says nothing else about what was.
    let usual = json!({"profile": "nowistay"});
    house.patch(&house.owner, &format!("{WEBHOOKS}/{webhook}"), &usual).await;
    let later = house.get(&house.owner, &path).await.json()["attempts"][0].clone();
    assert_eq!(later["requestHeaders"], attempt["requestHeaders"]);
}

/// The reference: there is no way to read it again.
#[tokio::test]
async fn a_secret_that_was_shown_once_is_not_made_readable() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    let readable = json!({"profile": "bookingscheduler"});
    let wrong = house.patch(&house.owner, &path, &readable).await.wrong("invalid_webhook");
    assert_eq!(wrong[0].0, "/profile");
    assert!(wrong[0].1.contains("never shown again"), "{wrong:?}");
    assert_eq!(house.get(&house.owner, &path).await.json()["signingSecret"], Value::Null);
    let mut new = registration(102);
    new["profile"] = json!("bookingscheduler");
    let created = house.post(&house.owner, WEBHOOKS, &new).await.json();
    let read = house.get(&house.owner, &format!("{WEBHOOKS}/{}", created["id"])).await.json();
    assert_eq!(read["signingSecret"], created["signingSecret"]);
    assert!(created["signingSecret"].is_string());
}

#[tokio::test]
async fn a_cursor_belongs_to_the_log_of_its_webhook() {
    let house = House::new().await;
    let (mine, other) = (house.webhook(101).await, house.webhook(102).await);
    house.event(101).await;
    house.event(101).await;
    let page = house.get(&house.owner, &format!("{WEBHOOKS}/{mine}/deliveries?limit=1")).await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let foreign = house.get(&house.owner, &format!("{WEBHOOKS}/{other}/deliveries?cursor={cursor}")).await;
    assert_eq!(foreign.wrong("invalid_request")[0].0, "/cursor");
    let own = house.get(&house.owner, &format!("{WEBHOOKS}/{mine}/deliveries?cursor={cursor}")).await;
    assert_eq!(own.json()["data"].as_array().unwrap().len(), 1);
}
