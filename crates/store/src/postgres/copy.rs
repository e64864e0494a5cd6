//! Moving a deployment from or to a database of its own.

mod words;

use std::collections::HashSet;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Row as _};
use stayhook_core::EventId;
use uuid::Uuid;

use self::words::{insert, select};
use super::failure::Failure;
use super::{PostgresOptions, Timing, days, open, rows, sql};
use crate::copy::{Batch, Cell, FINISHED, Facts, Kind, MARK, Mark, Table};
use crate::{Keyring, StoreError};

/// A database without nodes.
pub(crate) struct PostgresSide {
    conn: PgConnection,
    /// Holds the lock that keeps nodes out, within a transaction.
    guard: PgConnection,
    /// The days that have partitions.
    days: HashSet<i32>,
}

impl PostgresSide {
    /// Opens the database; a target is migrated where that is needed.
    pub(crate) async fn open(url: &str, keyring: &Keyring, target: bool) -> Result<Self, Failure> {
        let options = PostgresOptions {
            url: url.to_owned(),
            keyring: keyring.clone(),
            migrate: target,
            node: String::new(),
            timing: Timing::Database,
        };
        let used = if target { open::Use::Copy } else { open::Use::Serve };
        let access = open::open(&options, used).await?;
        if access.pooler {
            let words = "a pooler stands before it: name the database itself to copy from or to it";
            return Err(StoreError::Unfit(words.to_owned()).into());
        }
        let guard = guard(&access.options).await?;
        let mut conn = PgConnection::connect_with(&access.options).await?;
        let days = days::existing(&mut conn).await?.into_iter().collect();
        Ok(Self { conn, guard, days })
    }

    /// Whether the lock that keeps nodes out was held all the time.
    pub(crate) async fn check_alone(&mut self) -> Result<(), Failure> {
        sqlx::query(words::ALIVE).execute(&mut self.guard).await?;
        Ok(())
    }

    async fn meta(&mut self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(sqlx::query_scalar(sql::META).bind(name).fetch_optional(&mut self.conn).await?)
    }

    pub(crate) async fn facts(&mut self) -> Result<Facts, Failure> {
        let mark = self.meta(MARK).await?.map(|bytes| Mark::from_bytes(&bytes)).transpose()?;
        let newest: Option<Uuid> =
            sqlx::query_scalar(words::NEWEST_EVENT).fetch_optional(&mut self.conn).await?;
        let uncollected: i64 = sqlx::query_scalar(words::UNCOLLECTED).fetch_one(&mut self.conn).await?;
        Ok(Facts {
            key_check: self.meta("key_check").await?,
            newest_event: newest.map(|id| id.as_bytes().to_vec()),
            mark,
            finished: self.meta(FINISHED).await?.and_then(|it| String::from_utf8(it).ok()),
            uncollected: uncollected.unsigned_abs(),
        })
    }

    pub(crate) async fn read(&mut self, table: &Table, after: &[Cell]) -> Result<Batch, Failure> {
        let mut query = sqlx::query(AssertSqlSafe(select(table, !after.is_empty())));
        for (cell, column) in after.iter().zip(table.columns) {
            query = bind(query, cell, column.kind);
        }
        let mut batch = Batch::default();
        for row in query.fetch_all(&mut self.conn).await? {
            let cells = table.columns.iter().enumerate().map(|(index, it)| cell(&row, index, it.kind));
            batch.push(cells.collect::<Result<_, _>>()?);
        }
        Ok(batch)
    }

