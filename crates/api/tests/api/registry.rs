//! Webhooks: created, read, changed, deleted.

use serde_json::{Value, json};
use stayhook_core::Span;

use crate::house::{House, eventually, registration};

const WEBHOOKS: &str = "/public/v1/webhooks";

fn names(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_webhook_is_created_as_the_reference_shows() {
    let house = House::new().await;
    let answer = house.post(&house.owner, WEBHOOKS, &registration(101)).await;
    assert_eq!(answer.status, 201);
    let created = answer.json();
    let id = created["id"].as_i64().unwrap();
    assert_eq!(answer.header("location"), format!("{WEBHOOKS}/{id}"));
    let secret = created["signingSecret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50);
    let expected = format!(
        concat!(
            r#"{{"id":{id},"propertyId":101,"url":"https://partner.example.com/nowistay/webhooks","#,
            r#""events":["booking.created","booking.updated"],"description":"PMS sync","status":"active","#,
            r#""createdAt":"2026-05-27T16:40:00Z","updatedAt":"2026-05-27T16:40:00Z","signingSecret":"{secret}"}}"#
        ),
        id = id,
        secret = secret,
    );
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let house = House::new().await;
    let created = house.post(&house.owner, WEBHOOKS, &registration(101)).await.json();
    let path = format!("{WEBHOOKS}/{}", created["id"]);
    let secret = created["signingSecret"].as_str().unwrap();
    house.event(101).await;
    for answer in [
        house.get(&house.owner, &path).await,
        house.get(&house.owner, WEBHOOKS).await,
        house.patch(&house.owner, &path, &json!({"description": "again"})).await,
        house.patch(&house.owner, &path, &json!({})).await,
        house.get(&house.owner, &format!("{path}/deliveries")).await,
    ] {
        assert_eq!(answer.status, 200);
        assert!(!answer.text().contains("signingSecret") && !answer.text().contains(secret));
    }
}

#[tokio::test]
async fn options_are_shown_where_they_were_chosen() {
    let house = House::new().await;
    let mut body = registration(101);
    let options = json!({
        "description": null, "includeCustomParameters": true, "skipOwn": true, "ordering": "booking",
        "profile": "nowistay", "shadowProfile": "nowistay", "auth": null,
    });
    body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let created = house.post(&house.owner, WEBHOOKS, &body).await.json();
    assert_eq!(created["description"], Value::Null);
    assert_eq!(created["includeCustomParameters"], true);
    assert_eq!(created["skipOwn"], true);
    assert_eq!(created["ordering"], "booking");
    assert_eq!(created["shadowProfile"], "nowistay");
    assert_eq!(created.get("profile"), None, "the default");
    let path = format!("{WEBHOOKS}/{}", created["id"]);
    let back = json!({"includeCustomParameters": false, "skipOwn": false, "ordering": "none", "shadowProfile": null});
    let changed = house.patch(&house.owner, &path, &back).await.json();
    let mut shown = names(&changed);
    shown.sort_unstable();
    assert_eq!(
        shown,
        ["createdAt", "description", "events", "id", "propertyId", "status", "updatedAt", "url"]
    );
}

#[tokio::test]
async fn duplicate_events_fold_and_resources_stand_for_their_types() {
    let house = House::new().await;
    let mut body = registration(101);
    body["events"] = json!(["booking.*", "order.created", "booking.*"]);
    let created = house.post(&house.owner, WEBHOOKS, &body).await.json();
    assert_eq!(created["events"], json!(["booking.*", "order.created"]));
}

#[tokio::test]
async fn a_property_has_three_webhooks_over_all_clients() {
    let house = House::new().await;
    let other = house.token("other", "webhooks.write bookings.read", None).await;
    let first = house.webhook(101).await;
    house.webhook(101).await;
    assert_eq!(house.post(&other, WEBHOOKS, &registration(101)).await.status, 201);
    let paused =
        house.patch(&house.owner, &format!("{WEBHOOKS}/{first}"), &json!({"status": "paused"})).await;
    assert_eq!(paused.status, 200, "paused ones count, too");
    let problem =
        house.post(&house.owner, WEBHOOKS, &registration(101)).await.problem(409, "webhook_limit_reached");
    assert_eq!((&problem["limit"], &problem["used"]), (&json!(3), &json!(3)));
    assert_eq!(house.post(&house.owner, WEBHOOKS, &registration(102)).await.status, 201);
    assert_eq!(house.delete(&house.owner, &format!("{WEBHOOKS}/{first}")).await.status, 204);
    assert_eq!(house.post(&house.owner, WEBHOOKS, &registration(101)).await.status, 201, "free at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_creations_never_exceed_the_limit() {
    let house = std::sync::Arc::new(House::new().await);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let house = std::sync::Arc::clone(&house);
            tokio::spawn(async move { house.post(&house.owner, WEBHOOKS, &registration(101)).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[..3], [201; 3]);
    assert_eq!(statuses[3..], [409; 17]);
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    let before = house.get(&house.owner, &path).await.json();
    house.clock.advance(Span::seconds(61));
    assert_eq!(house.patch(&house.owner, &path, &json!({})).await.json(), before, "nothing changes nothing");
    let same = json!({"url": before["url"], "events": before["events"], "status": "active"});
    assert_eq!(house.patch(&house.owner, &path, &same).await.json(), before, "not even updatedAt");
    let change = json!({
        "url": "https://other.example.com/hooks", "events": ["booking.*"], "description": null, "status": "paused",
    });
    let after = house.patch(&house.owner, &path, &change).await.json();
    for member in ["url", "events", "description", "status"] {
        assert_eq!(after[member], change[member]);
    }
    assert_eq!(after["updatedAt"], "2026-05-27T16:41:01Z");
    assert_eq!(after["createdAt"], before["createdAt"]);
    assert_eq!(house.get(&house.owner, &path).await.json(), after);
    for held in ["deliver", "latest", "discard"] {
        let resumed =
            house.patch(&house.owner, &path, &json!({"status": "active", "held": held})).await.json();
        assert_eq!(resumed["status"], "active");
        house.patch(&house.owner, &path, &json!({"status": "paused"})).await;
    }
}

#[tokio::test]
async fn a_patch_is_all_or_nothing() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    let before = house.get(&house.owner, &path).await.json();
    let half = json!({"description": "new", "status": "disabled"});
    assert_eq!(house.patch(&house.owner, &path, &half).await.wrong("invalid_webhook")[0].0, "/status");
    assert_eq!(house.get(&house.owner, &path).await.json(), before);
}

#[tokio::test]
async fn a_disabled_webhook_says_so_and_can_be_reactivated_but_not_paused() {
    let house = House::new().await;
    let id = house.webhook(101).await;
    let path = format!("{WEBHOOKS}/{id}");
    house.disable(id, "too many complaints").await;
    let shown = house.get(&house.owner, &path).await.json();
    assert_eq!(shown["status"], "disabled");
    assert_eq!(shown["disabledAt"], "2026-05-27T16:40:00Z");
    assert_eq!(shown["disabledReason"], "too many complaints");
    house.patch(&house.owner, &path, &json!({"status": "paused"})).await.problem(409, "invalid_state");
    let shown = house.patch(&house.owner, &path, &json!({"status": "active"})).await.json();
    assert_eq!(shown["status"], "active");
    assert_eq!(shown.get("disabledAt"), None);
}

#[tokio::test]
async fn a_failing_webhook_says_since_when() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    house.receiver.fail(true);
    house.event(101).await;
    let failing =
        eventually(async || house.get(&house.owner, &path).await.json().get("failingSince").cloned()).await;
    assert_eq!(failing, "2026-05-27T16:40:00Z");
    let other = json!({"url": "https://other.example.com/hooks"});
    let changed = house.patch(&house.owner, &path, &other).await.json();
    assert_eq!(changed.get("failingSince"), None, "another URL starts anew");
}

#[tokio::test]
async fn a_deleted_webhook_is_gone() {
    let house = House::new().await;
    let path = format!("{WEBHOOKS}/{}", house.webhook(101).await);
    let answer = house.delete(&house.owner, &path).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    for method in ["GET", "DELETE"] {
        house.write(method, &house.owner, &path, "").await.problem(404, "not_found");
    }
    house.patch(&house.owner, &path, &json!({})).await.problem(404, "not_found");
    house.get(&house.owner, &format!("{path}/deliveries")).await.problem(404, "not_found");
}

/// What a change wrote into the database must reach the engine although nobody waits for
/// the answer any more.
#[tokio::test]
async fn a_caller_that_hangs_up_leaves_nothing_half_done() {
    let house = House::new().await;
    let request = house.request("POST", WEBHOOKS, &house.owner).header("content-type", "application/json");
    let request = request.body(registration(101).to_string().into()).unwrap();
    assert_eq!(house.get(&house.owner, WEBHOOKS).await.status, 200, "the token is known from here on");
    let mut call = Box::pin(house.start(request));
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context))).await;
    assert!(polled.is_pending(), "the call is under way");
    drop(call);
    eventually(async || {
        let list = house.get(&house.owner, WEBHOOKS).await.json();
        (!list["data"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    // The list knows it from the store; that the node does, nobody was left to be told.
    eventually(async || {
        house.event(101).await;
        (house.receiver.count() > 0).then_some(())
    })
    .await;
}
