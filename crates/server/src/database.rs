//! The database that the configuration names, with the key of its secrets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use stayhook_engine::Dice as _;
use stayhook_store::{Keyring, SqliteOptions, SqliteStore, StoreError};

use crate::clock::SystemDice;
use crate::config::Config;
use crate::outcome::Trouble;

/// How the database is going to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// By a server: no second one may share it.
    Server,
    /// By a tool, beside a server or without one.
    Beside,
}

/// Opens the database, made where there is none, with all migrations applied.
pub(crate) fn open(config: &Config, used: Use) -> Result<SqliteStore, Trouble> {
    let path = &config.database.path;
    check_directory(path)?;
    let keyring = match &config.secrets.key {
        Some(key) => Keyring::parse(key),
        None => Keyring::load_or_create(&key_file(path), SystemDice.secret()),
    };
    let options = SqliteOptions {
        path: path.clone(),
        keyring: keyring.map_err(|error| Trouble::new(format!("secrets.key: {error}")))?,
        migrate: true,
        exclusive: used == Use::Server,
    };
    SqliteStore::open(options).map_err(|error| match error {
        StoreError::WrongKey => Trouble::new(format!("secrets.key: {error}")),
        error => Trouble::new(format!("database.url: {}: {error}", path.display())),
    })
}

/// What a failing store means to a command.
pub(crate) fn trouble(error: &StoreError) -> Trouble {
    Trouble::new(format!("database.url: {error}"))
}

/// The key file beside the database: `stayhook.db.secrets.key`.
fn key_file(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".secrets.key");
    PathBuf::from(name)
}

/// A missing directory is told before anything is made in it.
fn check_directory(database: &Path) -> Result<(), Trouble> {
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
