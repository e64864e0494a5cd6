//! Events that are enqueued inside other programs' transactions.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use stayhook_core::{
    BookingId, ClientId, EventId, EventType, IdempotencyKey, Json, NewEvent, PropertyId, UnixMs,
};
use stayhook_store::{Accepted, Intake, PostgresStore, Receipt, Signal, Store, enqueue_in};

use crate::support::*;

pub(crate) async fn enqueue(conn: &mut PgConnection, call: &'static str) -> Result<EventId, String> {
    let id: Result<String, sqlx::Error> = sqlx::query_scalar(call).fetch_one(conn).await;
    match id {
        Ok(id) => Ok(EventId::parse(&id).unwrap()),
        Err(error) => Err(error.into_database_error().unwrap().message().to_owned()),
    }
}

/// As the engine does: a row for each, without targets.
async fn accept_collected(store: &PostgresStore, events: &[EventId]) -> Receipt {
    let rows = events.iter().map(|id| row(*id, &[])).collect();
    let intake = Intake { events: rows, collected: events.to_vec(), ..Intake::default() };
    store.intake(intake).await.unwrap()
}

async fn collect(store: &PostgresStore) -> Vec<EventId> {
    store.collect(100).await.unwrap().into_iter().map(|it| it.event).collect()
}

#[tokio::test]
async fn what_is_committed_is_collected_once() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let before = house.now().await;
    let call = r#"SELECT stayhook.enqueue('booking.created', 101, '{"booking":{"id":9001,"price":90.10}}', booking_id => 9001)"#;
    let mut tx = house.sql.begin().await.unwrap();
    enqueue(&mut tx, call).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = house.sql.begin().await.unwrap();
    let id = enqueue(&mut tx, call).await.unwrap();
    assert!(collect(&one).await.is_empty(), "not committed");
    tx.commit().await.unwrap();

    let collected = one.collect(100).await.unwrap();
    assert_eq!(collected.len(), 1);
    let new = &collected[0].new;
    assert_eq!((collected[0].event, new.kind.as_str(), new.property.get()), (id, "booking.created", 101));
    assert_eq!((&new.booking, new.client.as_str()), (&Some(BookingId::Number(9001)), "stayhook"));
    assert_eq!(new.data.get("booking").and_then(|it| it.get("price")).and_then(Json::as_f64), Some(90.1));
    assert!(id.accepted_at() >= before && id.accepted_at() <= house.now().await);
    assert!(collect(&two).await.is_empty(), "another node is at it");

    assert_eq!(accept_collected(&one, &[id]).await.results, [Accepted::New]);
    assert!(one.event(id).await.unwrap().is_some());
    assert_eq!(house.number("SELECT count(*) FROM stayhook.inbox").await, 0);
    // A node that was slower.
    let late = accept_collected(&two, &[id]).await.results;
    assert_eq!(late, [Accepted::Duplicate { id, deliveries: 0 }]);
}

#[tokio::test]
async fn what_a_dead_node_collected_is_collected_again() {
    let mut house = House::new().await;
    let node = house.node().await;
    let id = enqueue(&mut house.sql, "SELECT stayhook.enqueue('booking.created', 101, '{}')").await.unwrap();
    assert_eq!(collect(&node).await, [id]);
    house.run("UPDATE stayhook.inbox SET taken_until = taken_until - 11000").await;
    assert_eq!(collect(&node).await, [id]);
}

#[tokio::test]
async fn the_same_key_gives_the_first_event() {
    let mut house = House::new().await;
    let node = house.node().await;
    let mut call = async |call| enqueue(&mut house.sql, call).await;
    let first =
        call("SELECT stayhook.enqueue('booking.created', 1, '{\"a\":1}', idempotency_key => 'k')").await;
    let again =
        call("SELECT stayhook.enqueue('booking.created', 1, '{ \"a\" : 1 }', idempotency_key => 'k')").await;
    assert_eq!(first, again);
    let other =
        call("SELECT stayhook.enqueue('booking.created', 1, '{\"a\":2}', idempotency_key => 'k')").await;
    assert_eq!(other.unwrap_err(), "idempotency_key k was used before with other content");
    let theirs = call(
        "SELECT stayhook.enqueue('booking.created', 1, '{}', 'b', idempotency_key => 'k', client => 'other')",
    )
    .await;
    assert!(theirs.is_ok());
    assert_eq!(collect(&node).await.len(), 2);
}