    pub(crate) async fn write(
        &mut self,
        table: Option<&Table>,
        batch: Batch,
        mark: &Mark,
    ) -> Result<(), Failure> {
        let mut tx = self.conn.begin().await?;
        if let Some(table) = table {
            let missing = missing_days(table, &batch, &self.days);
            if !missing.is_empty() {
                sqlx::query(sql::LOCK_SCHEMA).execute(&mut *tx).await?;
                sqlx::query(sql::ADD_DAYS).bind(&missing).execute(&mut *tx).await?;
                self.days.extend(missing);
            }
            let mut query = sqlx::query(AssertSqlSafe(insert(table)));
            for (column, cells) in table.columns.iter().zip(by_column(table, batch)) {
                query = bind_all(query, cells, column.kind);
            }
            query.execute(&mut *tx).await?;
        }
        sqlx::query(sql::SET_META).bind(MARK).bind(mark.to_bytes()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn count(&mut self, table: &Table) -> Result<u64, Failure> {
        let text = format!("SELECT count(*) FROM {}", words::rows(table));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut self.conn).await?;
        Ok(rows.unsigned_abs())
    }

    pub(crate) async fn has_rows(&mut self, table: &Table) -> Result<bool, Failure> {
        let text = format!("SELECT EXISTS (SELECT FROM stayhook.{})", table.name);
        Ok(sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut self.conn).await?)
    }

    pub(crate) async fn counter(&mut self, table: &str) -> Result<i64, Failure> {
        let query = sqlx::query_scalar(words::COUNTER).bind(format!("stayhook.{table}"));
        Ok(query.fetch_one(&mut self.conn).await?)
    }

    pub(crate) async fn set_counter(&mut self, table: &str, last: i64) -> Result<(), Failure> {
        let query = sqlx::query(words::SET_COUNTER).bind(format!("stayhook.{table}")).bind(last);
        query.execute(&mut self.conn).await?;
        Ok(())
    }

    pub(crate) async fn finish(&mut self, source: &str) -> Result<(), Failure> {
        // What the planner knows of the tables, so that the first minutes are as good as any.
        sqlx::raw_sql(words::ANALYZE).execute(&mut self.conn).await?;
        let mut tx = self.conn.begin().await?;
        sqlx::query(sql::SET_META).bind(FINISHED).bind(source.as_bytes()).execute(&mut *tx).await?;
        sqlx::query(words::FORGET_META).bind(MARK).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Keeps nodes out for as long as the connection lasts: whoever starts cannot register, and
/// whoever was stopped and continues finds that it is none of them any more.
async fn guard(connect: &PgConnectOptions) -> Result<PgConnection, Failure> {
    let mut conn = PgConnection::connect_with(connect).await?;
    sqlx::query(words::BURY_SILENT).execute(&mut conn).await?;
    sqlx::query("BEGIN").execute(&mut conn).await?;
    sqlx::raw_sql(words::KEEP_OUT).execute(&mut conn).await.map_err(|error| {
        let failure = Failure::from(error);
        if failure.is_locked_out() { StoreError::Locked.into() } else { failure }
    })?;
    let alive: Option<String> = sqlx::query_scalar(words::ALIVE).fetch_optional(&mut conn).await?;
    match alive {
        Some(name) => Err(StoreError::Served(name).into()),
        None => Ok(conn),
    }
}

/// The days for which rows have no partition.
fn missing_days(table: &Table, batch: &Batch, known: &HashSet<i32>) -> Vec<i32> {
    let Some(column) = table.partitioned_by else { return Vec::new() };
    let day = |row: &Vec<Cell>| match row.get(column) {
        Some(Cell::Bytes(id)) => {
            Some(days::of(EventId::from_bytes(id.as_slice().try_into().ok()?).accepted_at()))
        }
        _ => None,
    };
    let days: HashSet<i32> = batch.rows.iter().filter_map(day).filter(|it| !known.contains(it)).collect();
    days.into_iter().collect()
}

/// The values of each column.
fn by_column(table: &Table, batch: Batch) -> Vec<Vec<Cell>> {
    let mut columns: Vec<Vec<Cell>> =
        table.columns.iter().map(|_| Vec::with_capacity(batch.rows.len())).collect();
    for row in batch.rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    columns
}

type Bound<'q> = Query<'q, Postgres, PgArguments>;

fn bind<'q>(query: Bound<'q>, cell: &Cell, kind: Kind) -> Bound<'q> {
    match (cell, kind) {
        (Cell::Bytes(bytes), Kind::Event) => query.bind(uuid(bytes)),
        (Cell::Int(number), _) => query.bind(*number),
        (Cell::Text(text), _) => query.bind(text.clone()),
        (Cell::Bytes(bytes), _) => query.bind(bytes.clone()),
        (Cell::Null, _) => query.bind(None::<i64>),
    }
}

