//! What the store and its background tasks work with.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use sqlx::PgConnection;
use sqlx::postgres::{PgConnectOptions, PgPool};
use stayhook_core::{Span, UnixMs};

use super::clock::{self, Timing};
use super::days::Days;
use super::failure::Failure;
use super::line::{Line, bounded};
use super::{conclude, days, intake, open, sql, take_over};
use crate::{Conclude, Concluded, Intake, Receipt};

/// Whoever is silent for so long is dead. Six heartbeats may be lost.
const DEAD_AFTER: Span = Span::seconds(15);

/// How often a transaction is repeated that gave in to another.
pub(super) const REPEATS: u32 = 8;

/// Runs a transaction on a connection, again where it gave in to another one.
macro_rules! transaction {
    ($held:expr, |$conn:ident| $job:expr) => {{
        let mut left = $crate::postgres::shared::REPEATS;
        loop {
            let mut held = match $held.await {
                Ok(held) => held,
                Err(failure) => break Err(failure),
            };
            let result = $crate::postgres::line::bounded(async {
                let mut tx = sqlx::Connection::begin(held.conn()).await?;
                let $conn = &mut *tx;
                let value = $job.await?;
                tx.commit().await?;
                Ok(value)
            });
            let result: Result<_, $crate::postgres::failure::Failure> = result.await;
            match held.done(result) {
                Err(failure) if failure.is_collision() && left > 0 => left -= 1,
                other => break other,
            }
        }
    }};
}
pub(super) use transaction;

/// The connections of this node, and what it knows of itself.
pub(super) struct Shared {
    pub(super) timing: Timing,
    pub(super) pool: PgPool,
    pub(super) days: Days,
    intake: Line,
    conclude: Line,
    pub(super) claim: Line,
    pub(super) upkeep: Line,
    pub(super) pulse: Line,
    name: String,
    id: AtomicI64,
    /// This node has said goodbye.
    left: AtomicBool,
    /// What was accepted before this moment is being pruned.
    pub(super) pruned: AtomicI64,
}

impl Shared {
    /// Prepares connections, registers this node, and makes partitions.
    pub(super) async fn start(
        connect: PgConnectOptions,
        name: String,
        timing: Timing,
    ) -> Result<Self, Failure> {
        let line = || Line::new(connect.clone());
        let shared = Self {
            timing,
            pool: open::pool(connect.clone()),
            days: Days::default(),
            intake: line(),
            conclude: line(),
            claim: line(),
            upkeep: line(),
            pulse: line(),
            name,
            id: AtomicI64::new(0),
            left: AtomicBool::new(false),
            pruned: AtomicI64::new(0),
        };
        let mut held = shared.pulse.hold().await?;
        let result = bounded(async {
            shared.register(held.conn()).await?;
            let now = clock::clock(held.conn()).await?;
            shared.days.add(held.conn(), &shared.days.missing_around(now)).await
        });
        let result = result.await;
        held.done(result)?;
        Ok(shared)
    }

    /// The number under which this node holds what it holds.
    pub(super) fn node(&self) -> i64 {
        self.id.load(Ordering::Acquire)
    }

    /// Makes this node one that is alive, under a new number.
    async fn register(&self, conn: &mut PgConnection) -> Result<(), Failure> {
        if self.left.load(Ordering::Acquire) {
            return Err(Failure::Buried);
        }
        let id = sqlx::query_scalar(sql::REGISTER_NODE).bind(&self.name).fetch_one(conn).await?;
        self.id.store(id, Ordering::Release);
        Ok(())
    }

    /// Says that this node is alive; returns what time it is for the database.
    pub(super) async fn beat(&self, conn: &mut PgConnection) -> Result<UnixMs, Failure> {
        let node = self.node();
        let seen: Option<i64> = sqlx::query_scalar(sql::BEAT).bind(node).fetch_optional(&mut *conn).await?;
        if let Some(seen) = seen {
            return Ok(UnixMs(seen));
        }
        tracing::warn!(node, "others took this node for dead: what it held is theirs, it starts anew");
        self.register(conn).await?;
        clock::clock(conn).await
    }

