//! Running statements, each prepared once per connection.

use rusqlite::{Connection, Params, Row};

use crate::StoreError;

/// Runs a statement; returns how many rows it touched.
pub(super) fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

/// The first row, if there is one.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Every row.
pub(super) fn many<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// A single number that is NULL where there is none, such as `min(due_at)`.
pub(super) fn number(conn: &Connection, sql: &str, params: impl Params) -> Result<Option<i64>, StoreError> {
    Ok(one(conn, sql, params, |row| Ok(row.get::<_, Option<i64>>(0)?))?.flatten())
}

/// Whether a `SELECT EXISTS` finds what it looks for.
pub(super) fn exists(conn: &Connection, sql: &str, params: impl Params) -> Result<bool, StoreError> {
    Ok(one(conn, sql, params, |row| Ok(row.get(0)?))?.unwrap_or(false))
}
