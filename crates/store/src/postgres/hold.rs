//! What a paused webhook keeps: the oldest deliveries beyond `hold.*` expire.

use sqlx::PgConnection;
use stayhook_core::{EventId, Span, UnixMs};
use uuid::Uuid;

use super::clock::{Shift, Timing};
use super::failure::Failure;
use super::rows::{self, limit};
use super::sql;
use crate::Sweep;

/// A paused webhook is looked at this often even if nothing happens: the limits may have been
/// changed.
const AT_LEAST: Span = Span::minutes(10);
/// At most so many paused webhooks are looked at in one transaction.
const LANES: usize = 50;

/// Looks at paused webhooks again whose limits this process may see differently than the one
/// before.
pub(super) async fn look_again(
    conn: &mut PgConnection,
    timing: Timing,
    sweep: &Sweep,
) -> Result<(), Failure> {
    let shift = Shift::read(conn, timing, sweep.now).await?;
    sqlx::query(sql::LOOK_AGAIN).bind(shift.there(sweep.now)).execute(conn).await?;
    Ok(())
}

/// Lets go what is held beyond the limits, where something was added or a limit was reached.
/// Returns how many deliveries expired.
pub(super) async fn expire(conn: &mut PgConnection, timing: Timing, sweep: &Sweep) -> Result<u64, Failure> {
    let shift = Shift::read(conn, timing, sweep.now).await?;
    let query = sqlx::query_scalar(sql::LOOKED_AT).bind(shift.there(sweep.now)).bind(limit(LANES));
    let lanes: Vec<i64> = query.fetch_all(&mut *conn).await?;
    let (mut room, mut expired) = (sweep.batch, 0);
    for webhook in lanes {
        if room == 0 {
            break;
        }
        let gone = expire_lane(conn, sweep, webhook, room).await?;
        let next = if gone >= room { sweep.now } else { next_look(conn, sweep, webhook).await? };
        sqlx::query(sql::SET_LOOK_AT).bind(webhook).bind(shift.there(next)).execute(&mut *conn).await?;
        room = room.saturating_sub(gone);
        expired += gone as u64;
    }
    Ok(expired)
}

async fn expire_lane(
    conn: &mut PgConnection,
    sweep: &Sweep,
    webhook: i64,
    room: usize,
) -> Result<usize, Failure> {
    let most = i64::try_from(sweep.hold.max_events).unwrap_or(i64::MAX);
    let query = sqlx::query_scalar(sql::ONE_TOO_MANY).bind(webhook).bind(most);
    let surplus: Option<Uuid> = query.fetch_optional(&mut *conn).await?;
    let too_old = EventId::floor(sweep.now.before(sweep.hold.max_age)).as_uuid();
    let kept_from =
        surplus.map_or(too_old, |it| too_old.max(Uuid::from_u128(it.as_u128().saturating_add(1))));
    let query = sqlx::query_scalar(sql::EXPIRE_HELD).bind(webhook).bind(kept_from).bind(limit(room));
    let expired: i64 = query.bind(sweep.now.0).fetch_one(conn).await?;
    Ok(usize::try_from(expired).unwrap_or(0))
}

async fn next_look(conn: &mut PgConnection, sweep: &Sweep, webhook: i64) -> Result<UnixMs, Failure> {
    let query = sqlx::query_scalar(sql::OLDEST_HELD).bind(webhook);
    let oldest: Option<Uuid> = query.fetch_optional(conn).await?;
    let latest = sweep.now.after(AT_LEAST);
    let too_old =
        oldest.map(|it| rows::event_of(it).accepted_at().after(sweep.hold.max_age).after(Span::millis(1)));
    Ok(too_old.map_or(latest, |it| it.min(latest)))
}
