//! The audit log: who changed what, and nothing that must not be told.

use serde_json::{Value, json};
use stayhook_core::Span;

use crate::house::{House, eventually};

const AUDIT: &str = "/admin/v1/audit";

async fn log(house: &House, query: &str) -> Vec<Value> {
    let answer = house.get(&house.admin, &format!("{AUDIT}{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().unwrap().clone()
}

/// Does one of everything that is written down.
async fn everything(house: &House) -> i64 {
    let id = house.webhook(101).await;
    let path = format!("/public/v1/webhooks/{id}");
    house.patch(&house.owner, &path, &json!({"description": "other", "status": "paused"})).await;
    house.clock.advance(Span::minutes(1));
    house.patch(&house.admin, &format!("/admin/v1/webhooks/{id}"), &json!({"status": "active"})).await;
    house.event(101).await;
    eventually(async || (house.receiver.count() == 1).then_some(())).await;
    let delivery = eventually(async || {
        let log = house.get(&house.owner, &format!("{path}/deliveries?status=delivered")).await.json();
        log["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let ask = async |token: &str, path: &str, body: &str| {
        let answer = house.write("POST", token, path, body.to_owned()).await;
        assert!(answer.status < 300, "{path}: {}", answer.text());
    };
    ask(&house.admin, &format!("/admin/v1/deliveries/{delivery}/retry"), "").await;
    ask(&house.owner, &format!("{path}/rotate-secret"), "").await;
    for status in ["disabled", "active"] {
        house.patch(&house.admin, &format!("/admin/v1/webhooks/{id}"), &json!({ "status": status })).await;
        house.event(101).await;
    }
    ask(&house.owner, &format!("{path}/recover"), r#"{"since":"2026-05-27T16:00:00Z"}"#).await;
    let entitlement = "/internal/v1/properties/102/entitlement";
    assert_eq!(house.put(&house.steward, entitlement, &json!({"entitled": false})).await.status, 204);
    let kind = json!({"label": "Room cleaned", "schema": {"type": "object"}});
    assert_eq!(house.put(&house.admin, "/admin/v1/event-types/room.cleaned", &kind).await.status, 200);
    house.delete(&house.owner, &path).await;
    id
}

#[tokio::test]
async fn every_change_is_written_down_with_its_author() {
    let house = House::new().await;
    let id = everything(&house).await;
    let log = log(&house, "").await;
    let told: Vec<(String, String)> = log
        .iter()
        .map(|line| {
            let client = line["actor"]["clientId"].as_str().unwrap_or("-");
            let actor = format!("{}:{client}", line["actor"]["type"].as_str().unwrap());
            (line["action"].as_str().unwrap().to_owned(), actor)
        })
        .filter(|(action, _)| action != "token.created")
        .collect();
    let expected = [
        ("webhook.deleted", "client:pms"),
        ("event_type.put", "admin:operations"),
        ("entitlement.set", "client:platform"),
        ("webhook.recovered", "client:pms"),
        ("webhook.changed", "admin:operations"),
        ("webhook.changed", "admin:operations"),
        ("webhook.secret_rotated", "client:pms"),
        ("delivery.retried", "admin:operations"),
        ("webhook.changed", "admin:operations"),
        ("webhook.changed", "client:pms"),
        ("webhook.created", "client:pms"),
    ];
    assert_eq!(told, expected.map(|(action, actor)| (action.to_owned(), actor.to_owned())));
    assert!(log.is_sorted_by_key(|line| std::cmp::Reverse(line["id"].as_i64())));
    let changed = &log[9];
    assert_eq!((&changed["webhookId"], &changed["clientId"]), (&json!(id), &json!("pms")));
    assert_eq!(changed["subject"], id.to_string());
    assert_eq!(changed["at"], "2026-05-27T16:40:00.000Z");
    assert_eq!(
        (&changed["before"]["status"], &changed["after"]["status"]),
        (&json!("active"), &json!("paused"))
    );
    assert_eq!(changed["after"]["description"], "other");
    assert_eq!((&log[10]["before"], &log[0]["after"]), (&Value::Null, &Value::Null));
    assert_eq!(log[2]["after"], json!({"entitled": false}));
    assert_eq!(log[3]["after"]["requeued"], 1);
}

#[tokio::test]
async fn the_log_is_searched_and_paged() {
    let house = House::new().await;
    let id = everything(&house).await;
    let other = format!("/public/v1/webhooks/{}", house.webhook(102).await);
    let of = async |query: &str| log(&house, query).await.len();
    let all = of("").await;
    assert_eq!(of(&format!("?webhookId={id}")).await, 9);
    assert_eq!(of("?action=webhook.changed").await, 4);
    assert_eq!(of("?action=webhook.changed&clientId=operations").await, 3);
    assert_eq!(of("?since=2026-05-27T16:41:00Z&action=webhook.changed").await, 3);
    assert_eq!(of("?until=2026-05-27T16:41:00Z&action=webhook.changed").await, 1);
    assert_eq!(of("?webhookId=999999").await, 0);
    let (mut seen, mut next) = (0, String::new());
    loop {
        let page = house.get(&house.admin, &format!("{AUDIT}?limit=2{next}")).await.json();
        seen += page["data"].as_array().unwrap().len();
        // What is written meanwhile comes before, and is not on later pages.
        house.patch(&house.owner, &other, &json!({"description": format!("after {seen}")})).await;
        match page["nextCursor"].as_str() {
            Some(cursor) if seen < 2 * all => next = format!("&cursor={cursor}"),
            _ => break,
        }
    }
    assert_eq!(seen, all);
    for bad in ["action=gone", "webhookId=x", "clientId=", "since=x", "cursor=x", "actor=pms"] {
        assert_eq!(house.get(&house.admin, &format!("{AUDIT}?{bad}")).await.status, 422, "{bad}");
    }
}

/// Secrets are shown by the answers that create them, and by nothing that administrators read.
#[tokio::test]
async fn no_answer_to_administrators_holds_a_secret_or_a_payload() {
    let house = House::new().await;
    let id = house.webhook(102).await;
    everything(&house).await;
    let marked =
        json!({"type": "booking.updated", "propertyId": 102, "data": {"booking": {"id": "payload-mark"}}});
    house.post(&house.producer, "/internal/v1/events", &marked).await;
    let deliveries = house.get(&house.admin, "/admin/v1/deliveries").await.json();
    let mut paths = vec![
        AUDIT.to_owned(),
        format!("{AUDIT}?limit=200"),
        "/admin/v1/stats".to_owned(),
        format!("/admin/v1/stats?webhookId={id}"),
        "/admin/v1/webhooks".to_owned(),
        format!("/admin/v1/webhooks/{id}"),
        "/admin/v1/deliveries".to_owned(),
    ];
    for row in deliveries["data"].as_array().unwrap() {
        paths.push(format!("/admin/v1/deliveries/{}", row["id"].as_str().unwrap()));
    }
    for path in paths {
        let text = house.get(&house.admin, &path).await.text();
        for secret in ["whsec_", "shk_", "v1=", "signature", "payload-mark"] {
            assert!(!text.to_lowercase().contains(secret), "{path} holds {secret}: {text}");
        }
    }
}
