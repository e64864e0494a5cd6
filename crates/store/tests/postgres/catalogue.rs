//! Which types and sizes `stayhook.enqueue` accepts.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use stayhook_core::{EventKind, EventType, Json, UnixMs};
use stayhook_store::Store;

use crate::inbox::enqueue;
use crate::support::*;

const VANISHED: &str = "SELECT stayhook.enqueue('booking.vanished', 1, '{}')";
const CREATED: &str = "SELECT stayhook.enqueue('booking.created', 1, '{}')";

fn kind(name: &str) -> EventType {
    EventType::parse(name).unwrap()
}

#[tokio::test]
async fn an_unknown_type_fails_in_the_callers_hands() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    assert!(enqueue(&mut house.sql, VANISHED).await.is_ok(), "nobody has said anything yet");

    one.announce(vec![kind("booking.created")], 262_144).await.unwrap();
    assert!(enqueue(&mut house.sql, CREATED).await.is_ok());
    let words = "type booking.vanished is not in the catalogue: GET /public/v1/event-types lists it";
    assert_eq!(enqueue(&mut house.sql, VANISHED).await.unwrap_err(), words);

    // What a newer node knows besides.
    two.announce(vec![kind("booking.updated")], 262_144).await.unwrap();
    for known in [CREATED, "SELECT stayhook.enqueue('booking.updated', 1, '{}')"] {
        assert!(enqueue(&mut house.sql, known).await.is_ok(), "{known}");
    }
    let added = EventKind {
        name: kind("booking.vanished"),
        label: String::new(),
        description: String::new(),
        schema: None,
    };
    two.put_event_type(added, &order(UnixMs(1))).await.unwrap();
    assert!(enqueue(&mut house.sql, VANISHED).await.is_ok());
}

/// Every node says it at every start.
#[tokio::test]
async fn what_was_announced_before_is_not_written_again() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let types = || vec![kind("booking.created"), kind("booking.updated")];
    let (mine, theirs) = tokio::join!(one.announce(types(), 1_024), two.announce(types(), 1_024));
    mine.and(theirs).unwrap();
    let rows = "SELECT sum(xmin::text::bigint)::bigint FROM (SELECT xmin FROM stayhook.announced_types
        UNION ALL SELECT xmin FROM stayhook.meta WHERE name = 'event_bytes') written";
    let written = house.number(rows).await;
    one.announce(types(), 1_024).await.unwrap();
    assert_eq!(house.number(rows).await, written);
    one.announce(types(), 2_048).await.unwrap();
    assert_ne!(house.number(rows).await, written);
    let bytes = "SELECT convert_from(value, 'UTF8')::bigint FROM stayhook.meta WHERE name = 'event_bytes'";
    assert_eq!(house.number(bytes).await, 2_048);
}

#[tokio::test]
async fn data_is_measured_by_the_announced_limit() {
    let mut house = House::new().await;
    let node = house.node().await;
    node.announce(vec![kind("a")], 64).await.unwrap();
    // Of the number nothing counts but its digit: others may write it shorter.
    let fits = r#"SELECT stayhook.enqueue('a', 1, '{"list":[1,2,3,{"a":1,"b":[]}],"big":1e300,"text":"0123456789abcde"}')"#;
    assert!(enqueue(&mut house.sql, fits).await.is_ok());
    let large = r#"SELECT stayhook.enqueue('a', 1, '{"list":[1,2,3,{"a":1,"b":[]}],"big":1e300,"text":"0123456789abcdef"}')"#;
    let said = enqueue(&mut house.sql, large).await.unwrap_err();
    assert!(said.starts_with("data has 65 bytes, at most 64 are allowed"), "{said}");
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<f64>().prop_filter("JSON has no other", |it| it.is_finite()).prop_map(|it| format!("{it:e}")),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?(e-?[0-9]{1,2})?",
        "[a-z:, \"\\\\\u{e9}\u{1f600}\n\u{7f}]{0,8}".prop_map(|it| quoted(&it)),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let members = proptest::collection::vec(("[a-c, :]{0,3}", inner.clone()), 0..6).prop_map(|list| {
            let list: Vec<String> =
                list.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
            format!("{{{}}}", list.join(","))
        });
        let items = proptest::collection::vec(inner, 0..6).prop_map(|list| format!("[{}]", list.join(",")));
        prop_oneof![members, items]
    })
}

fn quoted(text: &str) -> String {
    String::from_utf8(Json::from(text).to_stable_bytes()).unwrap()
}

/// What is small enough over HTTP, measured as it was sent or as compact JSON, is small enough
/// here; and nothing is taken for much smaller than it is.
#[tokio::test]
async fn no_data_is_measured_as_more_than_it_is() {
    let mut house = House::new().await;
    house.node().await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut texts: Vec<String> = (0..500).map(|_| json().new_tree(&mut runner).unwrap().current()).collect();
    texts.extend([
        r#"{"a": [1.50, 1e5, -0.0, 100, 0.30000000000000004, 12345678901234567890], "b, c: d": {}}"#
            .to_owned(),
    ]);
    let measure = "SELECT stayhook.least_bytes(text::jsonb) FROM unnest($1::text[]) WITH ORDINALITY t(text, place) ORDER BY place";
    let measured: Vec<i64> =
        sqlx::query_scalar(measure).bind(&texts).fetch_all(&mut house.sql).await.unwrap();
    for (text, measured) in texts.iter().zip(measured) {
        let measured = usize::try_from(measured).unwrap();
        assert!(measured <= text.len(), "{text}: {measured}");
        // Members that are named twice are refused over HTTP.
        if let Ok(json) = Json::parse(text.as_bytes(), 64) {
            let compact = json.to_stable_bytes().len();
            assert!(measured <= compact, "{text}: {measured}, compact {compact}");
        }
    }
    let exact = r#"SELECT stayhook.least_bytes('{"a": [1, 2, {"b": "x, y: z"}], "c": null}')"#;
    assert_eq!(house.number(exact).await, r#"{"a":[1,2,{"b":"x, y: z"}],"c":null}"#.len() as i64);
}
