//! What belongs to a store in a file: surviving its process, and clear errors about the file.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a step that fails has to panic")]

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, Row};
use stayhook_core::{
    BookingId, ClientId, Credentials, DisableRule, EventId, EventType, IdempotencyKey, PropertyId, Secret,
    SigningSecret, Span, Subscription, UnixMs, WebhookId, WebhookOptions,
};
use stayhook_store::{
    Accepted, Author, Body, IdempotencyClaim, Intake, Keyring, NewRow, NewWebhook, Order, Patch, Rotation,
    Scope, SqliteOptions, SqliteStore, Store, StoreError, Sweep, Tally, Target, TargetFate,
};
use tempfile::TempDir;

const NOW: UnixMs = UnixMs(1_780_000_000_000);
const SECRET: &str = "whsec_9npwH6J8QyZp1L8U3xqG7sN2";

fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn database(home: &TempDir) -> PathBuf {
    home.path().join("stayhook.db")
}

fn options(path: &Path) -> SqliteOptions {
    let keyring = Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("32 bytes");
    SqliteOptions { path: path.to_owned(), keyring, migrate: true, exclusive: true }
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(options(path)).unwrap()
}

fn refused(options: SqliteOptions) -> StoreError {
    SqliteStore::open(options).err().expect("the file cannot be opened")
}

fn new_webhook() -> NewWebhook {
    NewWebhook {
        client: ClientId::parse("pms").unwrap(),
        property: PropertyId::new(101).unwrap(),
        url: "https://partner.example.com/hooks".to_owned(),
        events: Subscription::parse(["booking.created"]).unwrap(),
        description: None,
        options: WebhookOptions::default(),
        secret: SigningSecret::parse(SECRET).unwrap(),
        credentials: None,
        at: NOW,
        limit: 3,
    }
}

fn order(at: UnixMs) -> Order {
    Order::new(Author::Operator, at)
}

async fn webhook(store: &SqliteStore) -> WebhookId {
    store.create_webhook(new_webhook()).await.unwrap().webhook.id
}

fn row(id: EventId, webhook: WebhookId, fate: TargetFate) -> NewRow {
    NewRow {
        id,
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(101).unwrap(),
        booking: Some(BookingId::Number(9001)),
        created_at: NOW,
        client: ClientId::parse("bookings").unwrap(),
        origin: None,
        idempotency: None,
        bodies: vec![Body { profile: "nowistay".into(), bytes: Bytes::from_static(b"{}") }],
        targets: vec![Target { webhook, body: 0, fate }],
    }
}

fn event(number: u16) -> EventId {
    EventId::new(NOW, u128::from(number) << 62)
}

/// A copy of the files as they are at this moment is what a machine finds that lost power:
/// what was acknowledged is in it, in the log if not yet in the database.
#[tokio::test]
async fn what_was_acknowledged_survives_the_process() {
    let (home, elsewhere) = (home(), home());
    let store = open(&database(&home));
    let id = webhook(&store).await;
    store
        .intake(Intake { events: vec![row(event(1), id, TargetFate::Send)], ..Intake::default() })
        .await
        .unwrap();
    store
        .intake(Intake { events: vec![row(event(2), id, TargetFate::Wait)], ..Intake::default() })
        .await
        .unwrap();
    for name in ["stayhook.db", "stayhook.db-wal"] {
        fs::copy(home.path().join(name), elsewhere.path().join(name)).unwrap();
    }

    let after = open(&database(&elsewhere));
    assert_eq!(after.registry().await.unwrap()[0].secrets.current.expose(), SECRET);
    assert!(after.event(event(1)).await.unwrap().is_some());
    assert!(after.event(event(2)).await.unwrap().is_some());
    assert_eq!(after.take_over(NOW).await.unwrap(), 1);
    drop(store);
}

