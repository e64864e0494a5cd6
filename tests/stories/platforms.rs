//! The platforms of the reference documents: each story plays a receiver strictly by its document.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use stayhook_core::{Span, UnixMs};
use stayhook_testkit::{Received, Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

/// Registers a webhook of property 101 under a profile.
async fn register(house: &House, profile: &str, url: &str, events: Value) -> (i64, String) {
    house.register_as(json!({"propertyId": 101, "url": url, "events": events, "profile": profile})).await
}

/// HMAC-SHA256 in hexadecimal, as receivers compute it.
fn hex_mac(key: &str, content: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(content);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Request line and headers, but for those that differ from one request to the next.
fn head(request: &Received) -> Vec<String> {
    let head = String::from_utf8_lossy(&request.head).into_owned();
    let lines = head.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with("Host: "));
    lines
        .map(
            |line| {
                if line.starts_with("X-Request-Id: ") { "X-Request-Id".to_owned() } else { line.to_owned() }
            },
        )
        .collect()
}

/// "Sales/partners/{partnerName}/events/{eventType}", the payload of the sender's own system, and
/// `webhooks.test_notification` answered at once.
pub(crate) async fn nowbookit_is_sent_to_by_its_document(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url("/Sales/partners/acme/events/{eventType}");
    let (webhook, secret) = register(&house, "nowbookit", &url, json!(["order.*", "table.closed"])).await;
    let payload = "{ \"locationId\": 7,\n  \"table\": \"12\", \"sale\": {\"id\":\"sale-77\", \"total\": 90.00, \"10\": 1e2} }";
    let event = house.report("table.closed", Some("sale-77"), payload).await;
    house.until_state(webhook, &event, "delivered").await;
    let request = receiver.requests()[0].clone();
    assert_eq!(request.body, payload, "byte for byte");
    let expected = [
        "POST /Sales/partners/acme/events/table.closed HTTP/1.1".to_owned(),
        "Content-Type: application/json".to_owned(),
        "User-Agent: Stayhook-Webhooks/1.0".to_owned(),
        format!("X-Signature: {}", hex_mac(&secret, payload.as_bytes())),
        "X-Request-Id".to_owned(),
        "Accept: */*".to_owned(),
        format!("Content-Length: {}", payload.len()),
    ];
    assert_eq!(head(&request), expected);
    let shown = house.get(&format!("/public/v1/webhooks/{webhook}")).await;
    assert_eq!((&shown["ordering"], &shown["profile"]), (&json!("booking"), &json!("nowbookit")));

    let path = format!("/public/v1/webhooks/{webhook}/test");
    let tested = house.call(Method::POST, &path, Some(json!({}))).await.body;
    assert_eq!(tested["delivered"], true, "{tested}");
    assert_eq!(receiver.requests()[1].path, "/Sales/partners/acme/events/webhooks.test_notification");
}

/// "409: Same sale is currently being processed — retry after ~1 minute".
pub(crate) async fn nowbookit_is_asked_again_without_a_failure(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(409));
    let url = receiver.url("/partners/acme/webhooks/callback/{eventType}");
    let (webhook, _) = register(&house, "nowbookit", &url, json!(["order.updated"])).await;
    let event = house.report("order.updated", Some("s"), "{}").await;
    for attempt in 1..=6 {
        let waiting = house.until_attempts(webhook, &event, attempt).await;
        let last = waiting["attempts"][attempt as usize - 1].clone();
        assert_eq!(last["status"], 409);
        assert!(last["error"].as_str().unwrap().starts_with("postponed: "), "{last}");
        assert!(house.get(&format!("/public/v1/webhooks/{webhook}")).await.get("failingSince").is_none());
        house.clock.advance(Span::millis(59_999));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(receiver.count() as i64, attempt, "a minute later, however often");
        if attempt == 6 {
            receiver.always(Reply::status(500));
        }
        house.clock.advance(Span::millis(1));
        receiver.wait_for(attempt as usize + 1, PATIENCE).await;
    }
    // 500 begins the schedule from its first step.
    house.until_attempts(webhook, &event, 7).await;
    receiver.always(Reply::status(200));
    house.clock.advance(Span::minutes(1));
    house.until_state(webhook, &event, "delivered").await;
    assert_eq!(receiver.requests()[0].path, "/partners/acme/webhooks/callback/order.updated");
}

