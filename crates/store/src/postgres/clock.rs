//! One clock for due times and leases: the database's, so that nodes whose clocks differ
//! agree on what is due and whose lease ran out.
//!
//! Callers say what time it is for them. The difference at that moment is added to the due
//! times that they write and taken from those that they read. Everything else that is a
//! record of what happened (attempts, changes) stays as the callers' clocks said.

use sqlx::PgConnection;
use stayhook_core::UnixMs;

use super::failure::Failure;
use super::sql;

/// Whose clock counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// The database's.
    #[default]
    Database,
    /// The caller's, for tests that move it by hand: nothing happens by itself then (no
    /// heartbeat, no takeover, no notifications), and every node counts as dead when somebody
    /// takes over.
    Caller,
}

/// What is added to a time of the caller to have it by the database's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift(i64);

impl Shift {
    /// The difference now, which is `now` for the caller.
    pub(super) async fn read(conn: &mut PgConnection, timing: Timing, now: UnixMs) -> Result<Self, Failure> {
        match timing {
            Timing::Caller => Ok(Self(0)),
            Timing::Database => Ok(Self(clock(conn).await?.0.saturating_sub(now.0))),
        }
    }

    /// What a statement needs that reads the clock itself: the shift where it is known before.
    pub(super) fn known(timing: Timing) -> Option<i64> {
        (timing == Timing::Caller).then_some(0)
    }

    /// The caller's time by the database's clock.
    pub(super) fn there(self, at: UnixMs) -> i64 {
        at.0.saturating_add(self.0)
    }

    /// The database's time by the caller's clock.
    pub(super) fn here(self, at: i64) -> UnixMs {
        UnixMs(at.saturating_sub(self.0))
    }
}

/// What time it is for the database.
pub(super) async fn clock(conn: &mut PgConnection) -> Result<UnixMs, Failure> {
    Ok(UnixMs(sqlx::query_scalar(sql::CLOCK).fetch_one(conn).await?))
}
