//! What the clock demands, in transactions of at most a batch of rows each.

use rusqlite::{Connection, params};
use stayhook_core::{End, EventId, Reason, Span, UnixMs, WebhookId};

use super::lanes::Lanes;
use super::pack::Deliveries;
use super::release::Part;
use super::{closing, query, rows, sql, stats};
use crate::records::Record;
use crate::targets::Targets;
use crate::{StatusChanged, StoreError, Sweep, TargetFate};

/// The 72-hour rule with what follows from it, and when to sweep again.
pub(super) fn disable_and_look_ahead(
    conn: &Connection,
    sweep: &Sweep,
) -> Result<(Vec<StatusChanged>, Option<UnixMs>), StoreError> {
    let statuses = disable(conn, sweep)?;
    close(conn, sweep)?;
    Ok((statuses, next(conn, sweep)?))
}

/// The 72-hour rule, for webhooks of which no attempt falls due in time.
fn disable(conn: &Connection, sweep: &Sweep) -> Result<Vec<StatusChanged>, StoreError> {
    let started_before = sweep.now.before(sweep.disable.after);
    let overdue = query::many(conn, sql::OVERDUE, params![started_before.0, limit(sweep.batch)], |row| {
        Ok(WebhookId(row.get(0)?))
    })?;
    let mut lanes = Lanes::new(conn);
    for webhook in overdue {
        let standing = lanes.standing(webhook)?;
        if let Some(status) = standing.and_then(|it| it.status.swept(sweep.now, sweep.disable)) {
            lanes.set_status(webhook, status)?;
        }
    }
    // `close` comes next and keeps to the batch.
    lanes.finish(sweep.now, 0)
}

/// The rest of cancellations that were too large for one transaction.
fn close(conn: &Connection, sweep: &Sweep) -> Result<(), StoreError> {
    let closing = query::many(conn, sql::CLOSING, params![sweep.now.0, limit(sweep.batch)], |row| {
        let webhook = WebhookId(row.get(0)?);
        let mark = rows::closing(row, 1, webhook)?;
        let part = mark.map(|mark| Part::read(row, 3, mark)).transpose()?.flatten();
        Ok((webhook, mark, part))
    })?;
    let mut room = sweep.batch;
    for (webhook, mark, part) in closing {
        let Some((reason, since)) = mark else { continue };
        if room == 0 {
            break;
        }
        room -= match part {
            Some(part) => part.go_on(conn, webhook, sweep.now, room)?,
            None => closing::close_since(conn, webhook, reason, since, sweep.now, room)?,
        };
    }
    Ok(())
}

/// The rest of what was parked for webhooks whose order does not matter any more.
pub(super) fn free(conn: &Connection, sweep: &Sweep) -> Result<(), StoreError> {
    let mut room = limit(sweep.batch);
    let freeing = query::many(conn, sql::FREEING, [room], |row| Ok(row.get::<_, i64>(0)?))?;
    for webhook in freeing {
        if room == 0 {
            break;
        }
        let freed = i64::try_from(query::run(conn, sql::FREE, [webhook, room])?).unwrap_or(room);
        if freed < room {
            query::run(conn, sql::SET_FREEING, params![webhook, false])?;
        }
        room -= freed;
    }
    Ok(())
}

/// What still waits when nobody keeps it any longer. Returns how many deliveries expired.
pub(super) fn expire(conn: &Connection, sweep: &Sweep) -> Result<u64, StoreError> {
    let kept_from = EventId::floor(sweep.now.before(sweep.keep));
    let old =
        query::many(conn, sql::OLD_WAITING, params![kept_from.to_bytes(), limit(sweep.batch)], |row| {
            Ok((WebhookId(row.get(0)?), rows::event_id(row, 1)?, row.get(2)?))
        })?;
    for (webhook, event, attempts) in &old {
        let end = End::Expired(Reason::Retention);
        Record::ended(*webhook, *event, *attempts, sweep.now, end).write(conn)?;
        query::run(conn, sql::FORGET, params![webhook.0, event.to_bytes()])?;
    }
    Ok(old.len() as u64)
}

