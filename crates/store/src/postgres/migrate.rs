//! The schema and its versions.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::time::sleep;

use super::failure::Failure;
use super::sql;
use crate::StoreError;

/// The statements that lead from each version to the next.
const STEPS: [&str; 4] = [
    include_str!("../../../../migrations/postgres/0001_init.sql"),
    include_str!("../../../../migrations/postgres/0002_administration.sql"),
    include_str!("../../../../migrations/postgres/0003_order.sql"),
    include_str!("../../../../migrations/postgres/0004_profiles.sql"),
];

/// The version that this program works with.
const KNOWN: i64 = STEPS.len() as i64;

/// A table that is in use is tried so often: with what each try waits, for a quarter of a minute.
const TRIES: u32 = 20;
/// Between two tries, for those who queue behind this one to go on.
const PAUSE: Duration = Duration::from_millis(250);

/// Checks that the schema is one of ours, and brings it to the version that this program
/// works with, if it may. Nodes that start at once wait for the first of them.
pub(super) async fn migrate(conn: &mut PgConnection, may: bool) -> Result<(), Failure> {
    let found = version(conn).await?;
    if found > KNOWN {
        return Err(StoreError::NewerSchema { found, known: KNOWN }.into());
    }
    if found == KNOWN {
        return Ok(());
    }
    if !may {
        return Err(StoreError::OlderSchema { found, needed: KNOWN }.into());
    }
    for _ in 0..TRIES {
        match bring_up(conn).await {
            Err(failure) if failure.is_locked_out() || failure.is_collision() => sleep(PAUSE).await,
            other => return other,
        }
    }
    let words = "a long transaction uses tables that have to be changed: end it, then try again";
    Err(StoreError::Database(words.to_owned()).into())
}

/// One try. It does not wait long for tables that are in use, since whoever comes after it
/// would wait as long.
async fn bring_up(conn: &mut PgConnection) -> Result<(), Failure> {
    let mut tx = conn.begin().await?;
    sqlx::query(sql::LOCK_SCHEMA).execute(&mut *tx).await?;
    sqlx::query(sql::BE_BRIEF).execute(&mut *tx).await?;
    // Another node may have been faster.
    let found = version(&mut tx).await?;
    apply(&mut tx, found).await?;
    tx.commit().await?;
    Ok(())
}

async fn apply(conn: &mut PgConnection, found: i64) -> Result<(), Failure> {
    if !schema(conn).await?.exists {
        sqlx::query(sql::CREATE_SCHEMA).execute(&mut *conn).await?;
    }
    for (step, number) in STEPS.iter().zip(1_i64..) {
        if number > found {
            sqlx::raw_sql(*step).execute(&mut *conn).await?;
            sqlx::query(sql::APPEND_MIGRATION).bind(number).execute(&mut *conn).await?;
        }
    }
    Ok(())
}

/// The version of the schema: 0 where there is none.
async fn version(conn: &mut PgConnection) -> Result<i64, Failure> {
    let schema = schema(conn).await?;
    if schema.migrated {
        let newest = "SELECT coalesce(max(version), 0) FROM stayhook.migrations";
        return Ok(sqlx::query_scalar(newest).fetch_one(conn).await?);
    }
    if schema.used {
        let words = "its schema \"stayhook\" belongs to another program".to_owned();
        return Err(StoreError::NotOurs(words).into());
    }
    Ok(0)
}

struct Schema {
    exists: bool,
    /// There is a list of our migrations.
    migrated: bool,
    /// There is something in it.
    used: bool,
}

async fn schema(conn: &mut PgConnection) -> Result<Schema, Failure> {
    let row = sqlx::query(sql::SCHEMA).fetch_one(conn).await?;
    Ok(Schema { exists: row.try_get(0)?, migrated: row.try_get(1)?, used: row.try_get(2)? })
}
