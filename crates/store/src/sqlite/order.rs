//! Strict order per booking: of the deliveries of a webhook and a booking that wait, the first one
//! is due and the others are parked. When one leaves `pending`, for whatever reason, a trigger
//! makes the next one due.

use rusqlite::{Connection, params};
use stayhook_core::{End, EventId, Ordering, Reason, UnixMs, WebhookId};

use super::{query, rows, sql};
use crate::StoreError;
use crate::records::Record;

/// Where in its booking's order a delivery comes to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind all others: a new event.
    Last,
    /// Where its event's age belongs: one that comes back. Not before newer ones that have started,
    /// unless it gives way to them anyhow.
    ByAge,
}

/// Gives a delivery that was just put into `pending` its place, and parks it if another one is
/// before it.
pub(super) fn line_up(
    conn: &Connection,
    ordering: Ordering,
    webhook: WebhookId,
    event: EventId,
    booking: Option<&str>,
    place: Place,
) -> Result<(), StoreError> {
    let Some(booking) = booking.filter(|_| ordering != Ordering::None) else { return Ok(()) };
    let key = event.to_bytes();
    let latest = query::one(conn, sql::LATEST_OF_BOOKING, params![webhook.0, booking, key], |row| {
        Ok((row.get::<_, i64>(0)?, rows::event_id(row, 1)?))
    })?;
    let Some((seq, latest)) = latest else {
        query::run(conn, sql::SET_SEQ, params![webhook.0, key, 1])?;
        return Ok(());
    };
    let before = if place == Place::ByAge && latest > event {
        let gives_way = ordering == Ordering::Newest;
        query::number(conn, sql::FIRST_NEWER, params![webhook.0, booking, key, gives_way])?
    } else {
        None
    };
    query::run(conn, sql::SET_SEQ, params![webhook.0, key, before.unwrap_or(seq.saturating_add(1))])?;
    if is_behind(conn, webhook, event, booking)? {
        park(conn, webhook, event)?;
    }
    keep_newest(conn, ordering, webhook, Some(booking))
}

/// Whether another delivery of the booking is before this one.
pub(super) fn is_behind(
    conn: &Connection,
    webhook: WebhookId,
    event: EventId,
    booking: &str,
) -> Result<bool, StoreError> {
    query::exists(conn, sql::IS_BEHIND, params![webhook.0, booking, event.to_bytes()])
}

/// Takes a delivery that waits out of what is due until its turn comes.
pub(super) fn park(conn: &Connection, webhook: WebhookId, event: EventId) -> Result<(), StoreError> {
    query::run(conn, sql::PARK, params![webhook.0, event.to_bytes()])?;
    Ok(())
}

/// With the order `newest`: what waits of the booking ends, but for the newest.
pub(super) fn keep_newest(
    conn: &Connection,
    ordering: Ordering,
    webhook: WebhookId,
    booking: Option<&str>,
) -> Result<(), StoreError> {
    let Some(booking) = booking.filter(|_| ordering == Ordering::Newest) else { return Ok(()) };
    let waiting = query::many(conn, sql::OF_BOOKING, params![webhook.0, booking], |row| {
        Ok((rows::event_id(row, 0)?, row.get(1)?, row.get::<_, bool>(2)?))
    })?;
    let Some(((newest, _, _), older)) = waiting.split_first() else { return Ok(()) };
    for (event, attempts, leased) in older {
        if !leased {
            let at = ended_at(conn, webhook, *event, newest.accepted_at())?;
            let end = End::Cancelled(Reason::Superseded);
            Record::ended(webhook, *event, *attempts, at, end).write(conn)?;
            query::run(conn, sql::FORGET, params![webhook.0, event.to_bytes()])?;
        }
    }
    Ok(())
}

/// When the newer event was accepted, though not before the last attempt was over.
fn ended_at(
    conn: &Connection,
    webhook: WebhookId,
    event: EventId,
    newer: UnixMs,
) -> Result<UnixMs, StoreError> {
    let last = query::number(conn, sql::LAST_ATTEMPT_END, params![webhook.0, event.to_bytes()])?;
    Ok(last.map_or(newer, |it| newer.max(UnixMs(it))))
}
