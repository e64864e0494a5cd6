//! Writing what became of deliveries, each under its fence.

use rusqlite::{Connection, params};
use stayhook_core::{Attempt, End, Next, Progress, UnixMs, decide};

use super::closing::CLOSED_AT_ONCE;
use super::lanes::{Lanes, Standing};
use super::order::{self, Place};
use super::{query, sql};
use crate::columns::booking_text;
use crate::records::Record;
use crate::{Conclude, Concluded, Conclusion, Fate, Origin, Step, StoreError, Tried};

/// Writes a batch in order. What was accepted before `pruned` is gone, and is not written
/// about any more.
///
/// On the happy path (a handoff, an accepted attempt, a healthy webhook) a delivery costs one
/// insert, and a webhook one read.
pub(super) fn conclude(conn: &Connection, batch: &Conclude, pruned: UnixMs) -> Result<Concluded, StoreError> {
    let mut lanes = Lanes::new(conn);
    let mut fates = Vec::with_capacity(batch.conclusions.len());
    for conclusion in &batch.conclusions {
        fates.push(if conclusion.event.accepted_at() < pruned {
            Fate::Stale
        } else {
            settle(conn, &mut lanes, conclusion, batch)?
        });
    }
    for handoff in &batch.finished {
        query::run(conn, sql::DELETE_HANDOFF, [handoff.0])?;
    }
    Ok(Concluded { fates, statuses: lanes.finish(batch.now, CLOSED_AT_ONCE)? })
}

fn settle(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    it: &Conclusion,
    batch: &Conclude,
) -> Result<Fate, StoreError> {
    match &it.step {
        Step::Tried(tried) => settle_tried(conn, lanes, it, tried, batch),
        Step::Ended(end) => settle_ended(conn, lanes, it, *end, batch.now),
        Step::Spilled { due } => match Standing::refusal(lanes.standing(it.webhook)?) {
            Some(end) => settle_ended(conn, lanes, it, end, batch.now),
            None => settle_spilled(conn, lanes, it, *due),
        },
    }
}

fn settle_tried(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    it: &Conclusion,
    tried: &Tried,
    batch: &Conclude,
) -> Result<Fate, StoreError> {
    let standing = lanes.standing(it.webhook)?;
    let outcome = tried.outcome_at(standing.map(|it| it.url_number));
    let attempt = Attempt { outcome, finished_at: tried.started_at.after(tried.duration) };
    let status = standing.map(|it| &it.status);
    let verdict = decide(it.progress, status, attempt, &tried.policy(&batch.policy), tried.roll);
    let record = Record::tried(it.webhook, it.event, it.progress, tried, verdict.next);
    if !write(conn, lanes, it, &record, verdict.next)? {
        return Ok(Fate::Stale);
    }
    if let Next::Retry { due, .. } = verdict.next {
        lanes.wait(it.webhook, due)?;
        keep_newest(conn, lanes, it)?;
    }
    if let Some(status) = verdict.status {
        lanes.set_status(it.webhook, status)?;
    }
    Ok(Fate::Written(verdict.next))
}

fn settle_ended(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    it: &Conclusion,
    end: End,
    now: UnixMs,
) -> Result<Fate, StoreError> {
    let record = Record::ended(it.webhook, it.event, it.progress.attempts, now, end);
    let next = Next::Ended(end);
    Ok(if write(conn, lanes, it, &record, next)? { Fate::Written(next) } else { Fate::Stale })
}

fn settle_spilled(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    it: &Conclusion,
    due: UnixMs,
) -> Result<Fate, StoreError> {
    let (webhook, event, attempts) = (it.webhook.0, it.event.to_bytes(), it.progress.attempts);
    let written = match it.origin {
        Origin::Handoff(_) => {
            !query::exists(conn, sql::HAS_ATTEMPT, params![webhook, event, attempts.saturating_add(1)])?
                && wait(conn, lanes, it, due, it.progress)?
        }
        Origin::Claim => query::run(conn, sql::SPILL_CLAIMED, params![webhook, event, attempts, due.0])? == 1,
    };
    if !written {
        return Ok(Fate::Stale);
    }
    lanes.wait(it.webhook, due)?;
    keep_newest(conn, lanes, it)?;
    Ok(Fate::Spilled)
}

/// What comes back to wait may have been overtaken by a newer one of its booking.
fn keep_newest(conn: &Connection, lanes: &mut Lanes<'_>, it: &Conclusion) -> Result<(), StoreError> {
    let booking = it.booking.as_ref().map(booking_text);
    order::keep_newest(conn, lanes.ordering(it.webhook)?, it.webhook, booking.as_deref())
}

/// Writes the record and what follows from it, if the fence is still open.
fn write(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    it: &Conclusion,
    record: &Record<'_>,
    next: Next,
) -> Result<bool, StoreError> {
    match it.origin {
        Origin::Handoff(_) => write_handed(conn, lanes, it, record, next),
        Origin::Claim => write_claimed(conn, it, record, next),
    }
}

/// The fence of a delivery out of a handoff: it is not in `pending`, and its next attempt is
/// not there.
fn write_handed(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    it: &Conclusion,
    record: &Record<'_>,
    next: Next,
) -> Result<bool, StoreError> {
    let key = params![it.webhook.0, it.event.to_bytes()];
    if lanes.may_wait(it.webhook)? && query::exists(conn, sql::IS_PENDING, key)? {
        return Ok(false);
    }
    let open = record.write(conn)?;
    if let (true, Next::Retry { due, steps }) = (open, next) {
        wait(conn, lanes, it, due, Progress { attempts: it.progress.attempts.saturating_add(1), steps })?;
    }
    Ok(open)
}

/// The fence of a claimed delivery: it is still leased, and no further than it was.
fn write_claimed(
    conn: &Connection,
    it: &Conclusion,
    record: &Record<'_>,
    next: Next,
) -> Result<bool, StoreError> {
    let (webhook, event, attempts) = (it.webhook.0, it.event.to_bytes(), it.progress.attempts);
    let touched = match next {
        Next::Retry { due, steps } => {
            query::run(conn, sql::RETRY_CLAIMED, params![webhook, event, attempts, due.0, steps])?
        }
        Next::Delivered | Next::Ended(_) => {
            query::run(conn, sql::END_CLAIMED, params![webhook, event, attempts])?
        }
    };
    if touched == 1 {
        record.write(conn)?;
    }
    Ok(touched == 1)
}

/// Puts a delivery out of a handoff into `pending`; `false` if it is there already.
fn wait(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    it: &Conclusion,
    due: UnixMs,
    progress: Progress,
) -> Result<bool, StoreError> {
    let booking = it.booking.as_ref().map(booking_text);
    let row = params![it.webhook.0, it.event.to_bytes(), due.0, progress.attempts, progress.steps, booking];
    let written = query::run(conn, sql::WAIT, row)? == 1;
    if written {
        let ordering = lanes.ordering(it.webhook)?;
        order::line_up(conn, ordering, it.webhook, it.event, booking.as_deref(), Place::ByAge)?;
    }
    Ok(written)
}
