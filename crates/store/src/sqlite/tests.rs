//! What only an implementation in a file can get wrong, seen from inside.

use std::sync::Arc;

use rusqlite::Connection;
use stayhook_core::{DisableRule, EventId, EventType, PropertyId, Span, UnixMs};
use tempfile::TempDir;

use super::{SqliteOptions, SqliteStore, migrate, open, sql};
use crate::{Intake, Keyring, NewRow, Store, StoreError, Sweep};

fn options(home: &TempDir) -> SqliteOptions {
    let keyring = Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    SqliteOptions { path: home.path().join("stayhook.db"), keyring, migrate: true, exclusive: true }
}

/// A store whose database cannot grow beyond so many pages.
fn cramped(home: &TempDir, pages: i64) -> SqliteStore {
    let options = options(home);
    let opened = open::open(&options).unwrap();
    opened.writer.pragma_update(None, "max_page_count", pages).unwrap();
    SqliteStore::start(opened, options.keyring).unwrap()
}

fn event(number: u16, bytes: usize) -> NewRow {
    NewRow {
        id: EventId::new(UnixMs(1_780_000_000_000), u128::from(number) << 62),
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(101).unwrap(),
        booking: None,
        created_at: UnixMs(0),
        client: stayhook_core::ClientId::parse("bookings").unwrap(),
        origin: None,
        idempotency: None,
        bodies: vec![vec![b'x'; bytes].into()],
        targets: vec![],
    }
}

#[test]
fn every_statement_prepares() {
    let conn = Connection::open_in_memory().unwrap();
    migrate::migrate(&conn, true).unwrap();
    for (name, text) in sql::ALL {
        conn.prepare(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A statement whose cost grows with the database would be found out too late.
#[test]
fn no_statement_scans_or_sorts_a_table_that_grows() {
    /// What walks along an index and stops early, is shown whole, or is done once at start;
    /// the few webhooks of one property, which are sorted; and what somebody wants to be counted.
    const ON_PURPOSE: [&str; 10] = [
        "DUE_LANES",
        "EVENT_TYPES",
        "HANDOFFS",
        "LEASED",
        "OLDEST_EVENT",
        "OLDEST_WAITING",
        "STATUSES",
        "TOKENS",
        "WAITING_NOW",
        "WEBHOOKS_OF_PROPERTY",
    ];
    let conn = Connection::open_in_memory().unwrap();
    migrate::migrate(&conn, true).unwrap();
    let mut found = Vec::new();
    for (name, text) in sql::ALL {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let none = vec![rusqlite::types::Null; statement.parameter_count()];
        let mut rows = statement.query(rusqlite::params_from_iter(none)).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            let grows = step.starts_with("SCAN") && step != "SCAN CONSTANT ROW";
            if (grows || step.contains("TEMP B-TREE")) && !ON_PURPOSE.contains(name) {
                found.push(format!("{name}: {step}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What was acknowledged stays; what was not is refused with a clear error; and writing goes
/// on once there is room.
#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let store = Arc::new(cramped(&home, 60));
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..100 {
        let row = event(number, 8_000);
        let id = row.id;
        match store.intake(Intake { events: vec![row], ..Intake::default() }).await {
            Ok(_) => acknowledged.push(id),
            Err(StoreError::NotWritable(words)) => {
                assert!(words.contains("full"), "{words}");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 50 && acknowledged.len() > 5, "{refused} refused");
    for id in &acknowledged {
        assert!(store.event(*id).await.unwrap().is_some());
    }
    let (now, keep) = (UnixMs(1_790_000_000_000), Span::days(30));
    let sweep = Sweep { now, keep, prune: keep, disable: DisableRule::default(), batch: 1_000 };
    assert_eq!(store.sweep(sweep).await.unwrap().pruned, acknowledged.len() as u64);
    store.intake(Intake { events: vec![event(200, 8_000)], ..Intake::default() }).await.unwrap();
}

/// Many share the transaction that fails: none of them may believe that it was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_to_everybody_in_the_transaction() {
    let home = tempfile::tempdir().unwrap();
    let store = Arc::new(cramped(&home, 60));
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let row = event(number, 4_000);
                let id = row.id;
                (id, store.intake(Intake { events: vec![row], ..Intake::default() }).await.is_ok())
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        let (id, acknowledged) = task.await.unwrap();
        assert_eq!(store.event(id).await.unwrap().is_some(), acknowledged);
        stored += u32::from(acknowledged);
    }
    assert!((1..200).contains(&stored), "{stored}");
}
