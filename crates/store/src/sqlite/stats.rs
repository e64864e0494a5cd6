//! Figures about webhooks, by the hour.

use rusqlite::{Connection, Row, params};
use stayhook_core::{Span, UnixMs};

use super::{query, rows, sql};
use crate::stats::{end_of, hour_of};
use crate::{Stats, StatsRequest, StoreError, Sweep, Tally};

/// Adds up what was counted.
pub(super) fn count(conn: &Connection, tallies: &[Tally]) -> Result<(), StoreError> {
    let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
    for it in tallies {
        let row = params![
            it.webhook.0,
            hour_of(it.at),
            number(it.accepted),
            number(it.delivered),
            number(it.failed),
            number(it.duration.as_millis()),
        ];
        query::run(conn, sql::COUNT, row)?;
    }
    Ok(())
}

/// Figures of one webhook or of all.
pub(super) fn stats(conn: &Connection, request: &StatsRequest) -> Result<Stats, StoreError> {
    let mut stats = Stats::default();
    let (from, through) = (hour_of(request.since), hour_of(request.until));
    match request.webhook {
        None => {
            query::one(conn, sql::TALLIED, [from, through], |row| tallied(row, &mut stats))?;
            query::one(conn, sql::STATUSES, [], |row| statuses(row, &mut stats))?;
            query::one(conn, sql::WAITING_NOW, [], |row| waiting(row, &mut stats))?;
        }
        Some(id) => {
            let range = [from, through, id.0];
            query::one(conn, sql::TALLIED_OF_WEBHOOK, range, |row| tallied(row, &mut stats))?;
            query::one(conn, sql::STATUS_OF_WEBHOOK, [id.0], |row| statuses(row, &mut stats))?;
            query::one(conn, sql::WAITING_NOW_FOR_WEBHOOK, [id.0], |row| waiting(row, &mut stats))?;
        }
    }
    Ok(stats)
}

/// Removes tallies of hours that are over for longer than anything is kept.
pub(super) fn prune(conn: &Connection, sweep: &Sweep) -> Result<(), StoreError> {
    let first_kept = hour_of(sweep.now.before(sweep.prune));
    let batch = i64::try_from(sweep.batch).unwrap_or(i64::MAX);
    query::run(conn, sql::PRUNE_TALLIES, [first_kept, batch])?;
    Ok(())
}

/// When the oldest tallies are to be removed.
pub(super) fn next_prune(conn: &Connection, sweep: &Sweep) -> Result<Option<UnixMs>, StoreError> {
    let oldest = query::number(conn, sql::OLDEST_TALLY, [])?;
    Ok(oldest.map(|hour| end_of(hour).after(sweep.prune).after(Span::millis(1))))
}

fn tallied(row: &Row<'_>, stats: &mut Stats) -> Result<(), StoreError> {
    stats.accepted = number(row, 0)?;
    stats.delivered = number(row, 1)?;
    stats.failed = number(row, 2)?;
    stats.duration = rows::span(row, 3)?;
    Ok(())
}

fn statuses(row: &Row<'_>, stats: &mut Stats) -> Result<(), StoreError> {
    stats.active = number(row, 0)?;
    stats.paused = number(row, 1)?;
    stats.disabled = number(row, 2)?;
    stats.failing = number(row, 3)?;
    Ok(())
}

fn waiting(row: &Row<'_>, stats: &mut Stats) -> Result<(), StoreError> {
    stats.pending = number(row, 0)?;
    stats.held = number(row, 1)?;
    stats.next_due = rows::moment(row, 2)?;
    Ok(())
}

fn number(row: &Row<'_>, at: usize) -> Result<u64, StoreError> {
    Ok(row.get::<_, i64>(at)?.max(0).unsigned_abs())
}
