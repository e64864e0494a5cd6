//! Opening the database: whether it keeps what it acknowledges, and whether it is ours.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Row as _};
use stayhook_core::WebhookId;

use super::failure::Failure;
use super::line::bounded;
use super::{PostgresOptions, migrate, sql};
use crate::StoreError;
use crate::columns::{self, Name};
use crate::seal::{Keyring, Purpose, Unopened};

/// PostgreSQL 14.
const OLDEST: i32 = 140_000;
/// More statements than there are, so that each is prepared once.
const STATEMENTS: usize = 256;
/// Queries at once, beside the connections that belong to one kind of work.
pub(super) const POOL: u32 = 8;

/// What a sealed check value holds.
const CHECK: &[u8] = b"stayhook";
/// Its name in `meta`.
const KEY_CHECK: &str = "key_check";
/// It belongs to no webhook.
const NOBODY: WebhookId = WebhookId(0);

/// Connects, checks and migrates. Returns how to connect again.
pub(super) async fn open(options: &PostgresOptions) -> Result<PgConnectOptions, Failure> {
    let connect = PgConnectOptions::from_str(&options.url)
        .map_err(|error| StoreError::Missing(format!("that address: {error}")))?
        .application_name("stayhook")
        .statement_cache_capacity(STATEMENTS);
    bounded(async {
        let mut conn = PgConnection::connect_with(&connect).await?;
        check_settings(&mut conn).await?;
        migrate::migrate(&mut conn, options.migrate).await?;
        check_key(&mut conn, &options.keyring).await?;
        conn.close().await?;
        Ok(connect)
    })
    .await
}

/// Connections for queries, made as they are needed.
pub(super) fn pool(options: PgConnectOptions) -> PgPool {
    // A connection that was lost is noticed by its first statement, which fails: a test
    // before each use would cost every query a round trip.
    PgPoolOptions::new()
        .max_connections(POOL)
        .test_before_acquire(false)
        .acquire_timeout(std::time::Duration::from_secs(3))
        .connect_lazy_with(options)
}

/// What is acknowledged must survive a loss of power.
async fn check_settings(conn: &mut PgConnection) -> Result<(), Failure> {
    let row = sqlx::query(sql::SETTINGS).fetch_one(conn).await?;
    if row.try_get::<i32, _>(0)? < OLDEST {
        let found: String = row.try_get(1)?;
        return Err(StoreError::Unfit(format!("it is PostgreSQL {found}: use version 14 or newer")).into());
    }
    if row.try_get::<&str, _>(2)? == "off" {
        let words = "synchronous_commit is off, so that a crash loses what was acknowledged: set it to on";
        return Err(StoreError::Unfit(words.to_owned()).into());
    }
    if row.try_get::<&str, _>(3)? == "off" {
        let words = "fsync is off, so that a crash loses everything: set it to on";
        return Err(StoreError::Unfit(words.to_owned()).into());
    }
    if row.try_get(4)? {
        return Err(StoreError::NotWritable("it is a standby, name the primary".to_owned()).into());
    }
    Ok(())
}

/// The first key that opens a database is the one for it, until everything is sealed anew.
async fn check_key(conn: &mut PgConnection, keyring: &Keyring) -> Result<(), Failure> {
    let sealed = columns::seal(keyring, NOBODY, Purpose::KeyCheck, CHECK)?;
    sqlx::query(sql::ADD_META).bind(KEY_CHECK).bind(sealed).execute(&mut *conn).await?;
    let stored: Vec<u8> = sqlx::query_scalar(sql::META).bind(KEY_CHECK).fetch_one(conn).await?;
    match keyring.open(NOBODY, Purpose::KeyCheck, &stored) {
        Ok(text) if text.as_slice() == CHECK => Ok(()),
        Ok(_) | Err(Unopened::Damaged) => Err(Name("meta", KEY_CHECK).corrupt("value").into()),
        Err(Unopened::OtherKey) => Err(StoreError::WrongKey.into()),
    }
}

/// Seals the check anew, for the key that seals from now on.
pub(super) async fn reseal_check(conn: &mut PgConnection, keyring: &Keyring) -> Result<(), Failure> {
    let stored: Vec<u8> = sqlx::query_scalar(sql::META).bind(KEY_CHECK).fetch_one(&mut *conn).await?;
    if !keyring.is_current(&stored) {
        let sealed = columns::seal(keyring, NOBODY, Purpose::KeyCheck, CHECK)?;
        sqlx::query(sql::SET_META).bind(KEY_CHECK).bind(sealed).execute(conn).await?;
    }
    Ok(())
}