#[tokio::test]
async fn a_store_can_be_opened_again_as_soon_as_it_is_dropped() {
    let home = home();
    for number in 0..3 {
        let store = open(&database(&home));
        let id = webhook(&store).await;
        store
            .intake(Intake { events: vec![row(event(number), id, TargetFate::Wait)], ..Intake::default() })
            .await
            .unwrap();
        assert!(store.event(event(0)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn two_servers_never_share_a_file_but_a_command_may_work_beside_one() {
    let home = home();
    let path = database(&home);
    let server = open(&path);
    assert_eq!(refused(options(&path)), StoreError::Locked);
    let command = SqliteStore::open(SqliteOptions { exclusive: false, ..options(&path) }).unwrap();
    let id = webhook(&command).await;
    assert!(server.webhook(&Scope::EVERYTHING, id).await.unwrap().is_some());
    webhook(&server).await;
    drop(server);
    drop(open(&path));
}

#[tokio::test]
async fn a_wrong_key_is_noticed_at_once() {
    let home = home();
    let path = database(&home);
    drop(open(&path));
    let other = Keyring::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap();
    assert_eq!(refused(SqliteOptions { keyring: other, ..options(&path) }), StoreError::WrongKey);
    drop(open(&path));
}

#[test]
fn what_is_missing_is_named() {
    let home = home();
    let nowhere = home.path().join("missing/stayhook.db");
    let error = refused(options(&nowhere));
    assert!(matches!(&error, StoreError::Missing(path) if path.contains("missing/stayhook.db")), "{error}");
    let absent = SqliteOptions { migrate: false, ..options(&database(&home)) };
    assert!(matches!(refused(absent), StoreError::Missing(_)));
    assert!(!database(&home).exists(), "nothing was made");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let home = home();
    let text = "not a database, but long enough to look at ".repeat(40);
    fs::write(database(&home), &text).unwrap();
    let error = refused(options(&database(&home)));
    assert!(matches!(error, StoreError::NotOurs(_)), "{error}");
    assert_eq!(fs::read_to_string(database(&home)).unwrap(), text);
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let home = home();
    Connection::open(database(&home)).unwrap().execute_batch("CREATE TABLE theirs (n)").unwrap();
    assert!(matches!(refused(options(&database(&home))), StoreError::NotOurs(_)));
}

#[test]
fn a_newer_schema_is_left_alone() {
    let home = home();
    drop(open(&database(&home)));
    Connection::open(database(&home)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refused(options(&database(&home)));
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error}");
}

/// Another program that holds the file makes an error after a while, not a hang.
#[tokio::test]
async fn a_database_that_is_held_by_another_program_is_locked() {
    let home = home();
    let store = open(&database(&home));
    let other = Connection::open(database(&home)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.ping().await, Err(StoreError::Locked));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.ping().await, Ok(()));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = home();
    let store = open(&database(&home));
    for name in ["stayhook.db", "stayhook.db-wal"] {
        let mode = fs::metadata(home.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    drop(store);
}

/// What is stored of a webhook's secrets: sealed, and different each time.
fn sealed(path: &Path) -> Vec<Vec<u8>> {
    let conn = Connection::open(path).unwrap();
    let columns = "SELECT secret, next_secret, credentials FROM webhooks";
    let read = |row: &Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get::<_, Option<Vec<u8>>>(2)?]);
    conn.query_row(columns, [], read).unwrap().into_iter().flatten().collect()
}

/// Longer than a page of the file, so that it does not share one with the rest of its row.
fn long(password: &str) -> Credentials {
    let secret = Secret::new(password.repeat(1_000));
    Credentials::Basic { username: "stayhook".to_owned(), password: secret }
}

/// Where a piece of a sealed value is in the file: its beginning is with the row, its end may be
/// on a page of its own.
fn holds(path: &Path, value: &[u8]) -> bool {
    let file = fs::read(path).unwrap();
    [&value[..60], &value[value.len() - 60..]]
        .into_iter()
        .any(|piece| file.windows(piece.len()).any(|window| window == piece))
}

/// Neither the secrets nor, once they are replaced or deleted, their sealed forms are in the file.
#[tokio::test]
async fn what_is_replaced_or_deleted_of_secrets_is_wiped() {
    let home = home();
    let path = database(&home);
    let store = open(&path);
    let new = NewWebhook { credentials: Some(long("hunter2")), ..new_webhook() };
    let id = store.create_webhook(new).await.unwrap().webhook.id;
    let rotate = async |store: &SqliteStore, byte, overlap, at| {
        let rotation = Rotation { secret: SigningSecret::from_entropy([byte; 32]), overlap };
        store.rotate_secret(&Scope::EVERYTHING, id, rotation, &order(at)).await.unwrap();
    };
    rotate(&store, 1, Span::hours(1), NOW).await;
    drop(store);
    let first = sealed(&path);
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|it| holds(&path, it)));
    let whole = fs::read(&path).unwrap();
    for plain in [SECRET, "hunter2"] {
        assert!(!whole.windows(plain.len()).any(|window| window == plain.as_bytes()), "{plain}");
    }

    let store = open(&path);
    let patch = Patch { credentials: Some(Some(long("hunter3"))), ..Patch::default() };
    store.change_webhook(&Scope::EVERYTHING, id, patch, &order(NOW), NOW).await.unwrap();
    let (now, keep) = (NOW.after(Span::hours(1)), Span::days(30));
    let sweep = Sweep {
        now,
        keep,
        prune: keep,
        disable: DisableRule::default(),
        hold: stayhook_store::HoldLimits::default(),
        batch: 100,
    };
    store.sweep(sweep).await.unwrap();
    rotate(&store, 2, Span::hours(1), now).await;
    drop(store);
    let second = sealed(&path);
    assert!(second.len() == 3 && second.iter().all(|it| holds(&path, it)));
    for (column, value) in ["secret", "next_secret", "credentials"].into_iter().zip(&first) {
        assert!(!holds(&path, value), "{column} was replaced");
    }

    let store = open(&path);
    store.delete_webhook(&Scope::EVERYTHING, id, &order(NOW)).await.unwrap();
    drop(store);
    for (column, value) in ["secret", "next_secret", "credentials"].into_iter().zip(&second) {
        assert!(!holds(&path, value), "{column} was deleted");
    }
}

#[tokio::test]
async fn pruning_and_deleting_empty_every_table() {
    let home = home();
    let path = database(&home);
    let store = open(&path);
    let id = webhook(&store).await;
    let mut sent = row(event(1), id, TargetFate::Send);
    sent.bodies.push(Body { profile: "acme".into(), bytes: Bytes::from_static(b"[]") });
    sent.targets[0].body = 1;
    let key = IdempotencyKey::parse("order-1").unwrap();
    sent.idempotency = Some(IdempotencyClaim { key, content: [1; 32] });
    let skip = TargetFate::Skip(stayhook_core::Reason::NotEntitled);
    let rows = vec![sent, row(event(2), id, TargetFate::Wait), row(event(3), id, skip)];
    assert_eq!(
        store.intake(Intake { events: rows, ..Intake::default() }).await.unwrap().results,
        [Accepted::New; 3]
    );
    let (at, duration) = (NOW, Span::ZERO);
    let tally = Tally { webhook: id, at, accepted: 3, delivered: 0, failed: 0, duration };
    store.count(vec![tally]).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    let count = |table: &str| -> i64 {
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let growing = [
        "events",
        "bodies",
        "attempts",
        "handoffs",
        "pending",
        "idempotency",
        "webhooks",
        "webhook_urls",
        "lanes",
        "tallies",
    ];
    for table in growing {
        assert!(count(table) > 0, "{table} is used");
    }

    let (now, keep) = (NOW.after(Span::days(31)), Span::days(30));
    let sweep = Sweep {
        now,
        keep,
        prune: keep,
        disable: DisableRule::default(),
        hold: stayhook_store::HoldLimits::default(),
        batch: 100,
    };
    store.sweep(sweep).await.unwrap();
    store.delete_webhook(&Scope::EVERYTHING, id, &order(now)).await.unwrap();
    for table in growing {
        assert_eq!(count(table), 0, "{table}");
    }
}