/// "409: Same sale is currently being processed": its updates come one after the other.
pub(crate) async fn nowbookit_gets_the_updates_of_a_sale_one_by_one(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.reply(|it| {
        // The receiver is busy with the first update for a while.
        let slow = it.body.starts_with(b"{\"update\":1");
        Reply::status(200).after(std::time::Duration::from_millis(if slow { 300 } else { 0 }))
    });
    let url = receiver.url("/Sales/partners/acme/events/{eventType}");
    let (webhook, _) = register(&house, "nowbookit", &url, json!(["order.*"])).await;
    let mut last = String::new();
    for update in 1..=3 {
        last = house.report("order.updated", Some("sale-77"), &format!(r#"{{"update":{update}}}"#)).await;
    }
    let other = house.report("order.updated", Some("sale-78"), r#"{"update":0}"#).await;
    house.until_state(webhook, &other, "delivered").await;
    assert_eq!(receiver.count(), 2, "the first update of one sale, and another sale");
    house.until_state(webhook, &last, "delivered").await;
    let updates: Vec<_> =
        receiver.requests().iter().map(|it| it.body.clone()).filter(|it| it != r#"{"update":0}"#).collect();
    assert_eq!(updates, [r#"{"update":1}"#, r#"{"update":2}"#, r#"{"update":3}"#]);
}

/// "400: Partner not recognised, or signature invalid/missing".
pub(crate) async fn nowbookit_raises_an_alarm_where_the_registration_is_wrong(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(400));
    let url = receiver.url("/Sales/partners/nobody/events/{eventType}");
    let (webhook, _) = register(&house, "nowbookit", &url, json!(["order.updated"])).await;
    let event = house.report("order.updated", Some("s"), "{}").await;
    let waiting = house.until_attempts(webhook, &event, 1).await;
    let error = waiting["attempts"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("configuration: the receiver answered 400 Bad Request"), "{error}");
    assert_eq!(waiting["nextAttemptAt"], "2026-05-27T16:41:00.000Z", "by the schedule");
}

/// "bookingkit will make a PATCH request to the webhook endpoint"; OAuth "is not mandatory".
pub(crate) async fn bookingkit_gets_the_order_alone_with_patch(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) =
        register(&house, "bookingkit", &receiver.url("/orderUpdate"), json!(["order.*"])).await;
    let order = r#"{"id": "265dac0b8ad51dad90344defd582f32e", "code":"ABC-123CC4", "total_invoice": "20.00", "name": "Zo\u00eb", "email": "a@example.com"}"#;
    let event = house.report("order.created", None, order).await;
    house.until_state(webhook, &event, "delivered").await;
    let request = receiver.requests()[0].clone();
    assert_eq!(request.body, order, "unchanged");
    let expected = [
        "PATCH /orderUpdate HTTP/1.1".to_owned(),
        "Content-Type: application/json".to_owned(),
        "User-Agent: Stayhook-Webhooks/1.0".to_owned(),
        "X-Request-Id".to_owned(),
        "Accept: */*".to_owned(),
        format!("Content-Length: {}", order.len()),
    ];
    assert_eq!(head(&request), expected);
}

/// The document's receiver verifies JSON.stringify of what it has parsed.
pub(crate) async fn bookingscheduler_verifies_what_it_writes_anew(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url("/webhooks/bookingscheduler");
    let (webhook, secret) = register(&house, "bookingscheduler", &url, json!(["booking.*"])).await;
    let hard = r#"{"id":"book_123","rate":1e21, "2":"b","1":"a", "name":"Zo\u00eb \/ 東京","changes":{"totalAmount":{"old":90.00,"new":13500}}}"#;
    let event = house.report("booking.updated", Some("book_123"), hard).await;
    house.until_state(webhook, &event, "delivered").await;
    let request = receiver.requests()[0].clone();
    let expected = r#"{"event":"booking.updated","timestamp":"2026-05-27T16:40:00Z","data":{"1":"a","2":"b","id":"book_123","rate":1e+21,"name":"Zoë / 東京","changes":{"totalAmount":{"old":90,"new":13500}}}}"#;
    assert_eq!(String::from_utf8_lossy(&request.body), expected);
    let signature = request.header("X-BookingScheduler-Signature").unwrap();
    assert_eq!(signature, hex_mac(&secret, expected.as_bytes()), "64 hexadecimal digits over the body");
    assert_eq!(judged("bookingscheduler.cjs", &request, &secret), "true\n");
    // "Get your webhook signing secret from your dashboard".
    let shown = house.get(&format!("/public/v1/webhooks/{webhook}")).await;
    assert_eq!(shown["signingSecret"], secret);
    let listed = house.get("/public/v1/webhooks").await;
    assert!(listed["data"][0].get("signingSecret").is_none(), "{listed}");
}

/// "Webhook payloads contain 2 broad sets of data"; "When is Data Delivered".
pub(crate) async fn ticketing_gets_two_parts_of_26_kinds(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) =
        register(&house, "ticketing", &receiver.url("/"), json!(["bookings.*", "check_in.*"])).await;
    for (kind, resource, trigger) in
        [("bookings.creation", "Bookings", "Creation"), ("check_in.on_check_in", "Check-In", "On Check-in")]
    {
        let event = house.report(kind, Some("b7"), r#"{"booking":{"id":"b7","tickets":2}}"#).await;
        house.until_state(webhook, &event, "delivered").await;
        let body = receiver.requests().last().unwrap().body.clone();
        let expected = format!(
            r#"{{"notification":{{"id":"{event}","event":"{resource}","trigger":"{trigger}","type":"{kind}","occurredAt":"2026-05-27T16:40:00Z","propertyId":101,"bookingId":"b7"}},"data":{{"booking":{{"id":"b7","tickets":2}}}}}}"#
        );
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }
    let unwanted = house.report("customers.creation", None, "{}").await;
    let fate = house.get(&format!("/internal/v1/events/{unwanted}")).await;
    assert!(fate.to_string().contains("unsubscribed"), "{fate}");
    let catalogue = house.get("/public/v1/event-types").await;
    let names: Vec<&str> =
        catalogue["data"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"inventory.on_change"));
}

/// High-volume kinds: of one thing, the newest within five seconds is sent.
pub(crate) async fn ticketing_gets_the_newest_of_a_window(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = register(&house, "ticketing", &receiver.url("/"), json!(["inventory.*"])).await;
    let mut events = Vec::new();
    for stock in 1..=3 {
        events.push(
            house.report("inventory.on_change", Some("service-1"), &format!(r#"{{"stock":{stock}}}"#)).await,
        );
        house.clock.advance(Span::seconds(1));
    }
    let other = house.report("inventory.on_change", Some("service-2"), r#"{"stock":9}"#).await;
    for event in &events[..2] {
        let superseded = house.until_state(webhook, event, "cancelled").await;
        assert_eq!(superseded["reason"], "superseded");
    }
    assert_eq!(receiver.count(), 0);
    house.clock.advance(Span::seconds(2));
    house.until_state(webhook, &events[2], "delivered").await;
    assert_eq!(house.delivery(webhook, &other).await["status"], "pending");
    house.clock.advance(Span::seconds(3));
    house.until_state(webhook, &other, "delivered").await;
    let bodies: Vec<Value> =
        receiver.requests().iter().map(|it| serde_json::from_slice(&it.body).unwrap()).collect();
    assert_eq!([&bodies[0]["data"]["stock"], &bodies[1]["data"]["stock"]], [&json!(3), &json!(9)]);
}

pub(crate) async fn standard_webhooks_is_verified_by_its_library(on: Database) {
    let house = House::open(on).await;
    // The library judges the age of a request by the machine's clock.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    house.clock.set(UnixMs(0).after(Span::from_duration(now)));
    let receiver = Receiver::start().await.unwrap();
    let (webhook, secret) =
        register(&house, "standard-webhooks", &receiver.url("/"), json!(["booking.*"])).await;
    let event = house.report("booking.created", None, r#"{"booking":{"id":9001,"price":90.00}}"#).await;
    house.until_state(webhook, &event, "delivered").await;
    let request = receiver.requests()[0].clone();
    assert_eq!(request.header("webhook-id"), Some(event.as_str()));
    assert_eq!(judged("standard_webhooks.cjs", &request, &secret), "true\n");
    let forged = Received { body: "{}".into(), ..request };
    assert_eq!(judged("standard_webhooks.cjs", &forged, &secret), "false\n");
    let path = format!("/public/v1/webhooks/{webhook}");
    assert_eq!(house.call(Method::GET, &path, None).await.status, StatusCode::OK);
    assert!(house.get(&path).await.get("signingSecret").is_none());
}

/// What a receiver in Node says of a request: `scripts/test` installs the libraries.
fn judged(script: &str, request: &Received, secret: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/profile/tests/profiles/scripts");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let modules = target.join("verifiers/node/node_modules");
    assert!(modules.exists(), "{} is missing: run scripts/test, which installs it", modules.display());
    let headers: serde_json::Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
    let line = json!({"secret": secret, "headers": headers, "body": STANDARD.encode(&request.body)});
    let directory = tempfile::tempdir().unwrap();
    let file: PathBuf = directory.path().join("request.ndjson");
    std::fs::write(&file, format!("{line}\n")).unwrap();
    let output =
        Command::new("node").arg(tests.join(script)).arg(&file).env("NODE_PATH", modules).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
