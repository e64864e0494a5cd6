//! Keeping the partitions: those of days to come are made, those of days that are too old are
//! dropped. Both need locks that a transaction of somebody else may hold for hours (a dump, a
//! report, an index being built). Neither is urgent, so that nobody is made to wait for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stayhook_core::UnixMs;

use super::failure::Failure;
use super::line::{PATIENCE, work};
use super::obstacle::Obstacle;
use super::shared::{Shared, transaction};
use super::{retention, sql};
use crate::{StoreError, Sweep};

/// The names of the tables that have partitions, and of those.
const PARTITIONED: &str = "^(events|bodies|attempts|dropped)";

impl Shared {
    /// Drops the oldest day, if all of it is too old and nobody reads it. Returns how many events
    /// that were.
    pub(super) async fn drop_days(&self, sweep: &Sweep) -> Result<u64, Failure> {
        if !lock(&self.dropping).may_try(sweep.now) {
            return Ok(0);
        }
        let dropped = match transaction!(self.upkeep.hold(), |conn| retention::detach_day(conn, sweep)) {
            // What was taken out before by a node that was killed then, too.
            Ok(found) => {
                transaction!(self.upkeep.hold(), |conn| retention::drop_detached(conn)).map(|()| found)
            }
            Err(failure) => Err(failure),
        };
        let what = "events beyond their retention cannot be dropped";
        Ok(self.unless_obstructed(&self.dropping, sweep.now, what, dropped).await?.unwrap_or(0))
    }

    /// From when on days may be dropped.
    pub(super) fn drops_days_from(&self) -> UnixMs {
        lock(&self.dropping).until().unwrap_or(UnixMs(0))
    }

    /// Makes the partitions of the days to come.
    pub(super) async fn make_days(&self, making: &Mutex<Obstacle>, now: UnixMs) -> Result<(), Failure> {
        let missing = self.days.missing_around(now);
        if missing.is_empty() || !lock(making).may_try(now) {
            return Ok(());
        }
        let mut held = self.upkeep.hold().await?;
        let made = work!(held, PATIENCE, None, |conn| self.days.add(conn, &missing, Duration::ZERO));
        let made = held.done(made);
        let what = "partitions for the days to come cannot be made";
        self.unless_obstructed(making, now, what, made).await?;
        Ok(())
    }

    /// The result, or `None` where others were in the way: then it is tried less often, and told
    /// once if that goes on.
    async fn unless_obstructed<T>(
        &self,
        obstacle: &Mutex<Obstacle>,
        now: UnixMs,
        what: &str,
        result: Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        match result {
            Err(failure) if failure.is_obstructed() => {
                let since = lock(obstacle).met(now);
                if let Some(since) = since {
                    let by = match failure {
                        Failure::Store(StoreError::Busy(words)) => words,
                        _ => self.used_by().await?.unwrap_or_else(|| "transactions of others".to_owned()),
                    };
                    let since = since.rfc3339_seconds();
                    tracing::warn!(%since, %by, "{what}: end what is in the way; it is tried again every few minutes");
                }
                Ok(None)
            }
            other => {
                if other.is_ok() && lock(obstacle).passed() {
                    tracing::info!("{what}: that is over");
                }
                other.map(Some)
            }
        }
    }

    /// Whose transactions use the partitions.
    async fn used_by(&self) -> Result<Option<String>, Failure> {
        let mut held = self.upkeep.hold().await?;
        let found = work!(held, PATIENCE, None, |conn| async {
            Ok(sqlx::query_scalar(sql::TABLES_USED_BY).bind(PARTITIONED).fetch_one(conn).await?)
        });
        held.done(found)
    }
}

fn lock(obstacle: &Mutex<Obstacle>) -> std::sync::MutexGuard<'_, Obstacle> {
    // Whole after every line.
    obstacle.lock().unwrap_or_else(PoisonError::into_inner)
}
