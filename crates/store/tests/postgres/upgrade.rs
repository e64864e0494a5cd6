//! From version 1 of the schema to the next, with nodes of the version before running beside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use stayhook_core::{EventKind, EventType, SigningSecret, UnixMs, WebhookId};
use stayhook_store::{PostgresStore, Scope, Store, Timing};

use crate::support::*;

/// What a node of version 1 writes when a webhook is registered: number, slot, sealed secret.
const REGISTER: &str = "WITH webhook AS (
        INSERT INTO stayhook.webhooks (id, client, property_id, slot, url, url_number, description,
            events, status, include_custom_parameters, skip_own, ordering, profile, shadow_profile, secret,
            version, created_at, updated_at)
        VALUES ($1, 'pms', 1, $2, 'https://partner.example.com/hooks', 1, NULL, '[\"booking.created\"]', 'active',
            false, false, 'none', NULL, NULL, $3, 1, 0, 0)
    ), url AS (
        INSERT INTO stayhook.webhook_urls (webhook_id, number, url) VALUES ($1, 1, 'https://partner.example.com/hooks')
    )
    INSERT INTO stayhook.lanes (webhook_id, held) VALUES ($1, false)";
/// What it writes when a webhook is changed.
const CHANGE: &str =
    "UPDATE stayhook.webhooks SET url = url, url_number = 1, description = 'changed', events = events,
        status = 'active', status_since = NULL, disabled_words = NULL, include_custom_parameters = false,
        skip_own = false, ordering = 'none', profile = NULL, shadow_profile = NULL, version = version + 1,
        updated_at = 1
    WHERE id = $1";
/// And how it learns of changes.
const FOLLOW: &str =
    "SELECT DISTINCT webhook_id FROM stayhook.registry_changes WHERE generation > $1 ORDER BY 1";

const ID: i64 = 1;

/// A database as version 1 left it, with a webhook.
async fn version_1() -> House {
    let mut donor = House::new().await;
    let node = donor.node().await;
    assert_eq!(webhook(&node, 1).await, WebhookId(ID));
    let secret: Vec<u8> =
        sqlx::query_scalar("SELECT secret FROM stayhook.webhooks").fetch_one(&mut donor.sql).await.unwrap();

    let mut house = House::new().await;
    house.run("CREATE SCHEMA stayhook").await;
    house.run(include_str!("../../../../migrations/postgres/0001_init.sql")).await;
    house.run("INSERT INTO stayhook.migrations (version) VALUES (1)").await;
    register(&mut house.sql, ID, 1, &secret).await;
    house
}

async fn register(conn: &mut PgConnection, id: i64, slot: i32, secret: &[u8]) {
    sqlx::query(REGISTER).bind(id).bind(slot).bind(secret).execute(conn).await.unwrap();
}

/// Writes as a node of version 1 until it is told to stop, and never waits for long; returns
/// how often.
async fn write(url: String, stop: Arc<AtomicBool>) -> i64 {
    let mut conn = PgConnection::connect(&url).await.unwrap();
    sqlx::query("SET statement_timeout = '1300ms'").execute(&mut conn).await.unwrap();
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        sqlx::query(CHANGE).bind(ID).execute(&mut conn).await.unwrap();
        written += 1;
    }
    written
}

async fn only_webhook(node: &PostgresStore) -> stayhook_store::Registered {
    node.registered(&[WebhookId(ID)]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_database_of_version_1_is_brought_up_while_its_nodes_write() {
    let mut house = version_1().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(house.database.url().to_owned(), Arc::clone(&stop)));
    let node = house.node().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    let it = only_webhook(&node).await;
    assert_eq!((it.webhook.version, it.webhook.client.as_str()), (written + 1, "pms"));
    assert_eq!(it.secrets.current.expose(), SigningSecret::from_entropy([7; 32]).expose());
    assert!(it.secrets.next.is_none() && it.credentials.is_none() && it.entitlement.set.is_none());
    assert_eq!(house.number("SELECT max(version) FROM stayhook.migrations").await, 4);

    // Nodes of version 1 go on as before, also with what only newer ones write.
    let secret: Vec<u8> =
        sqlx::query_scalar("SELECT secret FROM stayhook.webhooks").fetch_one(&mut house.sql).await.unwrap();
    register(&mut house.sql, 1_000, 2, &secret).await;
    assert!(node.webhook(&Scope::EVERYTHING, WebhookId(1_000)).await.unwrap().is_some());
    let generation = node.registry_changes(0).await.unwrap().generation;
    let kind = EventKind {
        name: EventType::parse("room.cleaned").unwrap(),
        label: String::new(),
        description: String::new(),
        schema: None,
    };
    node.put_event_type(kind, &order(UnixMs(1))).await.unwrap();
    node.delete_webhook(&Scope::EVERYTHING, WebhookId(1_000), &order(UnixMs(2))).await.unwrap();
    let followed: Vec<i64> =
        sqlx::query_scalar(FOLLOW).bind(generation).fetch_all(&mut house.sql).await.unwrap();
    assert_eq!(followed, [0, 1_000], "0 is none of the webhooks that it knows");
}

/// The migration has to wait for it, and nobody has to wait for the migration.
#[tokio::test]
async fn a_long_transaction_keeps_nobody_but_the_migration_waiting() {
    let mut house = version_1().await;
    let mut reader = PgConnection::connect(house.database.url()).await.unwrap();
    let mut long = reader.begin().await.unwrap();
    sqlx::query("SELECT FROM stayhook.webhooks").fetch_all(&mut *long).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(house.database.url().to_owned(), Arc::clone(&stop)));
    let opened = async { try_open(&house.database, Timing::Database).await };
    let release = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        long.commit().await.unwrap();
    };
    let (opened, ()) = tokio::join!(opened, release);
    let node = opened.unwrap();
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert_eq!(only_webhook(&node).await.webhook.version, written + 1);
    assert_eq!(house.number("SELECT max(version) FROM stayhook.migrations").await, 3);
}