#[tokio::test]
async fn a_bad_call_fails_in_the_callers_hands() {
    let mut house = House::new().await;
    house.node().await;
    let calls = [
        ("SELECT stayhook.enqueue('booking..created', 1, '{}')", "type is made of"),
        ("SELECT stayhook.enqueue(NULL, 1, '{}')", "type is made of"),
        ("SELECT stayhook.enqueue(repeat('a', 101), 1, '{}')", "type is made of"),
        ("SELECT stayhook.enqueue('a', 0, '{}')", "property_id is"),
        ("SELECT stayhook.enqueue('a', 9007199254740992, '{}')", "property_id is"),
        ("SELECT stayhook.enqueue('a', 1, '[]')", "data is a JSON object"),
        ("SELECT stayhook.enqueue('a', 1, NULL)", "data is a JSON object"),
        (
            "SELECT stayhook.enqueue('a', 1, jsonb_build_object('a', repeat('x', 262144)))",
            "data has 262152 bytes, at most 262144",
        ),
        (
            "SELECT stayhook.enqueue('a', 1, (repeat('{\"a\":', 65) || '1' || repeat('}', 65))::jsonb)",
            "data is nested",
        ),
        ("SELECT stayhook.enqueue('a', 1, '{\"a\":[1e400]}')", "data has a number"),
        ("SELECT stayhook.enqueue('a', 1, '{}', 9007199254740992)", "booking_id is"),
        ("SELECT stayhook.enqueue('a', 1, '{}', repeat('b', 65))", "booking_id is"),
        ("SELECT stayhook.enqueue('a', 1, '{}', idempotency_key => '')", "idempotency_key is"),
        ("SELECT stayhook.enqueue('a', 1, '{}', client => E'a\\nb')", "client is"),
        ("SELECT stayhook.enqueue('a', 1, '{}', origin_client_id => '')", "origin_client_id is"),
    ];
    for (call, words) in calls {
        let said = enqueue(&mut house.sql, call).await.unwrap_err();
        assert!(said.starts_with(words), "{call}: {said}");
    }
    assert_eq!(house.number("SELECT count(*) FROM stayhook.inbox").await, 0);
}

/// What the checks let pass can be read.
#[tokio::test]
async fn everything_that_is_taken_can_be_collected() {
    let mut house = House::new().await;
    let node = house.node().await;
    let calls = [
        "SELECT stayhook.enqueue('a', 1, (repeat('{\"a\":', 64) || '1' || repeat('}', 64))::jsonb)",
        "SELECT stayhook.enqueue('a', 1, '{\"a\":1.7976931348623157e308,\"b\":1e-400,\"a\":2}')",
        "SELECT stayhook.enqueue('a', 1, '{}', 'x\"y', created_at => '2026-05-28 12:00:00+02')",
        "SELECT stayhook.enqueue('a', 9007199254740991, '{\"\u{e9}\":\"\u{1f600}\\u0007\"}', -9007199254740991)",
    ];
    for call in calls {
        enqueue(&mut house.sql, call).await.unwrap();
    }
    let collected = node.collect(100).await.unwrap();
    assert_eq!(collected.len(), calls.len());
    assert_eq!(collected[2].new.booking, Some(BookingId::Text("x\"y".to_owned())));
    assert_eq!(collected[2].new.created_at, Some(UnixMs(1_779_962_400_000)));
}

#[tokio::test]
async fn rust_enqueues_in_a_transaction_of_its_own() {
    let mut house = House::new().await;
    let node = house.node().await;
    let event = |booking| NewEvent {
        client: ClientId::parse("bookings").unwrap(),
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(101).unwrap(),
        booking,
        data: Json::parse(br#"{"booking":{"id":1,"price":90.10}}"#, 64).unwrap(),
        raw: None,
        created_at: Some(UnixMs(1_780_000_000_123)),
        idempotency_key: Some(IdempotencyKey::parse("k").unwrap()),
        origin: Some(ClientId::parse("pms").unwrap()),
    };
    for booking in [None, Some(BookingId::Number(1)), Some(BookingId::Text("1".to_owned()))] {
        let mut tx = house.sql.begin().await.unwrap();
        let mut event = event(booking);
        event.idempotency_key = IdempotencyKey::parse(&format!("{:?}", event.booking)).ok();
        let id = enqueue_in(&mut tx, &event).await.unwrap();
        assert_eq!(enqueue_in(&mut tx, &event).await, Ok(id));
        tx.commit().await.unwrap();
        let collected = node.collect(10).await.unwrap();
        assert_eq!((collected.len(), collected[0].event), (1, id));
        let new = &collected[0].new;
        assert_eq!((&new.booking, &new.data), (&event.booking, &event.data));
        assert_eq!(
            (&new.client, &new.origin, new.created_at),
            (&event.client, &event.origin, event.created_at)
        );
    }
}

/// Those that overlap with another one's transaction too, which ring no bell.
#[tokio::test]
async fn a_commit_is_heard_of_at_once() {
    let mut house = House::new().await;
    let node = house.node().await;
    let mut signals = node.signals();
    let call = "SELECT stayhook.enqueue('a', 1, '{}')";
    let mut other = PgConnection::connect(house.database.url()).await.unwrap();
    let mut heard = async || {
        let mut next = async || while signals.recv().await.unwrap() != Signal::Inbox {};
        tokio::time::timeout(Duration::from_secs(5), next()).await.unwrap();
    };
    let mut first = house.sql.begin().await.unwrap();
    let mut second = other.begin().await.unwrap();
    enqueue(&mut first, call).await.unwrap();
    enqueue(&mut second, call).await.unwrap();
    first.commit().await.unwrap();
    heard().await;
    let collected = collect(&node).await;
    assert_eq!(collected.len(), 1);
    accept_collected(&node, &collected).await;
    second.commit().await.unwrap();
    heard().await;
    // A signal of the first may still have been on its way.
    while collect(&node).await.is_empty() {
        heard().await;
    }
}
