//! What only an implementation in a file can get wrong, seen from inside.

use std::sync::Arc;

use rusqlite::{Connection, params};
use stayhook_core::{
    DisableRule, EventId, EventType, PropertyId, SigningSecret, Span, State, UnixMs, WebhookId,
};
use tempfile::TempDir;

use super::{SqliteOptions, SqliteStore, migrate, open, sql};
use crate::seal::Purpose;
use crate::{Author, Claim, Entitlement, Intake, Keyring, NewRow, Order, Scope, Store, StoreError, Sweep};

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
        bodies: vec![crate::Body { profile: "nowistay".into(), bytes: vec![b'x'; bytes].into() }],
        targets: vec![],
    }
}

#[test]
fn every_statement_prepares() {
    let conn = Connection::open_in_memory().unwrap();
    migrate::migrate(&conn, true).unwrap();
    assert!(sql::ALL.len() < open::STATEMENTS, "each is prepared once");
    for (name, text) in sql::ALL {
        conn.prepare(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A database of version 1, in use: one webhook that fails, a delivery that waits, a token.
fn first_version(options: &SqliteOptions) {
    let conn = Connection::open(&options.path).unwrap();
    conn.execute_batch(migrate::STEPS[0]).unwrap();
    conn.pragma_update(None, "application_id", migrate::APPLICATION).unwrap();
    conn.pragma_update(None, "user_version", 1).unwrap();
    conn.pragma_update(None, "journal_mode", "wal").unwrap();
    let seal = |purpose, id, text: &str| options.keyring.seal(WebhookId(id), purpose, text.as_bytes());
    let secret = seal(Purpose::SigningSecret, 1, SigningSecret::from_entropy([7; 32]).expose()).unwrap();
    let check = seal(Purpose::KeyCheck, 0, "stayhook").unwrap();
    let (event, targets) = (event(1, 0).id.to_bytes(), [0_u8, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    conn.execute("INSERT INTO meta VALUES ('key_check', ?1)", [check]).unwrap();
    conn.execute(
        "INSERT INTO webhooks VALUES (1, 'pms', 101, 1, 'https://a.example.com/', 1, 'note', '[\"booking.*\"]',
            'active', NULL, NULL, 1, 0, 'none', NULL, NULL, ?1, 4, 5, 6)",
        [secret],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO events VALUES (?1, 'booking.created', 101, '9001', 5, 'bookings', NULL, NULL, ?2, x'7b7d')",
        params![event, targets],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO attempts VALUES (1, ?1, 1, 6, 7, 1, 500, 'status', 'no', NULL, 9, NULL, NULL)",
        [event],
    )
    .unwrap();
    conn.execute("INSERT INTO pending VALUES (1, ?1, 9, 1, 1, '9001', 0)", [event]).unwrap();
    conn.execute_batch(
        "INSERT INTO webhook_urls VALUES (1, 1, 'https://a.example.com/');
         INSERT INTO lanes VALUES (1, 9, 0, 6, 6, NULL, NULL);
         INSERT INTO tokens VALUES (1, 'first', 'pms', '[\"admin\"]', '\"all\"', zeroblob(32), 5, NULL);",
    )
    .unwrap();
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_and_keeps_everything() {
    let home = tempfile::tempdir().unwrap();
    first_version(&options(&home));
    let unmigrated = SqliteStore::open(SqliteOptions { migrate: false, ..options(&home) });
    assert_eq!(unmigrated.err(), Some(StoreError::OlderSchema { found: 1, needed: 4 }));
    let store = SqliteStore::open(options(&home)).unwrap();
    let all = store.registry().await.unwrap();
    let [one] = &all[..] else { panic!("one webhook") };
    assert_eq!((one.webhook.id, one.webhook.version, one.url_number), (WebhookId(1), 4, 1));
    assert_eq!(one.webhook.status.failing().map(|it| it.since), Some(UnixMs(6)));
    assert_eq!(one.secrets.current.expose(), SigningSecret::from_entropy([7; 32]).expose());
    assert!(one.secrets.next.is_none() && one.credentials.is_none());
    assert_eq!(one.entitlement, Entitlement::default());
    let delivery = store.delivery(&Scope::EVERYTHING, WebhookId(1), event(1, 0).id).await.unwrap();
    let (line, attempts) = delivery.unwrap();
    assert_eq!((line.state, line.attempts, line.next_attempt_at), (State::Pending, 1, Some(UnixMs(9))));
    assert_eq!(attempts[0].reply.status, Some(500));
    assert_eq!(store.tokens().await.unwrap()[0].name, "first");
    let due =
        Claim { now: UnixMs(9), lease: Span::seconds(1), lanes: 1, per_lane: 1, skip: vec![], after: None };
    assert_eq!(store.claim(due).await.unwrap().due[0].body.bytes.as_ref(), b"{}");
    // And what is new works on it.
    let by = Order::new(Author::Operator, UnixMs(10));
    let entitled = store.set_entitlement(PropertyId::new(101).unwrap(), false, &by).await.unwrap();
    assert_eq!(entitled[0].entitlement.set, Some(false));
}

/// A statement whose cost grows with the database would be found out too late.
#[test]
fn no_statement_scans_or_sorts_a_table_that_grows() {
    /// What walks along an index and stops early, is shown whole, or is done once at start;
    /// the few webhooks of one property, which are sorted; and what somebody wants to be counted.
    const ON_PURPOSE: [&str; 12] = [
        "DUE_LANES",
        "EVENT_TYPES",
        "FREEING",
        "HANDOFFS",
        "IS_FREEING",
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
    let sweep = Sweep {
        now,
        keep,
        prune: keep,
        disable: DisableRule::default(),
        hold: crate::HoldLimits::default(),
        batch: 1_000,
    };
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
