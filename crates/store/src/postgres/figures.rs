//! What the nodes counted, by the hour, and how things stand now.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use stayhook_core::WebhookId;

use super::failure::Failure;
use super::rows::{self, limit};
use super::sql;
use crate::stats::hour_of;
use crate::{Stats, StatsRequest, Sweep, Tally};

/// Adds to this node's own rows, in order of their keys.
pub(super) async fn count(conn: &mut PgConnection, node: i64, tallies: &[Tally]) -> Result<(), Failure> {
    let mut sums: BTreeMap<(i64, i64), [i64; 4]> = BTreeMap::new();
    for it in tallies {
        let sum = sums.entry((it.webhook.0, hour_of(it.at))).or_default();
        let counted = [it.accepted, it.delivered, it.failed, it.duration.as_millis()];
        for (sum, counted) in sum.iter_mut().zip(counted) {
            *sum = sum.saturating_add_unsigned(counted);
        }
    }
    let column = |at: usize| sums.values().map(|sum| sum[at]).collect::<Vec<_>>();
    sqlx::query(sql::COUNT)
        .bind(node)
        .bind(sums.keys().map(|key| key.0).collect::<Vec<_>>())
        .bind(sums.keys().map(|key| key.1).collect::<Vec<_>>())
        .bind(column(0))
        .bind(column(1))
        .bind(column(2))
        .bind(column(3))
        .execute(conn)
        .await?;
    Ok(())
}

/// Figures of one webhook or of all.
pub(super) async fn stats(conn: &mut PgConnection, request: StatsRequest) -> Result<Stats, Failure> {
    let webhook = request.webhook.map(|WebhookId(id)| id);
    let (since, until) = (hour_of(request.since), hour_of(request.until));
    let sums = match webhook {
        Some(id) => sqlx::query(sql::SUMS_OF).bind(since).bind(until).bind(id),
        None => sqlx::query(sql::SUMS).bind(since).bind(until),
    };
    let sums = sums.fetch_one(&mut *conn).await?;
    let waits = webhook.map_or_else(|| sqlx::query(sql::WAITS), |id| sqlx::query(sql::WAITS_OF).bind(id));
    let waits = waits.fetch_one(&mut *conn).await?;
    let statuses = sqlx::query(sql::STATUSES).bind(webhook).fetch_one(conn).await?;
    Ok(Stats {
        active: rows::number(&statuses, 0)?,
        paused: rows::number(&statuses, 1)?,
        disabled: rows::number(&statuses, 2)?,
        failing: rows::number(&statuses, 3)?,
        pending: rows::number(&waits, 0)?,
        held: rows::number(&waits, 1)?,
        next_due: rows::moment(&waits, 2)?,
        accepted: rows::number(&sums, 0)?,
        delivered: rows::number(&sums, 1)?,
        failed: rows::number(&sums, 2)?,
        duration: rows::span(&sums, 3)?,
    })
}

/// Forgets a batch of what was counted before the retention.
pub(super) async fn prune(conn: &mut PgConnection, sweep: &Sweep) -> Result<(), Failure> {
    let kept_from = hour_of(sweep.now.before(sweep.keep));
    sqlx::query(sql::OLD_TALLIES).bind(kept_from).bind(limit(sweep.batch)).execute(conn).await?;
    Ok(())
}
