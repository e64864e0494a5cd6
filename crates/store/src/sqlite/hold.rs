//! What a paused webhook keeps: the oldest deliveries beyond `hold.*` expire.

use rusqlite::{Connection, params};
use stayhook_core::{End, EventId, Reason, Span, UnixMs, WebhookId};

use super::{query, rows, sql, walk};
use crate::records::Record;
use crate::{StoreError, Sweep};

/// A paused webhook is looked at this often even if nothing happens: the limits may have been
/// changed.
const AT_LEAST: Span = Span::minutes(10);
/// At most so many paused webhooks are looked at in one transaction.
const LANES: i64 = 50;

/// Looks at paused webhooks again whose limits this process may see differently than the one
/// before.
pub(super) fn look_again(conn: &Connection, sweep: &Sweep) -> Result<(), StoreError> {
    query::run(conn, sql::LOOK_AGAIN, [sweep.now.0])?;
    Ok(())
}

/// Lets go what is held beyond the limits, where something was added or a limit was reached.
/// Returns how many deliveries expired.
pub(super) fn expire(conn: &Connection, sweep: &Sweep) -> Result<u64, StoreError> {
    let lanes = query::many(conn, sql::LOOKED_AT, [sweep.now.0, LANES], |row| Ok(WebhookId(row.get(0)?)))?;
    let (mut room, mut expired) = (sweep.batch, 0);
    for webhook in lanes {
        if room == 0 {
            break;
        }
        let gone = expire_lane(conn, sweep, webhook, room)?;
        let next = if gone >= room { sweep.now } else { next_look(conn, sweep, webhook)? };
        query::run(conn, sql::SET_LOOK_AT, params![webhook.0, next.0])?;
        room = room.saturating_sub(gone);
        expired += gone as u64;
    }
    Ok(expired)
}

fn expire_lane(
    conn: &Connection,
    sweep: &Sweep,
    webhook: WebhookId,
    room: usize,
) -> Result<usize, StoreError> {
    let most = i64::try_from(sweep.hold.max_events).unwrap_or(i64::MAX);
    let surplus =
        query::one(conn, sql::ONE_TOO_MANY, params![webhook.0, most], |row| rows::event_id(row, 0))?;
    let too_old = EventId::floor(sweep.now.before(sweep.hold.max_age));
    let kept_from = surplus.map_or(too_old, |it| too_old.max(walk::newer(it)));
    let room = i64::try_from(room).unwrap_or(i64::MAX);
    let range = params![webhook.0, kept_from.to_bytes(), room];
    let gone = query::many(conn, sql::HELD_BEFORE, range, |row| Ok((rows::event_id(row, 0)?, row.get(1)?)))?;
    for (event, attempts) in &gone {
        let end = End::Expired(Reason::HoldLimit);
        Record::ended(webhook, *event, *attempts, sweep.now, end).write(conn)?;
        query::run(conn, sql::FORGET, params![webhook.0, event.to_bytes()])?;
    }
    Ok(gone.len())
}

fn next_look(conn: &Connection, sweep: &Sweep, webhook: WebhookId) -> Result<UnixMs, StoreError> {
    let oldest = query::one(conn, sql::OLDEST_HELD, [webhook.0], |row| rows::event_id(row, 0))?;
    let latest = sweep.now.after(AT_LEAST);
    let too_old = oldest.map(|it| it.accepted_at().after(sweep.hold.max_age).after(Span::millis(1)));
    Ok(too_old.map_or(latest, |it| it.min(latest)))
}
