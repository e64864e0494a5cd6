//! Opening the file: who may, and how its connections are set up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use stayhook_core::WebhookId;

use super::{SqliteOptions, migrate, query, sql};
use crate::copy::MARK;
use crate::seal::{Keyring, Purpose, Unopened};
use crate::{StoreError, columns};

/// How long a statement waits for another process, such as `token create` beside a server.
const BUSY: Duration = Duration::from_secs(5);
/// More statements than there are, so that each is prepared once.
pub(super) const STATEMENTS: usize = 192;
/// Queries at once.
const READERS: usize = 4;

/// WAL with a sync of every commit: what is acknowledged survives a loss of power. Deleted
/// secrets are overwritten. 16 MiB of cache. The log may grow to 64 MiB before it goes into the
/// file, and is cut back to that after a burst: attempts of a thousand webhooks are on a
/// thousand pages, which are worth writing rarely.
const WRITER_SETUP: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = FAST;
    PRAGMA foreign_keys = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = 16000;
    PRAGMA journal_size_limit = 67108864;
";

/// What a sealed check value holds.
const CHECK: &[u8] = b"stayhook";

/// The connections, and the lock that keeps other servers out.
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
    pub(super) lock: Option<File>,
}

/// Opens the database, creating or migrating it if the options allow.
pub(super) fn open(options: &SqliteOptions) -> Result<Opened, StoreError> {
    let (writer, lock) = prepare(options)?;
    if query::one(&writer, sql::META, [MARK], |_| Ok(()))?.is_some() {
        return Err(StoreError::Unfinished);
    }
    let readers = (0..READERS).map(|_| connect(&options.path, OpenFlags::SQLITE_OPEN_READ_ONLY));
    Ok(Opened { readers: readers.collect::<Result<_, _>>()?, writer, lock })
}

/// The connection that writes, and the lock that keeps servers out where the options want one.
pub(super) fn prepare(options: &SqliteOptions) -> Result<(Connection, Option<File>), StoreError> {
    let path = &options.path;
    let missing = || StoreError::Missing(path.display().to_string());
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    if directory.is_some_and(|it| !it.is_dir()) || (!options.migrate && !path.exists()) {
        return Err(missing());
    }
    let lock = if options.exclusive { Some(lock(path)?) } else { None };
    if options.migrate {
        create(path).map_err(|error| denied(path, &error))?;
    }
    let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate::migrate(&writer, options.migrate)?;
    let mode: String = writer.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!("journal mode {mode} instead of wal")));
    }
    writer.execute_batch(WRITER_SETUP)?;
    check_key(&writer, &options.keyring)?;
    Ok((writer, lock))
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // Each connection is used by one thread at a time; a path is a path, never a URI.
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans do not depend on values; otherwise SQLite prepares some statements at every use.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

/// Creates the file for its owner alone, since it holds what guests and hosts agreed on.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Two servers never share one file: what one of them holds in memory would be taken over by
/// the other.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&beside);
    let file = file.map_err(|error| denied(&beside, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(denied(&beside, &error)),
    }
}

fn denied(path: &Path, error: &io::Error) -> StoreError {
    StoreError::NotWritable(format!("{}: {error}", path.display()))
}

/// What the check value is called, and what it is bound to.
const CHECK_NAME: &str = "key_check";
const NOBODY: WebhookId = WebhookId(0);

/// The first key that opens a database is the only one from then on, until everything is sealed
/// anew under another.
fn check_key(conn: &Connection, keyring: &Keyring) -> Result<(), StoreError> {
    let Some(stored) = stored_check(conn)? else { return write_check(conn, keyring) };
    match keyring.open(NOBODY, Purpose::KeyCheck, &stored) {
        Ok(text) if text.as_slice() == CHECK => Ok(()),
        Ok(_) | Err(Unopened::Damaged) => {
            Err(StoreError::Corrupt { table: "meta", column: "value", row: CHECK_NAME.to_owned() })
        }
        Err(Unopened::OtherKey) => Err(StoreError::WrongKey),
    }
}

/// Seals the check value under the first key, where it is not.
pub(super) fn reseal_check(conn: &Connection, keyring: &Keyring) -> Result<(), StoreError> {
    let current = stored_check(conn)?.is_some_and(|it| keyring.is_current(&it));
    if current { Ok(()) } else { write_check(conn, keyring) }
}

fn stored_check(conn: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    query::one(conn, sql::META, [CHECK_NAME], |row| Ok(row.get(0)?))
}

fn write_check(conn: &Connection, keyring: &Keyring) -> Result<(), StoreError> {
    let sealed = columns::seal(keyring, NOBODY, Purpose::KeyCheck, CHECK)?;
    query::run(conn, sql::SET_META, rusqlite::params![CHECK_NAME, sealed])?;
    Ok(())
}
