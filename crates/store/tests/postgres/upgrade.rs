//! From earlier versions of the schema to this one, with nodes of those versions running beside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use stayhook_core::{EventKind, EventType, Next, Outcome, SigningSecret, UnixMs, WebhookChange, WebhookId};
use stayhook_store::{Fate, Origin, Patch, PostgresStore, Scope, Store, Timing};

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
    assert_eq!(house.number("SELECT max(version) FROM stayhook.migrations").await, 5);

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
    assert_eq!(house.number("SELECT max(version) FROM stayhook.migrations").await, 5);
}

/// What a node of version 2 writes: that it is there,
const ALIVE: &str =
    "INSERT INTO stayhook.nodes (name, seen_at) VALUES ('older', stayhook.clock()) RETURNING id";
/// an event that it sends at once,
const ACCEPT: &str = "WITH accepted AS (
        INSERT INTO stayhook.events (id, kind, property_id, booking, created_at, client, origin,
            idempotency_key, targets, body)
        VALUES ($1, 'booking.created', 1, '9', 0, 'pms', NULL, NULL, $2, '{}')
    )
    INSERT INTO stayhook.handoffs (node_id, event_ids, webhook_ids) VALUES ($3, ARRAY[$1::uuid], ARRAY[$4::bigint]) RETURNING id";
/// that its attempt failed and the next is due,
const FAIL: &str = "WITH written AS (
        INSERT INTO stayhook.attempts (webhook_id, event_id, n, at, duration_ms, url_number, status, fault,
            fault_words, body, next_at, final, reason)
        VALUES ($1, $2, 1, 0, 1, 1, 500, 'status', 'answered 500', NULL, 1, NULL, NULL)
    ), finished AS (
        DELETE FROM stayhook.handoffs
    ), awake AS (
        UPDATE stayhook.lanes SET due_at = 1 WHERE webhook_id = $1
    )
    INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking)
    VALUES ($1, $2, 1, 1, 1, '9')";
/// and that it tries what is due.
const LEASE: &str =
    "UPDATE stayhook.pending SET due_at = $1, leased_by = $2 WHERE due_at <= stayhook.clock()";

/// A database as version 2 left it, with a webhook.
async fn version_2() -> House {
    let mut house = version_1().await;
    house.run(include_str!("../../../../migrations/postgres/0002_administration.sql")).await;
    house.run("INSERT INTO stayhook.migrations (version) VALUES (2)").await;
    house
}

async fn in_order(node: &PostgresStore, now: UnixMs) -> Result<(), String> {
    let change =
        WebhookChange { ordering: Some(stayhook_core::Ordering::Booking), ..WebhookChange::default() };
    let patch = Patch { change, credentials: None };
    let scope = Scope::EVERYTHING;
    let changed = node.change_webhook(&scope, WebhookId(ID), patch, &order(now), now).await;
    changed.map(|_| ()).map_err(|error| error.to_string())
}

/// They deliver what they accept, newer nodes deliver what they leave behind, and what they enqueue.
#[tokio::test]
async fn nodes_of_version_2_go_on_beside_newer_ones() {
    let mut house = version_2().await;
    let older: i64 = sqlx::query_scalar(ALIVE).fetch_one(&mut house.sql).await.unwrap();
    let node = house.node().await;
    let now = house.now().await;
    // Webhook, number of the body, and that it is sent.
    let targets = [&ID.to_be_bytes()[..], &[0, 0]].concat();
    let first = event(now, 1);
    let handoff: i64 = sqlx::query_scalar(ACCEPT)
        .bind(first.as_uuid())
        .bind(&targets)
        .bind(older)
        .bind(ID)
        .fetch_one(&mut house.sql)
        .await
        .unwrap();
    assert!(handoff > 0);
    sqlx::query(FAIL).bind(ID).bind(first.as_uuid()).execute(&mut house.sql).await.unwrap();
    let due = claim(&node, house.now().await).await.due;
    assert_eq!(due.iter().map(|it| (it.event, it.progress.attempts)).collect::<Vec<_>>(), [(first, 1)]);
    assert_eq!(&*due[0].body.profile, "nowistay", "as the older one made it");
    let done = conclusion(WebhookId(ID), first, Origin::Claim, 1, tried(Outcome::Accepted, now));
    assert_eq!(conclude(&node, done, now).await.fates, [Fate::Written(Next::Delivered)]);

    // The other way round.
    wait(&node, WebhookId(ID), event(now, 2)).await;
    let leased = sqlx::query(LEASE).bind(now.0 + 60_000).bind(older).execute(&mut house.sql).await.unwrap();
    assert_eq!(leased.rows_affected(), 1);
    assert!(claim(&node, house.now().await).await.due.is_empty());
    house.run("SELECT stayhook.enqueue('booking.created', 1, '{}', 9)").await;
    assert_eq!(node.collect(10, FRESH).await.unwrap().len(), 1);
}

