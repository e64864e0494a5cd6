//! Giving back what a process held when it died.

use rusqlite::{Connection, params};
use stayhook_core::{EventId, UnixMs, WebhookId};

use super::lanes::{Lanes, Standing};
use super::order::{self, Place};
use super::pack::Deliveries;
use super::{query, rows, sql};
use crate::StoreError;
use crate::records::Record;

/// Everything that is in a handoff or leased, and was not settled, falls due at once. Each
/// gets an `interrupted` attempt: it may have been sent.
pub(super) fn take_over(conn: &Connection, now: UnixMs) -> Result<u64, StoreError> {
    let mut lanes = Lanes::new(conn);
    let mut given_back = 0;
    for (webhook, event, attempts) in leased(conn)? {
        given_back += u64::from(end_lease(conn, &mut lanes, webhook, event, attempts, now)?);
    }
    let handoffs = query::many(conn, sql::HANDOFFS, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (id, deliveries) in handoffs {
        let (id, deliveries): (i64, Deliveries) = (id, deliveries);
        for (event, webhook) in deliveries.0 {
            given_back += u64::from(give_back(conn, &mut lanes, webhook, event, now)?);
        }
        query::run(conn, sql::DELETE_HANDOFF, [id])?;
    }
    lanes.finish(now, 0)?;
    Ok(given_back)
}

fn leased(conn: &Connection) -> Result<Vec<(WebhookId, EventId, u32)>, StoreError> {
    query::many(conn, sql::LEASED, [], |row| {
        Ok((WebhookId(row.get(0)?), rows::event_id(row, 1)?, row.get(2)?))
    })
}

/// Returns whether the delivery waits again, rather than having ended.
fn end_lease(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    webhook: WebhookId,
    event: EventId,
    attempts: u32,
    now: UnixMs,
) -> Result<bool, StoreError> {
    let goes_on = interrupt(conn, lanes, webhook, event, attempts, now)?;
    let key = event.to_bytes();
    if goes_on {
        query::run(conn, sql::GIVE_BACK, params![webhook.0, key, now.0])?;
    } else {
        query::run(conn, sql::FORGET, params![webhook.0, key])?;
    }
    Ok(goes_on)
}

/// Returns whether the delivery waits now: not if it was settled, nor if it ended, nor if
/// its event is gone.
fn give_back(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    webhook: WebhookId,
    event: EventId,
    now: UnixMs,
) -> Result<bool, StoreError> {
    let key = event.to_bytes();
    if query::exists(conn, sql::IS_SETTLED, params![webhook.0, key])? {
        return Ok(false);
    }
    let booking = query::one(conn, sql::BOOKING, [key], |row| Ok(row.get(0)?))?;
    let Some(booking): Option<Option<String>> = booking else { return Ok(false) };
    let goes_on = interrupt(conn, lanes, webhook, event, 0, now)?;
    if goes_on {
        query::run(conn, sql::WAIT, params![webhook.0, key, now.0, 1, 0, booking])?;
        order::line_up(conn, lanes.ordering(webhook)?, webhook, event, booking.as_deref(), Place::ByAge)?;
    }
    Ok(goes_on)
}

/// Writes the interrupted attempt; returns whether another one is to follow.
fn interrupt(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    webhook: WebhookId,
    event: EventId,
    attempts: u32,
    now: UnixMs,
) -> Result<bool, StoreError> {
    let standing = lanes.standing(webhook)?;
    let end = Standing::refusal(standing);
    let url_number = standing.map_or(1, |it| it.url_number);
    Record::interrupted(webhook, event, attempts, now, url_number, end).write(conn)?;
    if end.is_none() {
        lanes.wait(webhook, now)?;
    }
    Ok(end.is_none())
}
