//! Connections of the pool, for queries.

use sqlx::PgConnection;

use super::failure::Failure;
use super::shared::Shared;

/// A connection of the pool, for one transaction.
pub(super) struct Pooled {
    conn: sqlx::pool::PoolConnection<sqlx::Postgres>,
    pooler: bool,
}

impl Shared {
    /// Waits for a connection of the pool.
    pub(super) async fn pooled(&self) -> Result<Pooled, Failure> {
        Ok(Pooled { conn: self.pool.acquire().await?, pooler: self.access.pooler })
    }
}

impl Pooled {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    pub(super) fn pooler(&self) -> bool {
        self.pooler
    }

    /// Gives the connection back, or closes it where the failure broke it.
    pub(super) fn done<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        if result.as_ref().is_err_and(Failure::breaks_connection) {
            drop(self.conn.detach());
        }
        result
    }
}
