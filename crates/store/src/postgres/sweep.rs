//! What the clock demands, in transactions of at most a batch of rows each. Any number of
//! nodes may do it at once: each takes what no other has locked.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use stayhook_core::{EventId, Reason, Span, UnixMs, WebhookId};
use uuid::Uuid;

use super::clock::{Shift, Timing};
use super::failure::Failure;
use super::lanes::Lanes;
use super::release::Part;
use super::rows::{self, limit};
use super::{closing, days, retention, sql};
use crate::{StatusChanged, Sweep, stats};

/// At most so many lanes are freed in one transaction.
const LANES: i64 = 50;

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
        room -= match part(&row, mark)? {
            Some(part) => part.go_on(conn, shift, webhook, sweep.now, room).await?,
            None => closing::close_since(conn, shift, webhook, mark, sweep.now, room).await?,
        };
    }
    Ok(())
}

/// Where a lane says that only a part of what waits is to be cancelled: which.
fn part(row: &PgRow, (reason, since): (Reason, UnixMs)) -> Result<Option<Part>, Failure> {
    let (after, before): (Option<Uuid>, Option<Uuid>) = (row.try_get(3)?, row.try_get(4)?);
    let after = after.map_or(EventId::floor(UnixMs(0)), rows::event_of);
    Ok(before.map(|before| Part { reason, since, after, before: rows::event_of(before) }))
}

/// The rest of what was parked for webhooks whose order does not matter any more.
pub(super) async fn free(conn: &mut PgConnection, timing: Timing, sweep: &Sweep) -> Result<(), Failure> {
    let freeing: Vec<i64> = sqlx::query_scalar(sql::FREEING).bind(LANES).fetch_all(&mut *conn).await?;
    if freeing.is_empty() {
        return Ok(());
    }
    let now = Shift::read(conn, timing, sweep.now).await?.there(sweep.now);
    let mut room = limit(sweep.batch);
    for webhook in freeing {
        if room == 0 {
            break;
        }
        let free = sqlx::query_scalar(sql::FREE).bind(webhook).bind(now).bind(room);
        let freed: i64 = free.fetch_one(&mut *conn).await?;
        if freed < room {
            sqlx::query(sql::SET_FREEING).bind(webhook).bind(false).execute(&mut *conn).await?;
        }
        room -= freed;
    }
    sqlx::query(sql::RING_DUE).execute(conn).await?;
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
    let look = number(conn, sql::FIRST_LOOK).await?.map(|it| shift.here(it));
    let freeing: bool = sqlx::query_scalar(sql::IS_FREEING).fetch_one(&mut *conn).await?;
    let freeing = freeing.then_some(sweep.now);
    let expiry = accepted_at(conn, sql::OLDEST_WAITING).await?.map(|it| past(it, sweep.keep));
    let pruned = |accepted: UnixMs| match retention::Rule::of(sweep) {
        retention::Rule::Days => days::end_of(days::of(accepted)).after(sweep.keep),
        retention::Rule::Rows => past(accepted, sweep.prune),
    };
    let pruning = accepted_at(conn, sql::OLDEST_EVENT).await?.map(pruned);
    let handoff = accepted_at(conn, sql::OLDEST_HANDOFF).await?.map(pruned);
    let rotation = number(conn, sql::FIRST_NEXT_SECRET).await?.map(UnixMs);
    let tally = number(conn, sql::FIRST_TALLY).await?.map(|hour| past(stats::end_of(hour), sweep.keep));
    let held = [look, freeing, closing];
    Ok([failing, expiry, pruning, handoff, rotation, tally].into_iter().chain(held).flatten().min())
}

async fn number(conn: &mut PgConnection, statement: &'static str) -> Result<Option<i64>, Failure> {
    Ok(sqlx::query_scalar(statement).fetch_one(conn).await?)
}

/// When the event was accepted that a statement finds, if it finds one.
async fn accepted_at(conn: &mut PgConnection, statement: &'static str) -> Result<Option<UnixMs>, Failure> {
    let found: Option<Option<Uuid>> = sqlx::query_scalar(statement).fetch_optional(conn).await?;
    Ok(found.flatten().map(|it| rows::event_of(it).accepted_at()))
}
