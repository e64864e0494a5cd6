//! The database that the configuration names, with the key of its secrets.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stayhook_engine::Dice as _;
use stayhook_store::{
    KeyError, Keyring, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, StoreError, Timing,
};

use crate::clock::SystemDice;
use crate::config::{Config, Database};
use crate::outcome::Trouble;

/// How the database is going to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// By a server: no second one may share it.
    Server,
    /// By a tool, beside a server or without one.
    Beside,
}

/// Opens the database, with all migrations applied; SQLite's is made where there is none.
pub(crate) async fn open(config: &Config, used: Use) -> Result<Arc<dyn Store>, Trouble> {
    match &config.database {
        Database::Sqlite(path) => open_sqlite(config, path, used),
        Database::Postgres(url) => open_postgres(config, url).await,
    }
}

/// Does something beside servers, and says goodbye to them.
pub(crate) async fn beside<T>(
    config: &Config,
    work: impl AsyncFnOnce(&dyn Store) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let store = open(config, Use::Beside).await?;
    let done = work(store.as_ref()).await;
    if let Err(error) = store.leave().await {
        tracing::debug!(%error, "servers find out by themselves that this command has ended");
    }
    done
}

fn open_sqlite(config: &Config, path: &Path, used: Use) -> Result<Arc<dyn Store>, Trouble> {
    check_directory(path)?;
    let first = match &config.secrets.key {
        Some(key) => Keyring::parse(key),
        None => own_key(path)?,
    };
    let options = SqliteOptions {
        path: path.to_owned(),
        keyring: keyring(config, first)?,
        migrate: true,
        exclusive: used == Use::Server,
    };
    Ok(Arc::new(SqliteStore::open(options).map_err(|error| cannot_open(config, &error))?))
}

/// The key in the file beside the database. One is made for a database that is new; beside another
/// one it would be of no use, and might be taken for the one that is missing.
fn own_key(database: &Path) -> Result<Result<Keyring, KeyError>, Trouble> {
    // Asked before the file is: whoever makes the database has made its key first.
    let used = is_sqlite(database);
    let file = key_file(database);
    if used && matches!(file.try_exists(), Ok(false)) {
        let (file, database) = (file.display(), database.display());
        return Err(Trouble::new(format!(
            "secrets.key: the key file {file} is missing, under whose key the secrets in {database} were sealed: put \
             it back from where it was kept apart from the database, or set secrets.key to what it held"
        )));
    }
    Ok(Keyring::load_or_create(&file, SystemDice.secret()))
}

/// Whether there is a database in the file, by its first bytes.
fn is_sqlite(path: &Path) -> bool {
    let mut start = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == b"SQLite format 3\0"
}

async fn open_postgres(config: &Config, url: &str) -> Result<Arc<dyn Store>, Trouble> {
    // The rules of the configuration want a key.
    let key = config.secrets.key.as_ref().map_or("", |key| key.as_str());
    let options = PostgresOptions {
        url: url.to_owned(),
        keyring: keyring(config, Keyring::parse(key))?,
        migrate: true,
        node: format!("stayhook {}", std::process::id()),
        timing: Timing::Database,
    };
    Ok(Arc::new(PostgresStore::open(options).await.map_err(|error| cannot_open(config, &error))?))
}

/// The key that seals, and those that open what was sealed before.
fn keyring(config: &Config, first: Result<Keyring, KeyError>) -> Result<Keyring, Trouble> {
    let named = |key: &str, error: KeyError| Trouble::new(format!("{key}: {error}"));
    let mut keyring = first.map_err(|error| named("secrets.key", error))?;
    for older in &config.secrets.older_keys {
        keyring = keyring.and(Keyring::parse(older).map_err(|error| named("secrets.older_keys", error))?);
    }
    Ok(keyring)
}

fn cannot_open(config: &Config, error: &StoreError) -> Trouble {
    match error {
        StoreError::WrongKey => Trouble::new(format!("secrets.key: {error}")),
        error => Trouble::new(format!("database.url: {}: {error}", config.database)),
    }
}

/// What a failing store means to a command.
pub(crate) fn trouble(error: &StoreError) -> Trouble {
    Trouble::new(format!("database.url: {error}"))
}

/// The key file beside the database: `stayhook.db.secrets.key`.
pub(crate) fn key_file(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".secrets.key");
    PathBuf::from(name)
}

/// A missing directory is told before anything is made in it.
pub(crate) fn check_directory(database: &Path) -> Result<(), Trouble> {
    let directory = match database.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if directory.is_dir() {
        return Ok(());
    }
    let (path, directory) = (database.display(), directory.display());
    Err(Trouble::new(format!("database.url: {path}: there is no directory {directory}: create it first")))
}
