//! Partitions: `events`, `bodies` and `attempts` have one for each day (UTC) of acceptance.
//! They are made ahead of time, and on demand for whoever's clock is far off.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use stayhook_core::UnixMs;

use super::failure::Failure;
use super::{schema_lock, sql};
use crate::StoreError;

const DAY: i64 = 86_400_000;
/// From yesterday, for events accepted just before midnight, to what a long weekend without
/// anybody at hand needs.
const AHEAD: std::ops::RangeInclusive<i32> = -1..=3;

/// The days that are known to have partitions.
#[derive(Default)]
pub(super) struct Days(Mutex<BTreeSet<i32>>);

/// The day of a moment, counted from 1970-01-01.
pub(super) fn of(at: UnixMs) -> i32 {
    i32::try_from(at.0.div_euclid(DAY)).unwrap_or(i32::MAX)
}

/// The first moment after a day.
pub(super) fn end_of(day: i32) -> UnixMs {
    UnixMs((i64::from(day) + 1).saturating_mul(DAY))
}

/// The days that have partitions, oldest first.
pub(super) async fn existing(conn: &mut PgConnection) -> Result<Vec<i32>, Failure> {
    Ok(sqlx::query_scalar(sql::DAYS).fetch_all(conn).await?)
}

impl Days {
    /// Learns which days there are, and makes those that are missing. Without today's nothing can
    /// be accepted; the others can wait.
    pub(super) async fn open(&self, conn: &mut PgConnection, now: UnixMs) -> Result<(), Failure> {
        let existing = existing(conn).await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(&existing);
        match self.add(conn, &self.missing_around(now), schema_lock::PATIENCE).await {
            Err(failure) if failure.is_obstructed() && existing.contains(&of(now)) => {
                tracing::warn!(error = %StoreError::from(failure), "partitions for the days to come are made later");
                Ok(())
            }
            other => other,
        }
    }

    /// The days from yesterday on that have to be made.
    pub(super) fn missing_around(&self, now: UnixMs) -> Vec<i32> {
        let today = of(now);
        self.missing(AHEAD.map(|offset| today.saturating_add(offset)))
    }

    /// Those of these days that are not known to be there.
    pub(super) fn missing(&self, wanted: impl IntoIterator<Item = i32>) -> Vec<i32> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: BTreeSet<i32> = wanted.into_iter().filter(|day| !known.contains(day)).collect();
        missing.into_iter().collect()
    }

    /// Makes the partitions of these days, one node at a time; waits for others no longer than that.
    pub(super) async fn add(
        &self,
        conn: &mut PgConnection,
        days: &[i32],
        patience: Duration,
    ) -> Result<(), Failure> {
        if days.is_empty() {
            return Ok(());
        }
        let mut tx = conn.begin().await?;
        schema_lock::take(&mut tx, patience).await?;
        sqlx::query(sql::BE_BRIEF).execute(&mut *tx).await?;
        sqlx::query(sql::ADD_DAYS).bind(days).execute(&mut *tx).await?;
        tx.commit().await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(days);
        Ok(())
    }

    /// Forgets what is known: somebody dropped a day.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
