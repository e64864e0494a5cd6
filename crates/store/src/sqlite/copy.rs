//! Moving a deployment from or to a file.

use std::fs::File;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params, params_from_iter};

use super::{SqliteOptions, open, query, sql};
use crate::copy::{Batch, Cell, FINISHED, Facts, MARK, Mark, Table};
use crate::{Keyring, StoreError};

/// A file from which nobody serves.
pub(crate) struct SqliteSide {
    conn: Connection,
    _lock: Option<File>,
}

impl SqliteSide {
    /// Opens the file; a target is made or migrated where that is needed.
    pub(crate) fn open(path: &Path, keyring: &Keyring, target: bool) -> Result<Self, StoreError> {
        let options = SqliteOptions {
            path: path.to_owned(),
            keyring: keyring.clone(),
            migrate: target,
            exclusive: true,
        };
        let (conn, lock) = open::prepare(&options)?;
        let side = Self { conn, _lock: lock };
        if !target && side.meta(MARK)?.is_some() {
            return Err(StoreError::Unfinished);
        }
        Ok(side)
    }

    /// The lock lasts as long as the process.
    pub(crate) fn check_alone(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        query::one(&self.conn, sql::META, [name], |row| Ok(row.get(0)?))
    }

    pub(crate) fn facts(&self) -> Result<Facts, StoreError> {
        let mark = self.meta(MARK)?.map(|bytes| Mark::from_bytes(&bytes)).transpose()?;
        Ok(Facts {
            key_check: self.meta("key_check")?,
            newest_event: query::one(&self.conn, NEWEST_EVENT, [], |row| Ok(row.get(0)?))?,
            mark,
            finished: self.meta(FINISHED)?.and_then(|it| String::from_utf8(it).ok()),
            uncollected: 0,
        })
    }

    pub(crate) fn read(&self, table: &Table, after: &[Cell]) -> Result<Batch, StoreError> {
        let mut statement = self.conn.prepare_cached(&select(table, !after.is_empty()))?;
        let mut rows = statement.query(params_from_iter(after))?;
        let mut batch = Batch::default();
        while !batch.is_full() {
            let Some(row) = rows.next()? else { break };
            let cells = (0..table.columns.len()).map(|index| cell(row.get_ref(index)?, table, index));
            batch.push(cells.collect::<Result<_, _>>()?);
        }
        Ok(batch)
    }

    pub(crate) fn write(&self, table: Option<&Table>, batch: &Batch, mark: &Mark) -> Result<(), StoreError> {
        self.transaction(|conn| {
            if let Some(table) = table {
                let mut statement = conn.prepare_cached(&insert(table))?;
                for row in &batch.rows {
                    statement.execute(params_from_iter(row))?;
                }
            }
            query::run(conn, sql::SET_META, params![MARK, mark.to_bytes()])
        })
    }

    pub(crate) fn count(&self, table: &Table) -> Result<u64, StoreError> {
        let rows = query::number(&self.conn, &format!("SELECT count(*) FROM {}", table.name), [])?;
        Ok(rows.unwrap_or(0).unsigned_abs())
    }

    pub(crate) fn has_rows(&self, table: &Table) -> Result<bool, StoreError> {
        query::exists(&self.conn, &format!("SELECT EXISTS (SELECT 1 FROM {})", table.name), [])
    }

    pub(crate) fn counter(&self, table: &str) -> Result<i64, StoreError> {
        Ok(query::number(&self.conn, COUNTER, [table])?.unwrap_or(0))
    }

    pub(crate) fn set_counter(&self, table: &str, last: i64) -> Result<(), StoreError> {
        // The table of counters knows no key.
        self.transaction(|conn| {
            query::run(conn, FORGET_COUNTER, [table])?;
            query::run(conn, SET_COUNTER, params![table, last])
        })
    }

    pub(crate) fn finish(&self, source: &str) -> Result<(), StoreError> {
        self.transaction(|conn| {
            query::run(conn, sql::SET_META, params![FINISHED, source.as_bytes()])?;
            query::run(conn, FORGET_META, [MARK])
        })
    }

