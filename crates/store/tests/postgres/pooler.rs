//! The conformance suite, and several nodes, through a real PgBouncer in transaction mode. It
//! has fewer sessions than there are connections, so that hardly any transaction gets the
//! session of the one before it.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, Row as _};
use stayhook_core::{Next, Outcome};
use stayhook_store::{
    Fate, Keyring, Origin, PostgresOptions, PostgresStore, Signal, Store, StoreError, Timing,
};
use stayhook_testkit::{PgBouncer, Postgres};

use crate::support::*;

const SESSIONS: u16 = 2;

/// One for all tests: each database has sessions of its own.
fn pooler(database: &Postgres) -> &'static PgBouncer {
    static POOLER: OnceLock<PgBouncer> = OnceLock::new();
    POOLER.get_or_init(|| PgBouncer::before(database, SESSIONS).unwrap())
}

async fn open_through(
    database: &Postgres,
    timing: Timing,
    parameter: &str,
) -> Result<PostgresStore, StoreError> {
    let keyring = Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let url = format!("{}{parameter}", pooler(database).url(database));
    PostgresStore::open(PostgresOptions { url, keyring, migrate: true, node: "test".to_owned(), timing })
        .await
}

async fn open() -> (Arc<dyn Store>, Postgres) {
    let database = Postgres::create().unwrap();
    let store = open_through(&database, Timing::Caller, "?pgbouncer=true").await.unwrap();
    (Arc::new(store), database)
}

stayhook_store::conformance::stamp!(open);

struct Nodes {
    house: House,
    one: PostgresStore,
    two: PostgresStore,
}

impl Nodes {
    async fn open() -> Self {
        let house = House::new().await;
        let node =
            || async { open_through(&house.database, Timing::Database, "?pgbouncer=true").await.unwrap() };
        let (one, two) = (node().await, node().await);
        Self { house, one, two }
    }
}

/// Nobody hears notifications through it: changes and events are looked for.
#[tokio::test]
async fn what_others_do_is_found_without_notifications() {
    let mut nodes = Nodes::open().await;
    let mut signals = nodes.one.signals();
    let mut heard = async |wanted| {
        let mut next = async || while signals.recv().await.unwrap() != wanted {};
        tokio::time::timeout(Duration::from_secs(10), next()).await.unwrap();
    };
    heard(Signal::Registry).await;
    let id = webhook(&nodes.two, 1).await;
    heard(Signal::Registry).await;
    let mut sql = PgConnection::connect(nodes.house.database.url()).await.unwrap();
    let call = "SELECT stayhook.enqueue('booking.created', 101, '{}')";
    sqlx::raw_sql(call).execute(&mut sql).await.unwrap();
    heard(Signal::Inbox).await;
    let now = nodes.house.now().await;
    wait(&nodes.two, id, event(now, 1)).await;
    heard(Signal::Due).await;
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    assert_eq!(nodes.house.number(listening).await, 0);
}

/// Everything at once, over shared sessions: nothing that one leaves behind meets another.
#[tokio::test]
async fn nodes_that_share_sessions_do_not_meet() {
    let mut nodes = Nodes::open().await;
    let now = nodes.house.now().await;
    let id = webhook(&nodes.one, 1).await;
    let work = async |store: &PostgresStore, first: u16| {
        let mut delivered = HashSet::new();
        for number in first..first + 100 {
            let event = event(now, number);
            let handoff = send(store, id, event).await;
            let step = tried(Outcome::Accepted, now);
            let done = conclude(store, conclusion(id, event, Origin::Handoff(handoff), 0, step), now).await;
            assert_eq!(done.fates, [Fate::Written(Next::Delivered)]);
            assert!(store.event(event).await.unwrap().is_some());
            store.ping().await.unwrap();
            delivered.insert(event);
        }
        delivered.len()
    };
    let done = tokio::join!(work(&nodes.one, 0), work(&nodes.two, 1_000), work(&nodes.one, 2_000));
    assert_eq!(done, (100, 100, 100));
    assert_eq!(nodes.house.number("SELECT count(*) FROM stayhook.handoffs").await, 0);
    for _ in 0..20 {
        assert_eq!(left_behind(&nodes.house.database).await, "0", "prepared statements");
    }
}

/// How many prepared statements there are on whichever session is free.
async fn left_behind(database: &Postgres) -> String {
    let options: PgConnectOptions = pooler(database).url(database).parse().unwrap();
    let mut sql = PgConnection::connect_with(&options.extra_float_digits(None)).await.unwrap();
    let row = sqlx::raw_sql("SELECT count(*) FROM pg_prepared_statements").fetch_one(&mut sql).await.unwrap();
    row.try_get_raw(0).unwrap().as_str().unwrap().to_owned()
}

/// Forgetting the parameter is told at once, and what to do about it.
#[tokio::test]
async fn a_pooler_that_the_address_does_not_name_is_noticed() {
    let database = Postgres::create().unwrap();
    let refused = open_through(&database, Timing::Database, "").await.err().unwrap();
    assert!(matches!(&refused, StoreError::Address(words) if words.contains("pgbouncer=true")), "{refused}");
}
