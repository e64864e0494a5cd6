//! What administrators see and do: webhooks and deliveries of every client, and figures.

use axum::body::Body;
use serde_json::{Value, json};
use stayhook_core::Span;

use crate::house::{Answer, House, event, eventually, registration};

const WEBHOOKS: &str = "/admin/v1/webhooks";
const DELIVERIES: &str = "/admin/v1/deliveries";
const STATS: &str = "/admin/v1/stats";
const EVENTS: &str = "/internal/v1/events";

/// Webhooks of two clients at three properties, oldest first.
async fn two_clients(house: &House) -> [i64; 3] {
    let mine = house.webhook(101).await;
    let chain = house.token("chain", "webhooks.write bookings.read", None).await;
    let of_chain = async |property: i64| {
        let answer = house.post(&chain, "/public/v1/webhooks", &registration(property)).await;
        answer.json()["id"].as_i64().unwrap()
    };
    [mine, of_chain(101).await, of_chain(103).await]
}

fn ids(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

async fn get(house: &House, path: &str) -> Value {
    let answer = house.get(&house.admin, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// Waits until a webhook's deliveries are all in this state.
async fn all_are(house: &House, webhook: i64, count: usize, status: &str) {
    eventually(async || {
        let log = get(house, &format!("{DELIVERIES}?webhookId={webhook}")).await;
        let log = log["data"].as_array().unwrap();
        (log.len() == count && log.iter().all(|row| row["status"] == status)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn webhooks_of_all_clients_are_listed_with_whose_they_are() {
    let house = House::new().await;
    let [first, second, third] = two_clients(&house).await;
    house.patch(&house.admin, &format!("{WEBHOOKS}/{second}"), &json!({"status": "paused"})).await;
    for (query, expected) in [
        ("", vec![third, second, first]),
        ("?clientId=chain", vec![third, second]),
        ("?clientId=nobody", vec![]),
        ("?propertyId=101", vec![second, first]),
        ("?status=paused", vec![second]),
        ("?clientId=pms&propertyId=103", vec![]),
        ("?limit=2", vec![third, second]),
    ] {
        assert_eq!(ids(&get(&house, &format!("{WEBHOOKS}{query}")).await), expected, "{query}");
    }
    let page = get(&house, &format!("{WEBHOOKS}?limit=1")).await;
    let rest = format!("{WEBHOOKS}?cursor={}", page["nextCursor"].as_str().unwrap());
    assert_eq!(ids(&get(&house, &rest).await), [second, first]);

    let mut shown = get(&house, &format!("{WEBHOOKS}/{first}")).await;
    assert_eq!(get(&house, WEBHOOKS).await["data"][2], shown);
    assert_eq!(shown.as_object_mut().unwrap().remove("clientId"), Some(json!("pms")));
    let own = house.get(&house.owner, &format!("/public/v1/webhooks/{first}")).await;
    assert_eq!(shown, own.json());
    for bad in ["clientId=", "propertyId=0", "status=gone", "limit=0", "cursor=x", "owner=pms"] {
        assert_eq!(house.get(&house.admin, &format!("{WEBHOOKS}?{bad}")).await.status, 422, "{bad}");
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_webhooks_come_and_go() {
    let house = House::new().await;
    let chain = house.token("chain", "webhooks.write bookings.read", None).await;
    for property in 1_001..1_021 {
        house.post(&chain, "/public/v1/webhooks", &registration(property)).await;
    }
    let all = ids(&get(&house, WEBHOOKS).await);
    let (mut seen, mut next, mut page_number) = (Vec::new(), String::new(), 0);
    loop {
        let page = get(&house, &format!("{WEBHOOKS}?limit=6{next}")).await;
        seen.extend(ids(&page));
        page_number += 1;
        house.post(&chain, "/public/v1/webhooks", &registration(2_000 + page_number)).await;
        house.delete(&chain, &format!("/public/v1/webhooks/{}", seen.last().unwrap())).await;
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn an_administrator_disables_with_a_reason_that_the_owner_sees() {
    let house = House::new().await;
    let id = house.webhook(101).await;
    let (path, own) = (format!("{WEBHOOKS}/{id}"), format!("/public/v1/webhooks/{id}"));
    let off = json!({"status": "disabled", "reason": "too many complaints"});
    let answer = house.patch(&house.admin, &path, &off).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"v2\""));
    let shown = house.get(&house.owner, &own).await.json();
    assert_eq!(
        (&shown["status"], &shown["disabledReason"]),
        (&json!("disabled"), &json!("too many complaints"))
    );
    assert_eq!(shown["disabledAt"], "2026-05-27T16:40:00Z");
    house.patch(&house.admin, &path, &json!({"status": "paused"})).await.problem(409, "invalid_state");
    house.patch(&house.admin, &path, &json!({"status": "active"})).await;
    assert_eq!(house.get(&house.owner, &own).await.json()["status"], "active");
    house.patch(&house.admin, &path, &json!({"status": "disabled"})).await;
    assert_eq!(get(&house, &path).await["disabledReason"], "disabled by an administrator");
}

#[tokio::test]
async fn only_status_reason_and_held_are_an_administrators_to_change() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    for (body, pointer) in [
        (json!({}), "/status"),
        (json!({"status": "gone"}), "/status"),
        (json!({"status": null}), "/status"),
        (json!({"status": "active", "reason": "x"}), "/reason"),
        (json!({"status": "paused", "reason": "x"}), "/reason"),
        (json!({"status": "disabled", "reason": ""}), "/reason"),
        (json!({"status": "disabled", "reason": "a\nb"}), "/reason"),
        (json!({"status": "disabled", "reason": "x".repeat(201)}), "/reason"),
        (json!({"status": "disabled", "reason": "failing"}), "/reason"),
        (json!({"status": "disabled", "held": "discard"}), "/held"),
        (json!({"status": "active", "held": "all"}), "/held"),
        (json!({"status": "active", "url": "https://example.com/"}), "/url"),
    ] {
        let wrong = house.patch(&house.admin, &path, &body).await.wrong("invalid_request");
        assert_eq!(wrong[0].0, pointer, "{body}");
    }
    assert_eq!(house.get(&house.admin, &path).await.header("etag"), "\"v1\"");
}

#[tokio::test]
async fn if_match_holds_for_administrators_too() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    let pause = async |tag: &str| {
        let request = house.request("PATCH", &path, &house.admin).header("content-type", "application/json");
        house.send(request.header("if-match", tag).body(Body::from(r#"{"status":"paused"}"#)).unwrap()).await
    };
    assert_eq!(pause("\"v1\"").await.header("etag"), "\"v2\"");
    pause("\"v1\"").await.problem(412, "precondition_failed");
    let request = house.request("GET", &path, &house.admin).header("if-none-match", "\"v2\"");
    assert_eq!(house.send(request.body(Body::empty()).unwrap()).await.status, 304);
}

#[tokio::test]
async fn resuming_may_drop_what_was_held() {
    let house = House::new().await;
    let id = house.webhook(101).await;
    let path = format!("{WEBHOOKS}/{id}");
    house.patch(&house.admin, &path, &json!({"status": "paused"})).await;
    house.event(101).await;
    house.event(101).await;
    house.patch(&house.admin, &path, &json!({"status": "active", "held": "discard"})).await;
    all_are(&house, id, 2, "cancelled").await;
    assert_eq!(house.receiver.count(), 0);
}

#[tokio::test]
async fn deliveries_are_searched_over_all_webhooks() {
    let house = House::new().await;
    let [first, second, third] = two_clients(&house).await;
    let early = house.event(101).await;
    all_are(&house, first, 1, "delivered").await;
    house.clock.advance(Span::minutes(1));
    house.receiver.fail(true);
    let mut other = event(103);
    (other["type"], other["bookingId"]) = (json!("booking.created"), json!("B-7"));
    let late = house.post(&house.producer, EVENTS, &other).await.json()["id"].clone();
    all_are(&house, third, 1, "pending").await;
    for (query, expected) in [
        (String::new(), vec![third, second, first]),
        (format!("?webhookId={second}"), vec![second]),
        ("?webhookId=999999".to_owned(), vec![]),
        ("?propertyId=101".to_owned(), vec![second, first]),
        ("?propertyId=104".to_owned(), vec![]),
        ("?eventType=booking.created".to_owned(), vec![third]),
        ("?status=delivered".to_owned(), vec![second, first]),
        ("?bookingId=B-7".to_owned(), vec![third]),
        ("?bookingId=9001&propertyId=101".to_owned(), vec![second, first]),
        ("?since=2026-05-27T16:41:00Z".to_owned(), vec![third]),
        ("?until=2026-05-27T16:41:00Z".to_owned(), vec![second, first]),
    ] {
        let page = get(&house, &format!("{DELIVERIES}{query}")).await;
        let found: Vec<i64> =
            page["data"].as_array().unwrap().iter().map(|row| row["webhookId"].as_i64().unwrap()).collect();
        assert_eq!(sorted(&found), sorted(&expected), "{query}");
        assert_eq!(page["nextCursor"], Value::Null, "{query}");
    }
    let newest = &get(&house, DELIVERIES).await["data"][0];
    assert_eq!(newest["eventId"], late);
    let one = get(&house, &format!("{DELIVERIES}/{}", newest["id"].as_str().unwrap())).await;
    assert_eq!((&one["attempts"][0]["number"], &one["attempts"][0]["status"]), (&json!(1), &Value::Null));
    assert!(!early.is_empty() && !one.to_string().contains("ignature"), "{one}");
    let (mut walked, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(&house, &format!("{DELIVERIES}?limit=1{next}")).await;
        walked.extend(page["data"].as_array().unwrap().iter().map(|row| row["webhookId"].as_i64().unwrap()));
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(sorted(&walked), sorted(&[first, second, third]));
    for bad in [
        "webhookId=x",
        "webhookId=9007199254740992",
        "propertyId=x",
        "status=gone",
        "since=now",
        "cursor=x",
        "clientId=pms",
    ] {
        assert_eq!(house.get(&house.admin, &format!("{DELIVERIES}?{bad}")).await.status, 422, "{bad}");
    }
}

fn sorted(ids: &[i64]) -> Vec<i64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn pages_of_all_deliveries_neither_skip_nor_repeat_while_events_come() {
    let house = House::new().await;
    two_clients(&house).await;
    for _ in 0..10 {
        house.event(101).await;
        house.clock.advance(Span::millis(1));
    }
    let rows = |page: &Value| {
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = rows(&get(&house, DELIVERIES).await);
    assert_eq!(all.len(), 20);
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(&house, &format!("{DELIVERIES}?limit=3{next}")).await;
        seen.extend(rows(&page));
        house.event(101).await;
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn any_delivery_can_be_retried() {
    let house = House::new().await;
    let id = house.webhook(101).await;
    house.event(101).await;
    all_are(&house, id, 1, "delivered").await;
    let delivery = get(&house, DELIVERIES).await["data"][0]["id"].as_str().unwrap().to_owned();
    let retry = async || -> Answer {
        house.write("POST", &house.admin, &format!("{DELIVERIES}/{delivery}/retry"), "").await
    };
    assert_eq!(retry().await.status, 202);
    eventually(async || (house.receiver.count() == 2).then_some(())).await;
    all_are(&house, id, 1, "delivered").await;
    house.patch(&house.admin, &format!("{WEBHOOKS}/{id}"), &json!({"status": "paused"})).await;
    retry().await.problem(409, "invalid_state");
    house.delete(&house.owner, &format!("/public/v1/webhooks/{id}")).await;
    retry().await.problem(404, "not_found");
}

#[tokio::test]
async fn figures_tell_what_was_delivered_and_what_waits() {
    let house = House::new().await;
    let [first, second, third] = two_clients(&house).await;
    house.event(101).await;
    all_are(&house, first, 1, "delivered").await;
    all_are(&house, second, 1, "delivered").await;
    house.clock.advance(Span::hours(2));
    house.receiver.fail(true);
    house.event(103).await;
    all_are(&house, third, 1, "pending").await;
    house.patch(&house.admin, &format!("{WEBHOOKS}/{second}"), &json!({"status": "paused"})).await;
    house.event(101).await;
    house.disable(first, "complaints").await;
    let stats = get(&house, STATS).await;
    assert_eq!(stats["webhooks"], json!({"active": 1, "paused": 1, "disabled": 1, "failing": 1}));
    assert_eq!((&stats["deliveries"]["pending"], &stats["deliveries"]["held"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&stats["since"], &stats["until"]),
        (&json!("2026-05-26T18:00:00.000Z"), &json!("2026-05-27T19:00:00.000Z"))
    );
    assert_eq!(stats["accepted"], 5);
    assert_eq!(stats["delivered"], 2);
    let failed = stats["failed"].as_u64().unwrap();
    assert!(failed >= 1, "{stats}");
    assert_eq!(stats["attempts"], json!(2 + failed));

    let one = get(&house, &format!("{STATS}?webhookId={second}")).await;
    assert_eq!(one["webhooks"], json!({"active": 0, "paused": 1, "disabled": 0, "failing": 0}));
    let figures =
        |stats: &Value| ["accepted", "attempts", "delivered", "failed"].map(|name| stats[name].as_u64());
    assert_eq!(figures(&one), [Some(2), Some(1), Some(1), Some(0)]);
    let before = get(&house, &format!("{STATS}?until=2026-05-27T17:59:59Z")).await;
    assert_eq!(figures(&before), [Some(2), Some(2), Some(2), Some(0)]);
    let long_ago = get(&house, &format!("{STATS}?until=2026-05-27T15:00:00Z")).await;
    assert_eq!((&long_ago["attempts"], &long_ago["averageDurationMs"]), (&json!(0), &Value::Null));
    for bad in ["since=x", "since=2026-05-28T00:00:00Z", "webhookId=x", "hours=3"] {
        assert_eq!(house.get(&house.admin, &format!("{STATS}?{bad}")).await.status, 422, "{bad}");
    }
}

/// An administrator of some properties sees nothing of the others.
#[tokio::test]
async fn an_administrators_token_is_for_its_properties() {
    let house = House::new().await;
    let [first, second, third] = two_clients(&house).await;
    house.event(101).await;
    house.event(103).await;
    all_are(&house, third, 1, "delivered").await;
    let log = get(&house, &format!("{DELIVERIES}?webhookId={third}")).await;
    let foreign = log["data"][0]["id"].as_str().unwrap();
    let limited = house.token("regional", "admin", Some(&[101])).await;
    let page = async |path: &str| house.get(&limited, path).await.json();
    assert_eq!(ids(&page(WEBHOOKS).await), [second, first]);
    assert_eq!(page(&format!("{WEBHOOKS}?propertyId=103")).await, json!({"data": [], "nextCursor": null}));
    let seen = page(DELIVERIES).await;
    assert!(seen["data"].as_array().unwrap().iter().all(|row| row["webhookId"] != third));
    assert_eq!(seen["data"].as_array().unwrap().len(), 2);
    assert_eq!(page(&format!("{DELIVERIES}?propertyId=103")).await["data"], json!([]));
    assert_eq!(page(&format!("{STATS}?webhookId={first}")).await["delivered"], 1);
    for (method, path, missing) in [
        ("GET", format!("{WEBHOOKS}/{third}"), format!("{WEBHOOKS}/999999")),
        ("PATCH", format!("{WEBHOOKS}/{third}"), format!("{WEBHOOKS}/999999")),
        ("GET", format!("{DELIVERIES}/{foreign}"), format!("{DELIVERIES}/dlv_x")),
        ("POST", format!("{DELIVERIES}/{foreign}/retry"), format!("{DELIVERIES}/dlv_x/retry")),
        ("GET", format!("{STATS}?webhookId={third}"), format!("{STATS}?webhookId=999999")),
        ("GET", format!("/admin/v1/audit?webhookId={third}"), "/admin/v1/audit?webhookId=999999".to_owned()),
    ] {
        let hidden = house.write(method, &limited, &path, r#"{"status":"paused"}"#).await;
        let missing = house.write(method, &limited, &missing, r#"{"status":"paused"}"#).await;
        hidden.problem(404, "not_found");
        assert_eq!(hidden.body, missing.body, "{method} {path}");
    }
    for path in [STATS, "/admin/v1/audit"] {
        house.get(&limited, path).await.problem(404, "not_found");
    }
    house.put(&limited, "/admin/v1/event-types/room.cleaned", &json!({})).await.problem(404, "not_found");
}
