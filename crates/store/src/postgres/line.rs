//! Connections that belong to one kind of work: it never waits for a place in a pool, and
//! what it prepared stays prepared.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::access::Access;
use super::failure::Failure;

/// Whoever does not answer for so long is treated as gone: far more than any transaction here
/// takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// The same where somebody waits who is better told soon that the database is away, and where
/// what is asked is small.
pub(super) const PROMPT: Duration = Duration::from_secs(3);

/// A connection that is made when it is needed, and again when it was lost.
pub(super) struct Line {
    access: Access,
    slot: Mutex<Option<PgConnection>>,
}

/// The connection, for one transaction. It is kept only if [`Held::done`] is called: whoever
/// gives up in the middle, or is dropped, leaves it in nobody knows what state.
pub(super) struct Held<'l> {
    slot: MutexGuard<'l, Option<PgConnection>>,
    conn: PgConnection,
    pooler: bool,
}

impl Line {
    /// Connects with the first use.
    pub(super) fn new(access: Access) -> Self {
        Self { access, slot: Mutex::new(None) }
    }

    /// Waits until nobody else holds it, and connects if need be.
    pub(super) async fn hold(&self) -> Result<Held<'_>, Failure> {
        let mut slot = self.slot.lock().await;
        let conn = match slot.take() {
            Some(conn) => conn,
            None => {
                within(PROMPT, async { Ok(PgConnection::connect_with(&self.access.options).await?) }).await?
            }
        };
        Ok(Held { slot, conn, pooler: self.access.pooler })
    }
}

impl Held<'_> {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    pub(super) fn pooler(&self) -> bool {
        self.pooler
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
        let begin = begin.or(pooler.then_some("BEGIN"));
        $crate::postgres::line::within($patience, async {
            let mut tx: Option<sqlx::PgTransaction<'_>> = None;
            let $conn: &mut sqlx::PgConnection = match begin {
                None => $held.conn(),
                Some(begin) => &mut **tx.insert(sqlx::Connection::begin_with($held.conn(), begin).await?),
            };
            let result: Result<_, $crate::postgres::failure::Failure> = $job.await;
            match tx {
                None => result,
                Some(tx) => $crate::postgres::line::end(tx, pooler, result).await,
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
