//! One of the two databases.

use super::cell::Batch;
use super::mark::Mark;
use super::{Cell, Place, Table};
use crate::postgres::PostgresSide;
use crate::sqlite::SqliteSide;
use crate::{Keyring, StoreError};

/// What a copy has to know of a database.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The sealed value by which a wrong key is noticed.
    pub(crate) key_check: Option<Vec<u8>>,
    pub(crate) newest_event: Option<Vec<u8>>,
    /// Of a copy into it that is not finished.
    pub(crate) mark: Option<Mark>,
    /// The source of a copy into it that is finished.
    pub(crate) finished: Option<String>,
    /// Events that were enqueued by SQL and are not collected.
    pub(crate) uncollected: u64,
}

/// A database that nobody else uses.
pub(crate) enum Side {
    Sqlite(Box<SqliteSide>),
    Postgres(Box<PostgresSide>),
}

/// The same call on either.
macro_rules! either {
    ($side:expr, $it:ident => $sqlite:expr, $postgres:expr) => {
        match $side {
            Side::Sqlite($it) => $sqlite,
            Side::Postgres($it) => Ok($postgres.await?),
        }
    };
}

impl Side {
    /// Keeps servers out of a database that is there.
    pub(super) async fn open_source(place: &Place, keyring: &Keyring) -> Result<Self, StoreError> {
        Self::open(place, keyring, false).await
    }

    /// The same for one that may be new.
    pub(super) async fn open_target(place: &Place, keyring: &Keyring) -> Result<Self, StoreError> {
        Self::open(place, keyring, true).await
    }

    async fn open(place: &Place, keyring: &Keyring, target: bool) -> Result<Self, StoreError> {
        Ok(match place {
            Place::Sqlite(path) => Self::Sqlite(Box::new(SqliteSide::open(path, keyring, target)?)),
            Place::Postgres(url) => Self::Postgres(Box::new(PostgresSide::open(url, keyring, target).await?)),
        })
    }

    /// Whether nobody else could have served from it since it was opened.
    pub(super) async fn check_alone(&mut self) -> Result<(), StoreError> {
        either!(self, it => it.check_alone(), it.check_alone())
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(super) async fn facts(&mut self) -> Result<Facts, StoreError> {
        either!(self, it => it.facts(), it.facts())
    }

    /// Rows behind a key, or from the first one on.
    pub(super) async fn read(&mut self, table: &Table, after: &[Cell]) -> Result<Batch, StoreError> {
        either!(self, it => it.read(table, after), it.read(table, after))
    }

    /// Writes rows and how far the copy is with them, in one transaction.
    pub(super) async fn write(
        &mut self,
        table: Option<&Table>,
        batch: Batch,
        mark: &Mark,
    ) -> Result<(), StoreError> {
        either!(self, it => it.write(table, &batch, mark), it.write(table, batch, mark))
    }

    pub(super) async fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        either!(self, it => it.count(table), it.count(table))
    }

    pub(super) async fn has_rows(&mut self, table: &Table) -> Result<bool, StoreError> {
        either!(self, it => it.has_rows(table), it.has_rows(table))
    }

    /// The last number that the table gave to a row.
    pub(super) async fn counter(&mut self, table: &str) -> Result<i64, StoreError> {
        either!(self, it => it.counter(table), it.counter(table))
    }

    pub(super) async fn set_counter(&mut self, table: &str, last: i64) -> Result<(), StoreError> {
        either!(self, it => it.set_counter(table, last), it.set_counter(table, last))
    }

    /// From now on it may be served from.
    pub(super) async fn finish(&mut self, source: &str) -> Result<(), StoreError> {
        either!(self, it => it.finish(source), it.finish(source))
    }
}
