//! The schema and its versions.

use rusqlite::Connection;

use super::{query, sql};
use crate::StoreError;

/// The statements that lead from each version to the next.
pub(super) const STEPS: [&str; 4] = [
    include_str!("../../../../migrations/sqlite/0001_init.sql"),
    include_str!("../../../../migrations/sqlite/0002_administration.sql"),
    include_str!("../../../../migrations/sqlite/0003_order.sql"),
    include_str!("../../../../migrations/sqlite/0004_profiles.sql"),
];

/// The version that this program works with.
const KNOWN: i64 = STEPS.len() as i64;

/// Marks the file as ours: "STHK".
pub(super) const APPLICATION: i64 = 0x5354_484b;

/// Checks that the database is one of ours, and brings it to the version that this program
/// works with, if it may.
pub(super) fn migrate(conn: &Connection, may: bool) -> Result<(), StoreError> {
    let found = version(conn)?;
    if found > KNOWN {
        return Err(StoreError::NewerSchema { found, known: KNOWN });
    }
    if found == KNOWN {
        return Ok(());
    }
    if !may {
        return Err(StoreError::OlderSchema { found, needed: KNOWN });
    }
    query::run(conn, sql::BEGIN, [])?;
    // Another process may have been faster.
    let result = version(conn).and_then(|found| apply(conn, found));
    let end = if result.is_ok() { sql::COMMIT } else { sql::ROLLBACK };
    query::run(conn, end, [])?;
    result
}

fn apply(conn: &Connection, found: i64) -> Result<(), StoreError> {
    for (step, number) in STEPS.iter().zip(1_i64..) {
        if number > found {
            conn.execute_batch(step)?;
        }
    }
    conn.pragma_update(None, "application_id", APPLICATION)?;
    conn.pragma_update(None, "user_version", KNOWN)?;
    Ok(())
}

/// The version of the schema: 0 for an empty database.
fn version(conn: &Connection) -> Result<i64, StoreError> {
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    if application == APPLICATION {
        return Ok(version);
    }
    let tables = query::number(conn, "SELECT count(*) FROM sqlite_schema", [])?;
    if application == 0 && version == 0 && tables == Some(0) {
        return Ok(0);
    }
    Err(StoreError::NotOurs("it belongs to another program".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    #[test]
    fn a_fresh_database_is_brought_up_once() {
        let conn = database();
        assert_eq!(migrate(&conn, false), Err(StoreError::OlderSchema { found: 0, needed: KNOWN }));
        assert_eq!(migrate(&conn, true), Ok(()));
        assert_eq!(version(&conn), Ok(KNOWN));
        assert_eq!(migrate(&conn, false), Ok(()));
    }

    #[test]
    fn a_later_version_is_left_alone() {
        let conn = database();
        migrate(&conn, true).unwrap();
        conn.pragma_update(None, "user_version", KNOWN + 1).unwrap();
        assert_eq!(migrate(&conn, true), Err(StoreError::NewerSchema { found: KNOWN + 1, known: KNOWN }));
    }

    #[test]
    fn the_database_of_another_program_is_left_alone() {
        let conn = database();
        conn.execute_batch("CREATE TABLE theirs (n INTEGER)").unwrap();
        assert!(matches!(migrate(&conn, true), Err(StoreError::NotOurs(_))));
    }
}
