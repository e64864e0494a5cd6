//! Readers: a few connections beside the writer, each reading a snapshot of its own.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{query, sql};
use crate::StoreError;

/// Connections that only read, lent to one query at a time.
pub(super) struct Readers {
    idle: Arc<Idle>,
    /// As many as there are connections.
    permits: Arc<Semaphore>,
}

type Idle = Mutex<Vec<Connection>>;

impl Readers {
    /// Readers with these connections.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), permits }
    }

    /// Runs a query on one snapshot, off the threads that drive sockets.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = |_| StoreError::Unavailable("a query was abandoned, see the log".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Unavailable("the database is closed".to_owned()))?;
        let idle = Arc::clone(&self.idle);
        let query = spawn_blocking(move || {
            let result = Lent::take(&idle)?.query(job);
            drop(permit);
            result
        });
        query.await.unwrap_or_else(|error| Err(stopped(error)))
    }
}

/// A connection that goes back when it is done with, after a panic too.
struct Lent<'a> {
    conn: Option<Connection>,
    idle: &'a Idle,
}

impl<'a> Lent<'a> {
    fn take(idle: &'a Idle) -> Result<Self, StoreError> {
        let conn = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Self { conn, idle })
    }

    fn query<T>(&self, job: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let none = || StoreError::Unavailable("no connection is free".to_owned());
        let conn = self.conn.as_ref().ok_or_else(none)?;
        query::run(conn, sql::SNAPSHOT, [])?;
        let result = job(conn);
        query::run(conn, sql::ROLLBACK, [])?;
        result
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        if !conn.is_autocommit()
            && let Err(error) = query::run(&conn, sql::ROLLBACK, [])
        {
            tracing::error!(%error, "a snapshot cannot be given up");
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
    }
}