/// Events that are too old, with all their records. Returns how many.
pub(super) fn prune(conn: &Connection, sweep: &Sweep) -> Result<u64, StoreError> {
    let kept_from = EventId::floor(sweep.now.before(sweep.prune));
    let old = query::many(conn, sql::OLD_EVENTS, params![kept_from.to_bytes(), limit(sweep.batch)], |row| {
        let targets: Targets = row.get(3)?;
        Ok(OldEvent { id: rows::event_id(row, 0)?, client: row.get(1)?, key: row.get(2)?, targets })
    })?;
    let (mut room, mut pruned) = (sweep.batch, 0);
    for event in &old {
        if room == 0 {
            break;
        }
        room = room.saturating_sub(delete(conn, event)?);
        pruned += 1;
    }
    prune_handoffs(conn, kept_from)?;
    Ok(pruned)
}

struct OldEvent {
    id: EventId,
    client: String,
    key: Option<String>,
    targets: Targets,
}

/// Returns how many rows went.
fn delete(conn: &Connection, event: &OldEvent) -> Result<usize, StoreError> {
    let id = event.id.to_bytes();
    let mut rows = 0;
    for target in &event.targets.0 {
        if target.fate != TargetFate::Skip(Reason::Unsubscribed) {
            rows += query::run(conn, sql::DELETE_ATTEMPTS, params![target.webhook.0, id])?;
            rows += query::run(conn, sql::FORGET, params![target.webhook.0, id])?;
        }
    }
    if event.targets.0.iter().any(|it| it.body > 0) {
        rows += query::run(conn, sql::DELETE_BODIES, [id])?;
    }
    if let Some(key) = &event.key {
        rows += query::run(conn, sql::DELETE_KEY, params![event.client, key, id])?;
    }
    Ok(rows + query::run(conn, sql::DELETE_EVENT, [id])?)
}

/// Handoffs that were never finished and whose events are gone.
fn prune_handoffs(conn: &Connection, kept_from: EventId) -> Result<(), StoreError> {
    while let Some((id, newest)) = oldest_handoff(conn)?
        && newest < kept_from
    {
        query::run(conn, sql::DELETE_HANDOFF, [id])?;
    }
    Ok(())
}

/// The first handoff and its newest event.
fn oldest_handoff(conn: &Connection) -> Result<Option<(i64, EventId)>, StoreError> {
    query::one(conn, sql::HANDOFFS, [], |row| {
        let deliveries: Deliveries = row.get(1)?;
        let newest = deliveries.0.iter().map(|(event, _)| *event).max();
        Ok((row.get(0)?, newest.unwrap_or(EventId::floor(UnixMs(0)))))
    })
}

/// The earliest moment at which any of this is due.
fn next(conn: &Connection, sweep: &Sweep) -> Result<Option<UnixMs>, StoreError> {
    // What was accepted, or began to fail, longer ago than the span: from the next millisecond on.
    let past = |at: UnixMs, span: Span| at.after(span).after(Span::millis(1));
    let event = |sql| query::one(conn, sql, [], |row| Ok(rows::event_id(row, 0)?.accepted_at()));
    let failing =
        query::number(conn, sql::FIRST_FAILING, [])?.map(|it| past(UnixMs(it), sweep.disable.after));
    let closing = query::number(conn, sql::FIRST_CLOSING, [])?.map(UnixMs);
    let look = query::number(conn, sql::FIRST_LOOK, [])?.map(UnixMs);
    let freeing = query::exists(conn, sql::IS_FREEING, [])?.then_some(sweep.now);
    let expiry = event(sql::OLDEST_WAITING)?.map(|it| past(it, sweep.keep));
    let pruning = event(sql::OLDEST_EVENT)?.map(|it| past(it, sweep.prune));
    let handoff = oldest_handoff(conn)?.map(|(_, newest)| past(newest.accepted_at(), sweep.prune));
    let rotation = query::number(conn, sql::FIRST_ROTATED, [])?.map(UnixMs);
    let tallies = stats::next_prune(conn, sweep)?;
    let held = [look, freeing, closing];
    Ok([failing, expiry, pruning, handoff, rotation, tallies].into_iter().chain(held).flatten().min())
}

fn limit(batch: usize) -> i64 {
    i64::try_from(batch).unwrap_or(i64::MAX)
}