    /// Says goodbye: whatever this node still holds is given back at once by the others.
    pub(super) async fn leave(&self) -> Result<(), Failure> {
        self.left.store(true, Ordering::Release);
        let mut held = self.pulse.hold().await?;
        let result = bounded(async {
            sqlx::query(sql::LEAVE).bind(self.node()).execute(held.conn()).await?;
            Ok(())
        });
        let result = result.await;
        held.done(result)
    }

    pub(super) async fn intake(&self, batch: &Intake) -> Result<Receipt, Failure> {
        let days = || self.days.missing(batch.events.iter().map(|it| days::of(it.id.accepted_at())));
        let mut left = REPEATS;
        loop {
            let mut held = self.intake.hold().await?;
            let result = bounded(async {
                self.days.add(held.conn(), &days()).await?;
                intake::intake(held.conn(), self.node(), self.timing, batch).await
            });
            let result = result.await;
            match result {
                Err(Failure::Buried) if left > 0 => {
                    let again = bounded(self.register(held.conn())).await;
                    held.done(again)?;
                }
                Err(failure) if failure.lacks_partition() && left > 0 => {
                    self.days.forget();
                    held.keep();
                }
                Err(failure) if failure.is_collision() && left > 0 => held.keep(),
                other => return held.done(other),
            }
            left -= 1;
        }
    }

    pub(super) async fn conclude(&self, batch: &Conclude) -> Result<Concluded, Failure> {
        let mut left = REPEATS;
        loop {
            let mut held = self.conclude.hold().await?;
            let pruned = UnixMs(self.pruned.load(Ordering::Relaxed));
            let work = conclude::conclude(held.conn(), self.node(), self.timing, batch, pruned);
            let result = bounded(work).await;
            match result {
                Err(failure) if failure.lacks_partition() && left > 0 => {
                    // Another node dropped the day of some of these events.
                    let existing = bounded(days::existing(held.conn())).await;
                    let oldest = held.done(existing)?.first().copied();
                    let kept_from = oldest.map_or(i64::MAX, |day| days::end_of(day - 1).0);
                    self.pruned.fetch_max(kept_from, Ordering::Relaxed);
                }
                Err(failure) if failure.is_collision() && left > 0 => held.keep(),
                other => return held.done(other),
            }
            left -= 1;
        }
    }

    /// Gives back what dead nodes held. Returns how many deliveries that were.
    pub(super) async fn take_over(&self, now: UnixMs) -> Result<u64, Failure> {
        if self.timing == Timing::Database {
            let silent = i64::try_from(DEAD_AFTER.as_millis()).unwrap_or(i64::MAX);
            let dead = transaction!(self.upkeep.hold(), |conn| take_over::bury(conn, self.node(), silent))?;
            if dead > 0 {
                tracing::warn!(nodes = dead, "nodes are dead: what they held is given back");
            }
        }
        let mut given_back = 0;
        loop {
            let step = transaction!(self.upkeep.hold(), |conn| self.give_back(conn, now))?;
            given_back += step.given_back;
            if !step.more {
                return Ok(given_back);
            }
        }
    }

    async fn give_back(&self, conn: &mut PgConnection, now: UnixMs) -> Result<take_over::Step, Failure> {
        let mut step = take_over::give_back_handoffs(conn, self.timing, now).await?;
        if !step.more {
            step = take_over::give_back_leases(conn, self.timing, now).await?;
        }
        if step.given_back > 0 {
            sqlx::query(sql::RING_DUE).execute(conn).await?;
        }
        Ok(step)
    }
}

/// A connection of the pool, for one transaction.
pub(super) struct Pooled(sqlx::pool::PoolConnection<sqlx::Postgres>);

impl Shared {
    /// Waits for a connection of the pool.
    pub(super) async fn pooled(&self) -> Result<Pooled, Failure> {
        Ok(Pooled(self.pool.acquire().await?))
    }
}

impl Pooled {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    /// Gives the connection back, or closes it where the failure broke it.
    pub(super) fn done<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        if result.as_ref().is_err_and(Failure::breaks_connection) {
            drop(self.0.detach());
        }
        result
    }
}