/// Accepts events as they do, one after the other, in the order of tables that their statement has.
const INTAKE: &str = "WITH accepted AS (
        INSERT INTO stayhook.events (id, kind, property_id, created_at, client, targets, body)
        VALUES (stayhook.new_event_id(), 'booking.created', 1, 0, 'pms', '', '{}') RETURNING id
    ), waiting AS (
        INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking)
        SELECT $1, id, 1, 0, 0, NULL FROM accepted
    ), awake AS (
        UPDATE stayhook.lanes SET due_at = 1 WHERE webhook_id = $1 AND due_at > 1
    )
    SELECT 1";

/// The tables that a migration changes are those that busy nodes write to all the time.
#[tokio::test]
async fn a_database_of_version_2_is_brought_up_while_its_nodes_accept() {
    let mut house = version_2().await;
    house.run("SELECT stayhook.add_day((stayhook.clock() / 86400000)::integer)").await;
    let stop = Arc::new(AtomicBool::new(false));
    let accept = async |url: String, stop: Arc<AtomicBool>| {
        let mut conn = PgConnection::connect(&url).await.unwrap();
        while !stop.load(Ordering::Relaxed) {
            sqlx::query(INTAKE).bind(ID).execute(&mut conn).await.unwrap();
        }
    };
    let url = || house.database.url().to_owned();
    let open = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let opened = try_open(&house.database, Timing::Database).await;
        stop.store(true, Ordering::Relaxed);
        opened
    };
    let busy = (accept(url(), Arc::clone(&stop)), accept(url(), Arc::clone(&stop)));
    let (opened, (), ()) = tokio::join!(open, busy.0, busy.1);
    drop(opened.unwrap());
    assert_eq!(house.number("SELECT max(version) FROM stayhook.migrations").await, 5);
}

/// A strict order or a wire profile would mean nothing to them: nobody gets either while one of
/// them is there, and none of them comes back afterwards.
#[tokio::test]
async fn what_older_nodes_do_not_know_waits_until_they_are_gone() {
    let mut house = version_2().await;
    let older: i64 = sqlx::query_scalar(ALIVE).fetch_one(&mut house.sql).await.unwrap();
    let node = house.node().await;
    let now = house.now().await;
    let refused = in_order(&node, now).await.unwrap_err();
    assert!(refused.contains("an older node (older) is still running"), "{refused}");
    let profile = "UPDATE stayhook.webhooks SET profile = 'nowbookit'";
    assert!(sqlx::query(profile).execute(&mut house.sql).await.is_err());
    sqlx::query("DELETE FROM stayhook.nodes WHERE id = $1")
        .bind(older)
        .execute(&mut house.sql)
        .await
        .unwrap();
    in_order(&node, now).await.unwrap();
    let back = sqlx::query(ALIVE).execute(&mut house.sql).await.unwrap_err().to_string();
    assert!(back.contains("run a newer one"), "{back}");
    drop(house.node().await);
}
