//! Event types that administrators add, and the schemas that events are held against.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::house::{House, assert_problem, event, registration};

const EVENTS: &str = "/internal/v1/events";
const CLEANED: &str = "/admin/v1/event-types/room.cleaned";

fn cleaned(data: &Value) -> Value {
    json!({"type": "room.cleaned", "propertyId": 101, "data": data})
}

async fn put(house: &House, body: &Value) {
    let answer = house.put(&house.admin, CLEANED, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn an_event_type_that_is_added_is_known_everywhere_at_once() {
    let house = House::new().await;
    house.post(&house.producer, EVENTS, &cleaned(&json!({}))).await.problem(422, "invalid_request");
    let mut subscription = registration(101);
    subscription["events"] = json!(["room.*"]);
    let webhooks = "/public/v1/webhooks";
    house.post(&house.owner, webhooks, &subscription).await.problem(422, "invalid_webhook");

    let body =
        json!({"label": "Room cleaned", "description": "A room is ready", "schema": {"type": "object"}});
    let answer = house.put(&house.admin, CLEANED, &body).await;
    let mut expected = body.clone();
    expected["name"] = json!("room.cleaned");
    assert_eq!((answer.status, answer.json()), (200, expected.clone()));
    let listed = house.get(&house.owner, "/public/v1/event-types").await.json();
    assert!(listed["data"].as_array().unwrap().contains(&expected));
    assert_eq!(house.post(&house.owner, webhooks, &subscription).await.status, 201);
    let receipt = house.post(&house.producer, EVENTS, &cleaned(&json!({}))).await;
    assert_eq!((receipt.status, &receipt.json()["deliveries"]), (202, &json!(1)));

    let bare = house.put(&house.admin, CLEANED, &json!({"schema": null})).await.json();
    assert_eq!(bare, json!({"name": "room.cleaned", "label": "room.cleaned", "description": ""}));
}

#[tokio::test]
async fn what_is_wrong_with_an_event_type_is_named() {
    let house = House::new().await;
    for (body, pointer) in [
        (json!({"label": ""}), "/label"),
        (json!({"label": "a\tb"}), "/label"),
        (json!({"label": "x".repeat(121)}), "/label"),
        (json!({"description": 7}), "/description"),
        (json!({"description": "x".repeat(1_001)}), "/description"),
        (json!({"name": "room.cleaned"}), "/name"),
        (json!({"schema": true}), "/schema"),
        (json!({"schema": {"type": "text"}}), "/schema/type"),
        (json!({"schema": {"properties": {"a/b": {"minLength": -1}}}}), "/schema/properties/a~1b/minLength"),
        (json!({"schema": {"$ref": "https://example.com/schema"}}), "/schema/$ref"),
        (json!({"schema": {"items": {"$ref": "#"}}}), "/schema/items/$ref"),
        (json!({"schema": {"pattern": "(?=x)"}}), "/schema/pattern"),
        (json!({"schema": {"$schema": "https://example.com/mine"}}), "/schema/$schema"),
    ] {
        let wrong = house.put(&house.admin, CLEANED, &body).await.wrong("invalid_request");
        assert_eq!(wrong[0].0, pointer, "{body}");
    }
    for name in ["room.*", "room..x", "room-x", &"x".repeat(101)] {
        let wrong = house.put(&house.admin, &format!("/admin/v1/event-types/{name}"), &json!({})).await;
        assert_eq!(wrong.wrong("invalid_request")[0].0, "/type", "{name}");
    }
    let nested = format!(r#"{{"schema":{}1{}}}"#, r#"{"not":"#.repeat(70), "}".repeat(70));
    house.write("PUT", &house.admin, CLEANED, nested).await.problem(400, "invalid_json");
    let large = json!({"schema": {"description": "x".repeat(70_000)}});
    house.put(&house.admin, CLEANED, &large).await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn events_are_held_against_the_schema_of_their_type() {
    let house = House::new().await;
    let schema = json!({
        "type": "object",
        "required": ["room"],
        "properties": {
            "room": {"type": "integer", "minimum": 1},
            "by": {"$ref": "#/$defs/person"},
        },
        "additionalProperties": false,
        "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}}}},
    });
    put(&house, &json!({"schema": schema})).await;
    let report = async |data: Value| house.post(&house.producer, EVENTS, &cleaned(&data)).await;
    for fits in [json!({"room": 7}), json!({"room": 7.0, "by": {"name": "anna"}})] {
        assert_eq!(report(fits).await.status, 202);
    }
    for (data, expected) in [
        (json!({}), vec!["/data"]),
        (json!({"room": 0}), vec!["/data/room"]),
        (json!({"room": "7", "by": {"name": "Anna!"}}), vec!["/data/by/name", "/data/room"]),
        (json!({"room": 7, "floor": 1}), vec!["/data"]),
    ] {
        let wrong = report(data.clone()).await.wrong("invalid_request");
        let mut pointers: Vec<&str> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, expected, "{data}");
        assert!(!wrong.iter().any(|(_, detail)| detail.contains("Anna")), "{wrong:?}");
    }
    assert_eq!(house.post(&house.producer, EVENTS, &event(101)).await.status, 202, "other types are free");

    put(&house, &json!({})).await;
    assert_eq!(report(json!({"floor": 1})).await.status, 202, "the schema is gone");
}

#[tokio::test]
async fn a_batch_names_what_does_not_fit_event_by_event() {
    let house = House::new().await;
    put(&house, &json!({"schema": {"properties": {"rooms": {"items": {"type": "integer"}}}}})).await;
    let wrong: Vec<Value> = (0..50).map(|n| json!(format!("r{n}"))).collect();
    let body = json!({"events": [cleaned(&json!({"rooms": [1]})), cleaned(&json!({"rooms": wrong}))]});
    let results = house.post(&house.producer, "/internal/v1/events/batch", &body).await.json();
    assert_eq!(results["results"][0]["duplicate"], false);
    let error = &results["results"][1]["error"];
    assert_problem(error, 422, "invalid_request");
    let errors = error["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[3]["pointer"]), (20, &json!("/events/1/data/rooms/3")));
}

/// A schema may be as complex as is allowed, and data as large: other callers still get answers.
#[tokio::test]
async fn no_schema_and_no_data_make_the_node_hang() {
    let house = House::new().await;
    let mut any = String::new();
    for n in 0..900 {
        write!(any, r#"{{"const":"{n}"}},"#).unwrap();
    }
    let schema =
        format!(r#"{{"schema":{{"properties":{{"a":{{"items":{{"anyOf":[{any}{{"const":0}}]}}}}}}}}}}"#);
    assert_eq!(house.write("PUT", &house.admin, CLEANED, schema).await.status, 200);
    let data = format!("[{}0]", "1,".repeat(1_900));
    let large = format!(r#"{{"type":"room.cleaned","propertyId":101,"data":{{"a":{data}}}}}"#);
    let checked = house.write("POST", &house.producer, EVENTS, large);
    let of_another_type = event(101);
    let other = house.post(&house.producer, EVENTS, &of_another_type);
    let (checked, other) = tokio::join!(checked, other);
    checked.problem(422, "invalid_request");
    assert_eq!(other.status, 202);
    let blown = json!({"schema": {"$defs": {
        "a": {"allOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}]},
        "b": {"allOf": [{"$ref": "#/$defs/c"}, {"$ref": "#/$defs/c"}, {"$ref": "#/$defs/c"}, {"$ref": "#/$defs/c"}]},
        "c": {"allOf": [{"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d"}]},
        "d": {"enum": (0..40).collect::<Vec<_>>()},
    }, "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}});
    let wrong = house.put(&house.admin, CLEANED, &blown).await.wrong("invalid_request");
    assert!(wrong[0].1.contains("too complex"), "{wrong:?}");
}
