//! Cancelling everything that waits for a webhook, in pieces where it is much.

use rusqlite::{Connection, params};
use stayhook_core::{End, EventId, Reason, UnixMs, WebhookId};

use super::{query, rows, sql};
use crate::StoreError;
use crate::records::Record;

/// So many deliveries are cancelled within the transaction that demands it; the sweeper does
/// the rest, so that switching off a webhook with a million of them locks nobody out.
pub(super) const CLOSED_AT_ONCE: usize = 1_000;

/// Cancels at most `room` of the webhook's pending deliveries, as of `since`, and marks the
/// lane as closing if any remain; returns how many it cancelled. What is leased stays with
/// its holder, whose conclusion ends it, until the lease runs out.
pub(super) fn close(
    conn: &Connection,
    webhook: WebhookId,
    reason: Reason,
    now: UnixMs,
    room: usize,
) -> Result<usize, StoreError> {
    close_since(conn, webhook, reason, now, now, room)
}

/// Goes on with what [`close`] began at `since`.
pub(super) fn close_since(
    conn: &Connection,
    webhook: WebhookId,
    reason: Reason,
    since: UnixMs,
    now: UnixMs,
    room: usize,
) -> Result<usize, StoreError> {
    let found = closable(conn, webhook, now, room.saturating_add(1))?;
    for (event, attempts) in found.iter().take(room) {
        cancel(conn, webhook, *event, *attempts, reason, since)?;
    }
    if found.len() > room {
        let due = now.0;
        query::run(conn, sql::CLOSE_LANE, params![webhook.0, reason.as_str(), since.0, due])?;
        return Ok(room);
    }
    match query::number(conn, sql::FIRST_DUE, [webhook.0])? {
        Some(lease) => {
            query::run(conn, sql::CLOSE_LANE, params![webhook.0, reason.as_str(), since.0, lease])?
        }
        None if reason == Reason::WebhookDeleted => query::run(conn, sql::DELETE_LANE, [webhook.0])?,
        None => query::run(conn, sql::OPEN_LANE, params![webhook.0, None::<i64>])?,
    };
    Ok(found.len())
}

/// Ends the closing of a webhook that is switched on again: what was to be cancelled is, and
/// what is still leased is its holder's.
pub(super) fn reopen(conn: &Connection, webhook: WebhookId, now: UnixMs) -> Result<(), StoreError> {
    let Some((reason, since)) = mark(conn, webhook)? else { return Ok(()) };
    for (event, attempts) in closable(conn, webhook, now, usize::MAX)? {
        cancel(conn, webhook, event, attempts, reason, since)?;
    }
    let due = query::number(conn, sql::FIRST_DUE, [webhook.0])?;
    query::run(conn, sql::OPEN_LANE, params![webhook.0, due])?;
    Ok(())
}

/// Cancels one delivery that waits.
pub(super) fn cancel(
    conn: &Connection,
    webhook: WebhookId,
    event: EventId,
    attempts: u32,
    reason: Reason,
    at: UnixMs,
) -> Result<(), StoreError> {
    Record::ended(webhook, event, attempts, at, End::Cancelled(reason)).write(conn)?;
    query::run(conn, sql::FORGET, params![webhook.0, event.to_bytes()])?;
    Ok(())
}

/// The reason for which the lane is closing and since when, if it is.
fn mark(conn: &Connection, webhook: WebhookId) -> Result<Option<(Reason, UnixMs)>, StoreError> {
    let lane = query::one(conn, sql::LANE, [webhook.0], |row| rows::closing(row, 1, webhook))?;
    Ok(lane.flatten())
}

fn closable(
    conn: &Connection,
    webhook: WebhookId,
    now: UnixMs,
    most: usize,
) -> Result<Vec<(EventId, u32)>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    query::many(conn, sql::CLOSABLE, params![webhook.0, now.0, most], |row| {
        Ok((rows::event_id(row, 0)?, row.get(1)?))
    })
}
