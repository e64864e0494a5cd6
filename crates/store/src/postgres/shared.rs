//! What the store and its background tasks work with.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use sqlx::PgConnection;
use sqlx::postgres::PgPool;
use stayhook_core::{Span, UnixMs};

use super::access::Access;
use super::clock::{self, Timing};
use super::days::Days;
use super::doubt::Doubt;
use super::failure::Failure;
use super::line::{Line, PATIENCE, PROMPT, work};
use super::tenure::{self, Tenure};
use super::{claim, conclude, days, open, sql, take_over};
use crate::{Claim, Claimed, Conclude, Concluded};

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
            let patience = $crate::postgres::line::PATIENCE;
            let result = $crate::postgres::line::work!(held, patience, Some("BEGIN"), |$conn| $job);
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
    pub(super) access: Access,
    pub(super) pool: PgPool,
    pub(super) days: Days,
    pub(super) intake: Line,
    conclude: Line,
    claim: Line,
    pub(super) upkeep: Line,
    pub(super) pulse: Line,
    name: String,
    pub(super) tenure: Tenure,
    pub(super) doubt: Doubt,
    /// This node has said goodbye.
    left: AtomicBool,
    /// What was accepted before this moment is being pruned.
    pub(super) pruned: AtomicI64,
}

impl Shared {
    /// Prepares connections, registers this node, and makes partitions.
    pub(super) async fn start(access: Access, name: String, timing: Timing) -> Result<Self, Failure> {
        let line = || Line::new(access.clone());
        let shared = Self {
            timing,
            pool: open::pool(&access),
            days: Days::default(),
            intake: line(),
            conclude: line(),
            claim: line(),
            upkeep: line(),
            pulse: line(),
            access: access.clone(),
            name,
            tenure: Tenure::default(),
            doubt: Doubt::default(),
            left: AtomicBool::new(false),
            pruned: AtomicI64::new(0),
        };
        let mut held = shared.pulse.hold().await?;
        let result = work!(held, PATIENCE, None, |conn| async {
            shared.register(conn).await?;
            let now = clock::clock(conn).await?;
            shared.days.add(conn, &shared.days.missing_around(now)).await
        });
        held.done(result)?;
        Ok(shared)
    }

    /// The number under which this node holds what it holds.
    pub(super) fn node(&self) -> i64 {
        self.tenure.node()
    }

    /// Makes this node one that is alive, under a new number.
    pub(super) async fn register(&self, conn: &mut PgConnection) -> Result<(), Failure> {
        if self.left.load(Ordering::Acquire) {
            return Err(Failure::Buried);
        }
        let asked = tenure::moment();
        let id = sqlx::query_scalar(sql::REGISTER_NODE).bind(&self.name).fetch_one(conn).await?;
        self.tenure.begin(id, asked);
        Ok(())
    }

    /// Says that this node is alive; returns what time it is for the database.
    pub(super) async fn beat(&self, conn: &mut PgConnection) -> Result<UnixMs, Failure> {
        let (node, sent) = (self.node(), tenure::moment());
        let seen: Option<i64> = sqlx::query_scalar(sql::BEAT).bind(node).fetch_optional(&mut *conn).await?;
        if let Some(seen) = seen {
            self.tenure.confirm(sent);
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
        let result = work!(held, PROMPT, None, |conn| async {
            sqlx::query(sql::LEAVE).bind(self.node()).execute(conn).await?;
            Ok(())
        });
        held.done(result)
    }

    /// Claims what is due for this node.
    pub(super) async fn claim(&self, claim: &Claim) -> Result<Claimed, Failure> {
        let node = self.node();
        let claimed = transaction!(self.claim.hold(), |conn| claim::claim(conn, node, self.timing, claim))?;
        self.tenure.claimed(node, claimed.due.iter().map(|it| (it.webhook, it.event, it.progress.attempts)));
        Ok(claimed)
    }

    pub(super) async fn conclude(&self, batch: &Conclude) -> Result<Concluded, Failure> {
        let mut left = REPEATS;
        loop {
            let mut held = self.conclude.hold().await?;
            let pruned = UnixMs(self.pruned.load(Ordering::Relaxed));
            let (node, timing) = (self.node(), self.timing);
            let result =
                work!(held, PATIENCE, None, |conn| conclude::conclude(conn, node, timing, batch, pruned));
            match result {
                Err(failure) if failure.lacks_partition() && left > 0 => {
                    // Another node dropped the day of some of these events.
                    let existing = work!(held, PATIENCE, None, |conn| days::existing(conn));
                    let oldest = held.done(existing)?.first().copied();
                    let kept_from = oldest.map_or(i64::MAX, |day| days::end_of(day - 1).0);
                    self.pruned.fetch_max(kept_from, Ordering::Relaxed);
                }
                Err(failure) if failure.is_collision() && left > 0 => held.keep(),
                other => {
                    if other.is_ok() {
                        self.tenure.concluded(batch);
                    }
                    return held.done(other);
                }
            }
            left -= 1;
        }
    }

    /// Gives back what dead nodes held. Returns how many deliveries that were.
    pub(super) async fn take_over(&self, now: UnixMs) -> Result<u64, Failure> {
        if self.timing == Timing::Database && self.tenure.knows_the_others() {
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
