//! Connections that belong to one kind of work: it never waits for a place in a pool, and
//! what it prepared stays prepared.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

use super::access::Access;
use super::failure::Failure;
use super::limits::{Limits, NOTICE};

/// Whoever does not answer for so long is treated as gone: far more than any transaction here
/// takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// The same where somebody waits who is better told soon that the database is away, and where
/// what is asked is small.
pub(super) const PROMPT: Duration = Duration::from_secs(3);

/// A connection that is made when it is needed, and again when it was lost.
pub(super) struct Line {
    access: Access,
    limits: Limits,
    slot: Mutex<Slot>,
}

/// What a line has.
enum Slot {
    /// No connection, here or on the server.
    Empty,
    /// One that is ready for use.
    Ready(PgConnection),
    /// One is in use, or was given up in the middle of something: the server may still be at it.
    GivenUp,
}

/// The connection, for one transaction. It is kept only if [`Held::done`] is called: whoever
/// gives up in the middle, or is dropped, leaves it in nobody knows what state.
pub(super) struct Held<'l> {
    slot: MutexGuard<'l, Slot>,
    conn: PgConnection,
    /// What a pooler's session is told.
    pooler: Option<Limits>,
}

impl Line {
    /// Connects with the first use.
    pub(super) fn new(access: Access, limits: Limits) -> Self {
        Self { access, limits, slot: Mutex::new(Slot::Empty) }
    }

    /// Waits until nobody else holds it, and connects if need be; not before the server has had
    /// the time to end what was given up, so that it never has two sessions of one line.
    pub(super) async fn hold(&self) -> Result<Held<'_>, Failure> {
        let mut slot = self.slot.lock().await;
        let conn = match std::mem::replace(&mut *slot, Slot::GivenUp) {
            Slot::Ready(conn) => conn,
            before => {
                if matches!(before, Slot::GivenUp) {
                    sleep(NOTICE).await;
                }
                *slot = Slot::Empty;
                let conn = within(PROMPT, self.access.connect(self.limits)).await?;
                *slot = Slot::GivenUp;
                conn
            }
        };
        Ok(Held { slot, conn, pooler: self.access.pooler.then_some(self.limits) })
    }
}

impl Held<'_> {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    pub(super) fn pooler(&self) -> Option<Limits> {
        self.pooler
    }

    /// Keeps the connection, unless the failure broke it.
    pub(super) fn done<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        match &result {
            Err(failure) if failure.is_lost_connection() => self.lost(),
            Err(Failure::Silence) => {}
            _ => self.keep(),
        }
        result
    }

    /// Gives up a connection on which nothing goes on any more: another one is made at once.
    pub(super) fn lost(mut self) {
        *self.slot = Slot::Empty;
    }

    /// Keeps the connection: what failed did not break it.
    pub(super) fn keep(mut self) {
        *self.slot = Slot::Ready(self.conn);
    }
}

/// Gives up after a while.
pub(super) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(patience, work).await.unwrap_or(Err(Failure::Silence))
}

/// Does something on a connection that is held, and gives up after a while. In a transaction
/// if there is a statement to begin one with, and always behind a pooler.
macro_rules! work {
    ($held:expr, $patience:expr, $begin:expr, |$conn:ident| $job:expr) => {{
        let pooler = $held.pooler();
        let begin: Option<&'static str> = $begin;
        let begin = match pooler {
            None => begin.map(sqlx::SqlSafeStr::into_sql_str),
            Some(limits) => Some(limits.begin(begin)),
        };
        $crate::postgres::line::within($patience, async {
            let mut tx: Option<sqlx::PgTransaction<'_>> = None;
            let $conn: &mut sqlx::PgConnection = match begin {
                None => $held.conn(),
                Some(begin) => &mut **tx.insert(sqlx::Connection::begin_with($held.conn(), begin).await?),
            };
            let result: Result<_, $crate::postgres::failure::Failure> = $job.await;
            match tx {
                None => result,
                Some(tx) => $crate::postgres::line::end(tx, pooler.is_some(), result).await,
            }
        })
        .await
    }};
}
pub(super) use work;

/// Commits what succeeded and rolls back what failed. Behind a pooler the session goes to
/// somebody else then: what was prepared on it is taken away before.
pub(super) async fn end<T>(
    mut tx: Transaction<'_, Postgres>,
    pooler: bool,
    result: Result<T, Failure>,
) -> Result<T, Failure> {
    if pooler && !result.as_ref().is_err_and(Failure::breaks_connection) {
        tx.clear_cached_statements().await?;
    }
    match result {
        Ok(value) => {
            tx.commit().await?;
            Ok(value)
        }
        // It is rolled back with the next use of the connection, and behind a pooler now.
        Err(failure) if pooler && !failure.breaks_connection() => {
            tx.rollback().await?;
            Err(failure)
        }
        Err(failure) => Err(failure),
    }
}
