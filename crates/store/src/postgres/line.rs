//! Connections that belong to one kind of work: it never waits for a place in a pool, and
//! what it prepared stays prepared.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::failure::Failure;

/// Whoever does not answer for so long is treated as gone: far more than any transaction here
/// takes, and less than callers wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that is made when it is needed, and again when it was lost.
pub(super) struct Line {
    options: PgConnectOptions,
    slot: Mutex<Option<PgConnection>>,
}

/// The connection, for one transaction. It is kept only if [`Held::done`] is called: whoever
/// gives up in the middle, or is dropped, leaves it in nobody knows what state.
pub(super) struct Held<'l> {
    slot: MutexGuard<'l, Option<PgConnection>>,
    conn: PgConnection,
}

impl Line {
    /// Connects with the first use.
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, slot: Mutex::new(None) }
    }

    /// Waits until nobody else holds it, and connects if need be.
    pub(super) async fn hold(&self) -> Result<Held<'_>, Failure> {
        let mut slot = self.slot.lock().await;
        let conn = match slot.take() {
            Some(conn) => conn,
            None => bounded(async { Ok(PgConnection::connect_with(&self.options).await?) }).await?,
        };
        Ok(Held { slot, conn })
    }
}

impl Held<'_> {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    /// Keeps the connection, unless the failure broke it.
    pub(super) fn done<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        if !result.as_ref().is_err_and(Failure::breaks_connection) {
            self.keep();
        }
        result
    }

    /// Keeps the connection: what failed did not break it.
    pub(super) fn keep(mut self) {
        *self.slot = Some(self.conn);
    }
}

/// Gives up after a while.
pub(super) async fn bounded<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(Failure::Silence))
}
