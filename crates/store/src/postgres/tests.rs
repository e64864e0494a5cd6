//! What can only be seen from inside: the statements, and the schema beside SQLite's.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};
use stayhook_testkit::Postgres;

use super::{migrate, sql};

async fn database() -> (PgConnection, Postgres) {
    let database = Postgres::create().unwrap();
    let options: PgConnectOptions = database.url().parse().unwrap();
    let mut conn = PgConnection::connect_with(&options).await.unwrap();
    migrate::migrate(&mut conn, true).await.unwrap();
    (conn, database)
}

#[tokio::test]
async fn every_statement_prepares() {
    let (mut conn, _database) = database().await;
    for (name, statement) in sql::ALL.iter().chain(sql::administration::ALL) {
        let prepared = conn.prepare(sqlx::SqlSafeStr::into_sql_str(*statement)).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

/// What only one of the two has.
const DIFFERENCES: [&str; 14] = [
    // Transactions of other programs.
    "postgres: inbox.*",
    "postgres: announced_types.*",
    // Many nodes.
    "postgres: migrations.*",
    "postgres: nodes.*",
    "postgres: registry.*",
    "postgres: registry_changes.*",
    "postgres: tallies.node_id",
    "postgres: pending.leased_by",
    "sqlite: pending.leased",
    // Arrays instead of a packed list.
    "postgres: handoffs.node_id",
    "postgres: handoffs.event_ids",
    "postgres: handoffs.webhook_ids",
    "sqlite: handoffs.deliveries",
    // A view.
    "postgres: days.*",
];

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let (mut conn, _database) = database().await;
    let rows = conn
        .fetch_all(
            "SELECT table_name::text, column_name::text FROM information_schema.columns
            WHERE table_schema = 'stayhook' ORDER BY 1, 2",
        )
        .await
        .unwrap();
    let ours: BTreeSet<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let theirs = sqlite_columns();
    let named = |place: &str, (table, column): &(String, String)| {
        let exact = format!("{place}: {table}.{column}");
        DIFFERENCES.contains(&exact.as_str()) || DIFFERENCES.contains(&format!("{place}: {table}.*").as_str())
    };
    let only_ours: Vec<_> = ours.difference(&theirs).filter(|it| !named("postgres", it)).collect();
    let only_theirs: Vec<_> = theirs.difference(&ours).filter(|it| !named("sqlite", it)).collect();
    assert!(only_ours.is_empty() && only_theirs.is_empty(), "postgres {only_ours:?}, sqlite {only_theirs:?}");
}

fn sqlite_columns() -> BTreeSet<(String, String)> {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    for step in [
        include_str!("../../../../migrations/sqlite/0001_init.sql"),
        include_str!("../../../../migrations/sqlite/0002_administration.sql"),
        include_str!("../../../../migrations/sqlite/0003_order.sql"),
        include_str!("../../../../migrations/sqlite/0004_profiles.sql"),
    ] {
        conn.execute_batch(step).unwrap();
    }
    let mut statement = conn
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
            WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}
