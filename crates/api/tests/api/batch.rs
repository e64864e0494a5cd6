//! Events: many at once.

use axum::body::Body;
use serde_json::{Value, json};

use crate::house::{EVENT_BYTES, House, assert_problem, event, eventually};

const BATCH: &str = "/internal/v1/events/batch";

async fn results(house: &House, events: Value) -> Vec<Value> {
    let answer = house.post(&house.producer, BATCH, &json!({ "events": events })).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["results"].as_array().unwrap().clone()
}

#[tokio::test]
async fn each_event_of_a_batch_stands_for_itself_and_in_order() {
    let house = House::new().await;
    house.webhook(101).await;
    let keyed = |data: Value| json!({"type": "booking.created", "propertyId": 101, "data": data, "idempotencyKey": "k"});
    let big = json!({"type": "booking.created", "propertyId": 101, "data": {"x": "a".repeat(EVENT_BYTES)}});
    let results = results(
        &house,
        json!([
            event(101),
            {"type": "booking.vanished", "propertyId": 101, "data": {}, "x": 1},
            keyed(json!({})),
            keyed(json!({})),
            keyed(json!({"other": true})),
            "text",
            big,
            event(102),
        ]),
    )
    .await;
    assert_eq!(results.len(), 8);
    let accepted = |at: usize| (results[at]["duplicate"].clone(), results[at]["deliveries"].clone());
    assert_eq!(accepted(0), (json!(false), json!(1)));
    assert_eq!(accepted(2), (json!(false), json!(1)));
    assert_eq!(accepted(3), (json!(true), json!(1)));
    assert_eq!(results[3]["id"], results[2]["id"]);
    assert_eq!(accepted(7), (json!(false), json!(0)));
    assert_problem(&results[1]["error"], 422, "invalid_request");
    let pointers: Vec<_> =
        results[1]["error"]["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
    assert_eq!(pointers, ["/events/1/type", "/events/1/x"]);
    assert_problem(&results[4]["error"], 409, "idempotency_conflict");
    assert_problem(&results[5]["error"], 422, "invalid_request");
    assert_eq!(results[5]["error"]["errors"][0]["pointer"], "/events/5");
    assert_problem(&results[6]["error"], 413, "payload_too_large");
    eventually(async || (house.receiver.count() == 2).then_some(())).await;
}

#[tokio::test]
async fn a_property_outside_the_token_spoils_its_own_event_alone() {
    let house = House::new().await;
    let token = house.token("bookings", "events.write", Some(&[101])).await;
    let body = json!({"events": [event(102), event(101)]});
    let results = house.post(&token, BATCH, &body).await.json()["results"].clone();
    assert_problem(&results[0]["error"], 404, "not_found");
    assert_eq!(results[1]["duplicate"], false);
}

#[tokio::test]
async fn a_batch_holds_1_to_1000_events() {
    let house = House::new().await;
    let thousand = vec![event(101); 1_000];
    assert_eq!(results(&house, json!(thousand)).await.len(), 1_000);
    for (body, pointer) in [
        (json!({"events": []}), "/events"),
        (json!({"events": vec![event(101); 1_001]}), "/events"),
        (json!({"events": {}}), "/events"),
        (json!({}), "/events"),
        (json!({"events": [event(101)], "atomic": true}), "/atomic"),
    ] {
        let wrong = house.post(&house.producer, BATCH, &body).await.wrong("invalid_request");
        assert_eq!(wrong.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(), [pointer]);
    }
}

#[tokio::test]
async fn a_batch_of_nothing_valid_is_answered_without_the_engine() {
    let house = House::new().await;
    let results = results(&house, json!([{}, {}])).await;
    assert!(results.iter().all(|it| it["error"]["status"] == 422));
}

#[tokio::test]
async fn events_may_be_as_deep_in_a_batch_as_alone() {
    let house = House::new().await;
    let nested = |depth: usize| {
        let data = format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"type":"booking.created","propertyId":101,"data":{data}}}"#)
    };
    for (depth, status) in [(62, 202), (63, 400)] {
        let alone = house.write("POST", &house.producer, "/internal/v1/events", nested(depth)).await;
        let batch = format!(r#"{{"events":[{}]}}"#, nested(depth));
        let batch = house.write("POST", &house.producer, BATCH, batch).await.json();
        assert_eq!(alone.status, status, "{depth}");
        assert_eq!(batch["results"][0]["error"].is_null(), status == 202, "{depth}");
    }
}

/// What JSON forbids or readers disagree about spoils the event in which it stands.
#[tokio::test]
async fn an_event_that_cannot_be_read_spoils_no_other() {
    let house = House::new().await;
    house.webhook(101).await;
    let good = event(101).to_string();
    let bad = [
        r#"{"type":"booking.updated","type":"booking.updated","propertyId":101,"data":{}}"#.to_owned(),
        r#"{"type":"booking.updated","propertyId":101,"data":{"a":1,"a":2}}"#.to_owned(),
        format!(
            r#"{{"type":"booking.updated","propertyId":101,"data":{{"a":{}{}}}}}"#,
            "[".repeat(90),
            "]".repeat(90)
        ),
        r#"{"type":"booking.updated","propertyId":101,"data":{"a":1e999}}"#.to_owned(),
        r#"{"type":"booking.updated","propertyId":101,"data":{"a":"\ud800"}}"#.to_owned(),
    ];
    let body = format!(r#"{{"events":[{good},{},{good}]}}"#, bad.join(","));
    let answer = house.write("POST", &house.producer, BATCH, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let results = answer.json()["results"].as_array().unwrap().clone();
    for (at, result) in results.iter().enumerate() {
        if at == 0 || at == results.len() - 1 {
            assert_eq!(result["deliveries"], 1);
        } else {
            assert_problem(&result["error"], 400, "invalid_json");
            assert!(
                result["error"]["detail"].as_str().unwrap().contains(&format!("/events/{at}")),
                "{result}"
            );
        }
    }
    eventually(async || (house.receiver.count() == 2).then_some(())).await;
    house.write("POST", &house.producer, BATCH, r#"{"events":[{]}"#).await.problem(400, "invalid_json");
}

#[tokio::test]
async fn a_batch_is_bounded_as_a_whole_and_takes_no_key() {
    let house = House::new().await;
    let body = format!(r#"{{"events":["{}"]}}"#, "a".repeat(1_000 * EVENT_BYTES));
    house.write("POST", &house.producer, BATCH, body).await.problem(413, "payload_too_large");
    let request = house.request("POST", BATCH, &house.producer).header("content-type", "application/json");
    let request =
        request.header("idempotency-key", "k").body(Body::from(json!({"events": [event(101)]}).to_string()));
    house.send(request.unwrap()).await.problem(422, "invalid_request");
}
