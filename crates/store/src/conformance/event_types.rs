//! Event types that were added while the program runs.

use stayhook_core::{EventKind, Json};

use super::fixtures::*;

fn room(label: &str, schema: Option<&str>) -> EventKind {
    EventKind {
        name: kind("room.cleaned"),
        label: label.to_owned(),
        description: "A \"room\" is ready: ü".to_owned(),
        schema: schema.map(|it| Json::parse(it.as_bytes(), 64).unwrap()),
    }
}

pub async fn event_types_read_back(store: Any) {
    assert!(store.event_types().await.unwrap().is_empty());
    let schema = r#"{"type":"object","required":["number"],"properties":{"number":{"minimum":1.5}}}"#;
    let with_schema = room("Room cleaned", Some(schema));
    let plain = EventKind { name: kind("alarm.raised"), label: String::new(), ..room("", None) };
    store.put_event_type(with_schema.clone(), &order(at(1))).await.unwrap();
    store.put_event_type(plain.clone(), &order(at(2))).await.unwrap();
    assert_eq!(store.event_types().await.unwrap(), [plain, with_schema]);
}

pub async fn an_event_type_is_replaced(store: Any) {
    store.put_event_type(room("First", Some("{}")), &order(at(1))).await.unwrap();
    store.put_event_type(room("Second", None), &order(at(2))).await.unwrap();
    assert_eq!(store.event_types().await.unwrap(), [room("Second", None)]);
    let written = audit(&store).await;
    assert_eq!(written.len(), 2);
    store.put_event_type(room("Second", None), &order(at(3))).await.unwrap();
    assert_eq!(audit(&store).await, written, "what is there already is not written");
}

pub async fn announcing_adds_no_event_type(store: Any) {
    store.announce(vec![kind("booking.created"), kind("booking.updated")], 262_144).await.unwrap();
    store.announce(vec![kind("booking.created")], 1_024).await.unwrap();
    assert!(store.event_types().await.unwrap().is_empty());
    assert!(audit(&store).await.is_empty());
}
