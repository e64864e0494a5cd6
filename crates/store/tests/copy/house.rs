//! Databases to move from and to, and what is in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::Value;
use stayhook_store::{
    CopyError, CopyOptions, CopyProgress, Counted, Keyring, Place, PostgresOptions, PostgresStore,
    SqliteOptions, SqliteStore, Store, StoreError, Timing, copy,
};
use stayhook_testkit::Postgres;
use tempfile::TempDir;

pub(crate) fn keyring() -> Keyring {
    Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
}

/// A database, empty and not even made.
pub(crate) enum Database {
    File(TempDir),
    Server(Postgres),
}

impl Database {
    pub(crate) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(crate) fn server() -> Self {
        Self::Server(Postgres::create().unwrap())
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::File(home) => Place::Sqlite(home.path().join("stayhook.db")),
            Self::Server(database) => Place::Postgres(database.url().to_owned()),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        let Self::File(home) = self else { unreachable!("it is no file") };
        home.path().join("stayhook.db")
    }

    /// A store that does nothing by itself.
    pub(crate) async fn try_open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::File(_) => {
                let (path, keyring) = (self.path(), keyring());
                let options = SqliteOptions { path, keyring, migrate: true, exclusive: true };
                Arc::new(SqliteStore::open(options)?)
            }
            Self::Server(database) => {
                let url = database.url().to_owned();
                let (keyring, node, timing) = (keyring(), "test".to_owned(), Timing::Caller);
                let options = PostgresOptions { url, keyring, migrate: true, node, timing };
                Arc::new(PostgresStore::open(options).await?)
            }
        })
    }

    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        self.try_open().await.unwrap()
    }
}

/// Copies without an interruption.
pub(crate) async fn moved(from: &Database, to: &Database) -> Result<Vec<Counted>, CopyError> {
    moved_until(from, to, false, &mut |_| {}).await
}

pub(crate) async fn moved_until(
    from: &Database,
    to: &Database,
    resume: bool,
    tell: &mut (dyn FnMut(CopyProgress) + Send),
) -> Result<Vec<Counted>, CopyError> {
    copy(CopyOptions { from: from.place(), to: to.place(), keyring: keyring(), resume }, tell).await
}

/// Goes on with a copy, or begins it, and gives it up after it has told of so many steps.
/// Returns whether that was before its end.
pub(crate) async fn interrupted(from: &Database, to: &Database, steps: usize) -> bool {
    let (give_up, given_up) = tokio::sync::oneshot::channel::<()>();
    let (mut give_up, mut left) = (Some(give_up), steps);
    let mut tell = |_| match left.checked_sub(1) {
        Some(fewer) => left = fewer,
        None => drop(give_up.take()),
    };
    tokio::select! {
        biased;
        _ = given_up => true,
        result = moved_until(from, to, true, &mut tell) => {
            result.unwrap();
            false
        }
    }
}

/// All that is in a file, table by table: but for what describes the file itself.
pub(crate) fn dump(path: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut statement = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta' ORDER BY name")
        .unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    names.map(|name| name.unwrap()).map(|name| (name.clone(), rows(&conn, &name))).collect()
}

fn rows(conn: &rusqlite::Connection, table: &str) -> Vec<Vec<Value>> {
    // A counter that stands at nothing says as much as none.
    let only = if table == "sqlite_sequence" { " WHERE seq > 0" } else { "" };
    let mut statement = conn.prepare(&format!("SELECT * FROM {table}{only}")).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|index| row.get(index)).collect());
    let mut rows: Vec<Vec<Value>> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}