    fn transaction(
        &self,
        job: impl FnOnce(&Connection) -> Result<usize, StoreError>,
    ) -> Result<(), StoreError> {
        query::run(&self.conn, sql::BEGIN, [])?;
        let result = job(&self.conn);
        if result.is_ok() {
            query::run(&self.conn, sql::COMMIT, [])?;
        } else {
            // What failed may have ended the transaction already.
            let _ = query::run(&self.conn, sql::ROLLBACK, []);
        }
        result.map(drop)
    }
}

const NEWEST_EVENT: &str = "SELECT id FROM events ORDER BY id DESC LIMIT 1";
const COUNTER: &str = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
const FORGET_COUNTER: &str = "DELETE FROM sqlite_sequence WHERE name = ?1";
const SET_COUNTER: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
const FORGET_META: &str = "DELETE FROM meta WHERE name = ?1";

fn columns(table: &Table) -> String {
    table.columns.iter().map(|it| it.name).collect::<Vec<_>>().join(", ")
}

fn select(table: &Table, behind: bool) -> String {
    let key: Vec<&str> = table.columns.iter().take(table.key).map(|it| it.name).collect();
    let key = key.join(", ");
    let from = if behind { format!(" WHERE ({key}) > ({})", numbered(table.key)) } else { String::new() };
    format!("SELECT {} FROM {}{from} ORDER BY {key}", columns(table), table.name)
}

fn insert(table: &Table) -> String {
    let values = numbered(table.columns.len());
    format!("INSERT INTO {} ({}) VALUES ({values})", table.name, columns(table))
}

/// `?1, ?2, ?3`
fn numbered(count: usize) -> String {
    (1..=count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}

fn cell(value: ValueRef<'_>, table: &Table, index: usize) -> Result<Cell, StoreError> {
    let corrupt =
        || StoreError::Corrupt { table: table.name, column: table.columns[index].name, row: "?".to_owned() };
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8(text.to_vec()).map_err(|_| corrupt())?),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(corrupt()),
    })
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::copy::TABLES;
    use crate::sqlite::migrate;

    /// What describes the database rather than the deployment.
    const STAYS: [&str; 2] = ["meta", "sqlite_sequence"];

    fn names(conn: &Connection, query: &str) -> BTreeSet<String> {
        let mut statement = conn.prepare(query).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Whoever adds a table or a column decides what becomes of it when a deployment is moved.
    #[test]
    fn every_column_of_every_table_goes_over() {
        let conn = Connection::open_in_memory().unwrap();
        migrate::migrate(&conn, true).unwrap();
        let mut there = names(&conn, "SELECT name FROM sqlite_schema WHERE type = 'table'");
        for name in STAYS {
            assert!(there.remove(name), "{name}");
        }
        let copied: BTreeSet<String> = TABLES.iter().map(|it| it.name.to_owned()).collect();
        assert_eq!(copied, there);
        for table in TABLES {
            let columns = names(&conn, &format!("SELECT name FROM pragma_table_info('{}')", table.name));
            let copied: BTreeSet<String> = table.columns.iter().map(|it| it.name.to_owned()).collect();
            assert_eq!(copied, columns, "{}", table.name);
            assert_eq!(table.columns.len(), columns.len(), "{} names a column twice", table.name);
        }
    }

    /// The database is walked through once, whatever its size.
    #[test]
    fn reading_sorts_nothing() {
        let conn = Connection::open_in_memory().unwrap();
        migrate::migrate(&conn, true).unwrap();
        for table in TABLES {
            for behind in [false, true] {
                let text = format!("EXPLAIN QUERY PLAN {}", select(table, behind));
                let mut statement = conn.prepare(&text).unwrap();
                let none = vec![rusqlite::types::Null; statement.parameter_count()];
                let mut rows = statement.query(params_from_iter(none)).unwrap();
                while let Some(row) = rows.next().unwrap() {
                    let step: String = row.get(3).unwrap();
                    assert!(!step.contains("TEMP B-TREE"), "{}: {step}", table.name);
                    assert!(!behind || step.starts_with("SEARCH"), "{}: {step}", table.name);
                }
            }
        }
    }
}
