//! What the clock demands, in transactions of at most a batch of rows each. Any number of
//! nodes may do it at once: each takes what no other has locked.

use sqlx::PgConnection;
use stayhook_core::{EventId, Span, UnixMs, WebhookId};
use uuid::Uuid;

use super::clock::{Shift, Timing};
use super::failure::Failure;
use super::lanes::Lanes;
use super::rows::{self, limit};
use super::{closing, days, retention, sql};
use crate::{StatusChanged, Sweep, stats};

/// The 72-hour rule, for webhooks of which no attempt falls due in time.
pub(super) async fn disable(
    conn: &mut PgConnection,
    timing: Timing,
    sweep: &Sweep,
) -> Result<Vec<StatusChanged>, Failure> {
    let started_before = sweep.now.before(sweep.disable.after);
    let query = sqlx::query_scalar(sql::OVERDUE).bind(started_before.0).bind(limit(sweep.batch));
    let overdue: Vec<i64> = query.fetch_all(&mut *conn).await?;
    if overdue.is_empty() {
        return Ok(Vec::new());
    }
    let shift = Shift::read(conn, timing, sweep.now).await?;
    let overdue: Vec<WebhookId> = overdue.into_iter().map(WebhookId).collect();
    let mut lanes = Lanes::lock(conn, shift, overdue.iter().copied()).await?;
    lanes.verify(conn, started_before).await?;
    for webhook in overdue {
        let standing = lanes.standing(webhook);
        if let Some(status) = standing.and_then(|it| it.status.swept(sweep.now, sweep.disable)) {
            lanes.set_status(webhook, status);
        }
    }
    // `close` comes next and keeps to the batch.
    lanes.finish(conn, sweep.now, 0).await
}

/// The rest of cancellations that were too large for one transaction.
pub(super) async fn close(conn: &mut PgConnection, timing: Timing, sweep: &Sweep) -> Result<(), Failure> {
    let shift = Shift::read(conn, timing, sweep.now).await?;
    let query = sqlx::query(sql::CLOSING).bind(shift.there(sweep.now)).bind(limit(sweep.batch));
    let mut room = sweep.batch;
    for row in query.fetch_all(&mut *conn).await? {
        let webhook = rows::webhook_id(&row, 0)?;
        let Some(mark) = rows::closing(&row, 1, webhook)? else { continue };
        if room == 0 {
            break;
        }
        room -= closing::close_since(conn, shift, webhook, mark, sweep.now, room).await?;
    }
    Ok(())
}

/// What still waits when nobody keeps it any longer. Returns how many deliveries expired.
pub(super) async fn expire(conn: &mut PgConnection, sweep: &Sweep) -> Result<u64, Failure> {
    let kept_from = EventId::floor(sweep.now.before(sweep.keep)).as_uuid();
    let query = sqlx::query_scalar(sql::EXPIRE).bind(kept_from).bind(limit(sweep.batch));
    let expired: i64 = query.bind(sweep.now.0).fetch_one(conn).await?;
    Ok(expired.max(0).unsigned_abs())
}

/// The earliest moment at which any of this is due.
pub(super) async fn next(
    conn: &mut PgConnection,
    timing: Timing,
    sweep: &Sweep,
) -> Result<Option<UnixMs>, Failure> {
    let shift = Shift::read(conn, timing, sweep.now).await?;
    // What was accepted, or began to fail, longer ago than the span: from the next millisecond on.
    let past = |at: UnixMs, span: Span| at.after(span).after(Span::millis(1));
    let failing = number(conn, sql::FIRST_FAILING).await?.map(|it| past(UnixMs(it), sweep.disable.after));
    let closing = number(conn, sql::FIRST_CLOSING).await?.map(|it| shift.here(it));
    let expiry = accepted_at(conn, sql::OLDEST_WAITING).await?.map(|it| past(it, sweep.keep));
    let pruned = |accepted: UnixMs| match retention::Rule::of(sweep) {
        retention::Rule::Days => days::end_of(days::of(accepted)).after(sweep.keep),
        retention::Rule::Rows => past(accepted, sweep.prune),
    };
    let pruning = accepted_at(conn, sql::OLDEST_EVENT).await?.map(pruned);
    let handoff = accepted_at(conn, sql::OLDEST_HANDOFF).await?.map(pruned);
    let rotation = number(conn, sql::FIRST_NEXT_SECRET).await?.map(UnixMs);
    let tally = number(conn, sql::FIRST_TALLY).await?.map(|hour| past(stats::end_of(hour), sweep.keep));
    Ok([failing, closing, expiry, pruning, handoff, rotation, tally].into_iter().flatten().min())
}

async fn number(conn: &mut PgConnection, statement: &'static str) -> Result<Option<i64>, Failure> {
    Ok(sqlx::query_scalar(statement).fetch_one(conn).await?)
}

/// When the event was accepted that a statement finds, if it finds one.
async fn accepted_at(conn: &mut PgConnection, statement: &'static str) -> Result<Option<UnixMs>, Failure> {
    let found: Option<Option<Uuid>> = sqlx::query_scalar(statement).fetch_optional(conn).await?;
    Ok(found.flatten().map(|it| rows::event_of(it).accepted_at()))
}