fn bind_all(query: Bound<'_>, cells: Vec<Cell>, kind: Kind) -> Bound<'_> {
    let cells = cells.into_iter();
    match kind {
        Kind::Int | Kind::Flag | Kind::Lease => query.bind(cells.map(Cell::int).collect::<Vec<_>>()),
        Kind::Text => query.bind(cells.map(Cell::text).collect::<Vec<_>>()),
        Kind::Bytes | Kind::Deliveries => query.bind(cells.map(Cell::bytes).collect::<Vec<_>>()),
        Kind::Event => query.bind(cells.map(|it| it.bytes().map(|it| uuid(&it))).collect::<Vec<_>>()),
    }
}

/// A value of another length belongs to no event: it becomes one that the database refuses.
fn uuid(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

fn cell(row: &PgRow, index: usize, kind: Kind) -> Result<Cell, Failure> {
    let cell = match kind {
        Kind::Int | Kind::Flag | Kind::Lease => row.try_get::<Option<i64>, _>(index)?.map(Cell::Int),
        Kind::Text => row.try_get::<Option<String>, _>(index)?.map(Cell::Text),
        Kind::Bytes | Kind::Deliveries => row.try_get::<Option<Vec<u8>>, _>(index)?.map(Cell::Bytes),
        Kind::Event => {
            let id = row.try_get::<Option<Uuid>, _>(index)?;
            id.map(|it| Cell::Bytes(rows::event_of(it).to_bytes().to_vec()))
        }
    };
    Ok(cell.unwrap_or(Cell::Null))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sqlx::Executor as _;

    use super::*;
    use crate::copy::{INBOX, TABLES};
    use crate::postgres::migrate;

    /// What describes the database and its nodes rather than the deployment.
    const STAYS: [&str; 6] =
        ["announced_types", "meta", "migrations", "nodes", "registry", "registry_changes"];

    async fn database() -> (PgConnection, stayhook_testkit::Postgres) {
        let database = stayhook_testkit::Postgres::create().unwrap();
        let mut conn = PgConnection::connect(database.url()).await.unwrap();
        migrate::migrate(&mut conn, true).await.unwrap();
        (conn, database)
    }

    async fn names(conn: &mut PgConnection, query: String) -> BTreeSet<String> {
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(conn).await.unwrap().into_iter().collect()
    }

    /// Whoever adds a table or a column decides what becomes of it when a deployment is moved.
    #[tokio::test]
    async fn every_column_of_every_table_goes_over() {
        let (mut conn, _database) = database().await;
        let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'stayhook'::regnamespace
            AND relkind IN ('r', 'p') AND NOT relispartition";
        let mut there = names(&mut conn, tables.to_owned()).await;
        for name in STAYS {
            assert!(there.remove(name), "{name}");
        }
        let all = || TABLES.iter().chain([&INBOX]);
        assert_eq!(all().map(|it| it.name.to_owned()).collect::<BTreeSet<_>>(), there);
        for table in all() {
            let columns = format!(
                "SELECT attname::text FROM pg_attribute
                WHERE attrelid = 'stayhook.{}'::regclass AND attnum > 0 AND NOT attisdropped",
                table.name
            );
            let columns = names(&mut conn, columns).await;
            let written = table.columns.iter().flat_map(|it| words::write(it, "x")).map(|(name, _)| name);
            let written: Vec<String> =
                written.chain(table.besides.map(|it| it.0)).map(str::to_owned).collect();
            assert_eq!(written.iter().cloned().collect::<BTreeSet<_>>(), columns, "{}", table.name);
            assert_eq!(written.len(), columns.len(), "{} names a column twice", table.name);
        }
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        let (mut conn, _database) = database().await;
        for table in TABLES.iter().chain([&INBOX]) {
            for text in [select(table, false), select(table, true), insert(table)] {
                let text = AssertSqlSafe(text);
                conn.prepare(sqlx::SqlSafeStr::into_sql_str(text))
                    .await
                    .unwrap_or_else(|error| panic!("{}: {error}", table.name));
            }
        }
    }
}
