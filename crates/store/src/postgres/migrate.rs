//! The schema and its versions.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::time::sleep;

use super::failure::Failure;
use super::{schema_lock, sql};
use crate::StoreError;

/// The statements that lead from each version to the next.
const STEPS: [&str; 5] = [
    include_str!("../../../../migrations/postgres/0001_init.sql"),
    include_str!("../../../../migrations/postgres/0002_administration.sql"),
    include_str!("../../../../migrations/postgres/0003_order.sql"),
    include_str!("../../../../migrations/postgres/0004_profiles.sql"),
    include_str!("../../../../migrations/postgres/0005_operation.sql"),
];

/// The version that this program works with.
pub(super) const KNOWN: i64 = STEPS.len() as i64;

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
    let mut tries = 0;
    while tries < TRIES {
        match step_up(conn).await {
            Ok(KNOWN) => return Ok(()),
            Ok(_) => tries = 0,
            Err(failure) if failure.is_locked_out() || failure.is_collision() => {
                tries += 1;
                sleep(PAUSE).await;
            }
            Err(failure) => return Err(failure),
        }
    }
    let who: Option<String> = sqlx::query_scalar(sql::TABLES_USED_BY).bind(".").fetch_one(conn).await?;
    let who = who.unwrap_or_else(|| "a long transaction".to_owned());
    Err(StoreError::Busy(format!("{who} uses tables that have to be changed")).into())
}

/// Tries to bring it to the next version, and returns that. It does not wait long for tables that
/// are in use, since whoever comes after it would wait as long. One version at a time: the locks
/// of several could not be taken in the order in which nodes that are busy take theirs.
async fn step_up(conn: &mut PgConnection) -> Result<i64, Failure> {
    let mut tx = conn.begin().await?;
    schema_lock::take(&mut tx, schema_lock::PATIENCE).await?;
    sqlx::query(sql::BE_BRIEF).execute(&mut *tx).await?;
    // Another node may have been faster.
    let mut found = version(&mut tx).await?;
    if !schema(&mut tx).await?.exists {
        sqlx::query(sql::CREATE_SCHEMA).execute(&mut *tx).await?;
    }
    if let Some((step, number)) = STEPS.iter().zip(1_i64..).find(|(_, number)| *number > found) {
        sqlx::raw_sql(*step).execute(&mut *tx).await?;
        sqlx::query(sql::APPEND_MIGRATION).bind(number).execute(&mut *tx).await?;
        found = number;
    }
    tx.commit().await?;
    Ok(found)
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
