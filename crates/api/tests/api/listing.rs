//! Lists: filters, pages, cursors.

use serde_json::{Value, json};

use crate::house::{House, registration};

const WEBHOOKS: &str = "/public/v1/webhooks";

/// A token for many properties, each with one webhook.
async fn many(house: &House, count: i64) -> String {
    let token = house.token("chain", "webhooks.write bookings.read", None).await;
    for property in 1..=count {
        let answer = house.post(&token, WEBHOOKS, &registration(1_000 + property)).await;
        assert_eq!(answer.status, 201);
    }
    token
}

fn ids(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn webhooks_are_listed_newest_first_and_filtered() {
    let house = House::new().await;
    let (first, second) = (house.webhook(101).await, house.webhook(102).await);
    let third = house.webhook(101).await;
    house.patch(&house.owner, &format!("{WEBHOOKS}/{second}"), &json!({"status": "paused"})).await;
    for (query, expected) in [
        ("", vec![third, second, first]),
        ("?propertyId=101", vec![third, first]),
        ("?status=paused", vec![second]),
        ("?status=active&propertyId=102", vec![]),
        ("?status=disabled", vec![]),
        ("?propertyId=103", vec![]),
        ("?limit=2", vec![third, second]),
    ] {
        let page = house.get(&house.owner, &format!("{WEBHOOKS}{query}")).await.json();
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page["nextCursor"].is_null(), query != "?limit=2", "{query}");
    }
    let whole = house.get(&house.owner, WEBHOOKS).await.json();
    assert_eq!(whole["data"][0], house.get(&house.owner, &format!("{WEBHOOKS}/{third}")).await.json());
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_webhooks_come_and_go() {
    let house = House::new().await;
    let token = many(&house, 30).await;
    let all = ids(&house.get(&token, WEBHOOKS).await.json());
    assert_eq!(all.len(), 30);
    let (mut seen, mut next, mut page_number) = (Vec::new(), String::new(), 0);
    loop {
        let page = house.get(&token, &format!("{WEBHOOKS}?limit=7{next}")).await.json();
        seen.extend(ids(&page));
        // One more at the top, and the last that was seen is gone.
        page_number += 1;
        assert_eq!(house.post(&token, WEBHOOKS, &registration(2_000 + page_number)).await.status, 201);
        let last = seen.last().unwrap();
        assert_eq!(house.delete(&token, &format!("{WEBHOOKS}/{last}")).await.status, 204);
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_page_holds_50_unless_asked_for_up_to_200() {
    let house = House::new().await;
    let token = many(&house, 52).await;
    let page = house.get(&token, WEBHOOKS).await.json();
    assert_eq!(ids(&page).len(), 50);
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = house.get(&token, &format!("{WEBHOOKS}?cursor={cursor}")).await.json();
    assert_eq!((ids(&rest).len(), &rest["nextCursor"]), (2, &Value::Null));
    assert_eq!(ids(&house.get(&token, &format!("{WEBHOOKS}?limit=52")).await.json()).len(), 52);
    let exact = house.get(&token, &format!("{WEBHOOKS}?limit=52")).await.json();
    assert_eq!(exact["nextCursor"], Value::Null, "nothing comes after the last row");
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let house = House::new().await;
    let id = house.webhook(101).await;
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=ten", "/limit"),
        ("cursor=x", "/cursor"),
        ("cursor=", "/cursor"),
        ("propertyId=0", "/propertyId"),
        ("propertyId=101a", "/propertyId"),
        ("status=broken", "/status"),
        ("limit=5&limit=6", "/limit"),
        ("page=2", "/page"),
    ] {
        let wrong = house.get(&house.owner, &format!("{WEBHOOKS}?{query}")).await.wrong("invalid_request");
        assert_eq!(wrong.len(), 1, "{query}: {wrong:?}");
        assert_eq!(wrong[0].0, pointer, "{query}");
    }
    for (query, pointer) in [
        ("status=active", "/status"),
        ("eventType=a..b", "/eventType"),
        ("since=yesterday", "/since"),
        ("until=2026-05-27", "/until"),
        ("bookingId=", "/bookingId"),
        ("webhookId=1", "/webhookId"),
        ("cursor=AXcAAAAAAAAAAQ", "/cursor"),
    ] {
        let path = format!("{WEBHOOKS}/{id}/deliveries?{query}");
        let wrong = house.get(&house.owner, &path).await.wrong("invalid_request");
        assert_eq!(wrong.len(), 1, "{query}: {wrong:?}");
        assert_eq!(wrong[0].0, pointer, "{query}");
    }
    let two =
        house.get(&house.owner, &format!("{WEBHOOKS}?limit=0&status=x&z=")).await.wrong("invalid_request");
    assert_eq!(two.len(), 3, "all at once");
    house.get(&house.owner, "/public/v1/event-types?x=1").await.problem(422, "invalid_request");
}
