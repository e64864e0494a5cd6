//! Opening the database: whether it keeps what it acknowledges, and whether it is ours.

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Row as _};
use stayhook_core::WebhookId;

use super::access::Access;
use super::failure::Failure;
use super::line::{PATIENCE, PROMPT, end, within};
use super::{PostgresOptions, migrate, sql};
use crate::StoreError;
use crate::columns::{self, Name};
use crate::copy::MARK;
use crate::seal::{Keyring, Purpose, Unopened};

/// PostgreSQL 14.
const OLDEST: i32 = 140_000;
/// Queries at once, beside the connections that belong to one kind of work.
pub(super) const POOL: u32 = 8;

/// What a sealed check value holds.
const CHECK: &[u8] = b"stayhook";
/// Its name in `meta`.
const KEY_CHECK: &str = "key_check";
/// It belongs to no webhook.
const NOBODY: WebhookId = WebhookId(0);

/// What the database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To be served from: not while a deployment is being moved into it.
    Serve,
    /// To move a deployment from or to it.
    Copy,
}

/// Connects, checks and migrates. Returns how to connect again.
pub(super) async fn open(options: &PostgresOptions, used: Use) -> Result<Access, Failure> {
    let access = Access::parse(&options.url)?;
    within(PATIENCE, async {
        let mut conn = PgConnection::connect_with(&access.options).await?;
        if access.pooler {
            let mut tx = conn.begin().await?;
            let checked = check(&mut tx, options, used).await;
            end(tx, true, checked).await?;
        } else {
            check(&mut conn, options, used).await?;
        }
        conn.close().await?;
        Ok(())
    })
    .await?;
    Ok(access)
}

async fn check(conn: &mut PgConnection, options: &PostgresOptions, used: Use) -> Result<(), Failure> {
    check_settings(conn).await?;
    migrate::migrate(conn, options.migrate).await?;
    check_key(conn, &options.keyring).await?;
    match used {
        Use::Serve => check_finished(conn).await,
        Use::Copy => Ok(()),
    }
}

/// Connections for queries, made as they are needed.
pub(super) fn pool(access: &Access) -> PgPool {
    // A connection that was lost is noticed by its first statement, which fails: a test
    // before each use would cost every query a round trip.
    PgPoolOptions::new()
        .max_connections(POOL)
        .test_before_acquire(false)
        .acquire_timeout(PROMPT)
        .connect_lazy_with(access.options.clone())
}

/// What is acknowledged must survive a loss of power.
async fn check_settings(conn: &mut PgConnection) -> Result<(), Failure> {
    let row = sqlx::query(sql::SETTINGS).fetch_one(conn).await?;
    let settings = Settings {
        version: row.try_get(0)?,
        version_words: row.try_get(1)?,
        synchronous_commit: row.try_get(2)?,
        fsync: row.try_get(3)?,
        standby: row.try_get(4)?,
    };
    Ok(settings.check()?)
}

/// What decides whether a server keeps what it acknowledges.
struct Settings {
    /// `server_version_num`: 140000 is 14.0.
    version: i32,
    version_words: String,
    synchronous_commit: String,
    fsync: String,
    standby: bool,
}

impl Settings {
    fn check(&self) -> Result<(), StoreError> {
        if self.version < OLDEST {
            let found = &self.version_words;
            return Err(StoreError::Unfit(format!("it is PostgreSQL {found}: use version 14 or newer")));
        }
        if self.synchronous_commit == "off" {
            let words =
                "synchronous_commit is off, so that a crash loses what was acknowledged: set it to on";
            return Err(StoreError::Unfit(words.to_owned()));
        }
        if self.fsync == "off" {
            let words = "fsync is off, so that a crash loses everything: set it to on";
            return Err(StoreError::Unfit(words.to_owned()));
        }
        if self.standby {
            return Err(StoreError::NotWritable("it is a standby, name the primary".to_owned()));
        }
        Ok(())
    }
}

async fn check_finished(conn: &mut PgConnection) -> Result<(), Failure> {
    let mark: Option<Vec<u8>> = sqlx::query_scalar(sql::META).bind(MARK).fetch_optional(conn).await?;
    if mark.is_some() { Err(StoreError::Unfinished.into()) } else { Ok(()) }
}

/// The first key that opens a database is the only one from then on.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            version: 140_000,
            version_words: "14.0".to_owned(),
            synchronous_commit: "on".to_owned(),
            fsync: "on".to_owned(),
            standby: false,
        }
    }

    #[test]
    fn servers_that_lose_commits_or_lack_features_are_refused() {
        assert_eq!(settings().check(), Ok(()));
        for kept in ["local", "remote_write", "remote_apply"] {
            assert_eq!(Settings { synchronous_commit: kept.to_owned(), ..settings() }.check(), Ok(()));
        }
        let off = || "off".to_owned();
        let old = Settings { version: 130_014, version_words: "13.14".to_owned(), ..settings() };
        let refused = [
            (old, "PostgreSQL 13.14: use version 14"),
            (Settings { synchronous_commit: off(), ..settings() }, "synchronous_commit is off"),
            (Settings { fsync: off(), ..settings() }, "fsync is off"),
            (Settings { standby: true, ..settings() }, "name the primary"),
        ];
        for (settings, words) in refused {
            let said = settings.check().unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
    }
}
