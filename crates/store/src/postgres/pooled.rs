//! Connections of the pool, for queries.

use std::sync::Arc;

use sqlx::PgConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::failure::Failure;
use super::limits::{Limits, NOTICE};
use super::line::{PROMPT, within};
use super::shared::Shared;

/// A connection of the pool, for one transaction.
pub(super) struct Pooled {
    conn: sqlx::pool::PoolConnection<sqlx::Postgres>,
    /// One of as many as the pool has connections.
    place: OwnedSemaphorePermit,
    /// What a pooler's session is told.
    pooler: Option<Limits>,
}

impl Shared {
    /// Waits for a connection of the pool.
    pub(super) async fn pooled(&self) -> Result<Pooled, Failure> {
        let place = within(PROMPT, async {
            let places: Arc<Semaphore> = Arc::clone(&self.places);
            // They are never closed.
            places.acquire_owned().await.map_err(|_| Failure::Silence)
        });
        let place = place.await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let pooler = self.access.pooler.then_some(Limits::PATIENT);
        Ok(Pooled { conn: self.pool.acquire().await?, place, pooler })
    }
}

impl Pooled {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    pub(super) fn pooler(&self) -> Option<Limits> {
        self.pooler
    }

    /// Gives the connection back, or closes it where the failure broke it. Where the server may
    /// still be at something, it has the time to end that before another connection is made.
    pub(super) fn done<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        if result.as_ref().is_err_and(Failure::breaks_connection) {
            drop(self.conn.detach());
        }
        if matches!(result, Err(Failure::Silence)) {
            let place = self.place;
            tokio::spawn(async move {
                sleep(NOTICE).await;
                drop(place);
            });
        }
        result
    }
}
