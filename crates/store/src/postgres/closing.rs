//! Cancelling everything that waits for a webhook, in pieces where it is much. Its lane is
//! locked meanwhile.

use sqlx::{PgConnection, Row as _};
use stayhook_core::{EventId, Reason, Span, UnixMs, WebhookId};
use uuid::Uuid;

use super::clock::Shift;
use super::failure::Failure;
use super::rows::limit;
use super::sql;

/// So many deliveries are cancelled within the transaction that demands it; the sweeper does
/// the rest, so that switching off a webhook with a million of them locks nobody out.
pub(super) const CLOSED_AT_ONCE: usize = 1_000;

/// The lane of a deleted webhook is looked at once more after so long: an event that another
/// node was just accepting may have come to wait in it.
const LINGER: Span = Span::seconds(1);

/// Cancels at most `room` of the webhook's pending deliveries, as of `now`, and marks the lane
/// as closing if any remain; returns how many it cancelled. What is leased stays with its
/// holder, whose conclusion ends it, until the lease runs out.
pub(super) async fn close(
    conn: &mut PgConnection,
    shift: Shift,
    webhook: WebhookId,
    reason: Reason,
    now: UnixMs,
    room: usize,
) -> Result<usize, Failure> {
    close_since(conn, shift, webhook, (reason, now), now, room).await
}

/// Goes on with what [`close`] began, for that reason and at that moment.
pub(super) async fn close_since(
    conn: &mut PgConnection,
    shift: Shift,
    webhook: WebhookId,
    (reason, since): (Reason, UnixMs),
    now: UnixMs,
    room: usize,
) -> Result<usize, Failure> {
    let there = shift.there(now);
    let closed = cancel_some(conn, webhook, (reason, since), there, limit(room)).await?;
    let left = sqlx::query(sql::LEFT).bind(webhook.0).bind(there).fetch_one(&mut *conn).await?;
    let (first, all_leased): (Option<i64>, Option<bool>) = (left.try_get(0)?, left.try_get(1)?);
    let look_again = match (first, all_leased, reason) {
        (Some(lease), Some(true), _) => Some(lease),
        (Some(_), _, _) => Some(there),
        (None, _, Reason::WebhookDeleted) if since == now => Some(shift.there(now.after(LINGER))),
        (None, _, _) => None,
    };
    match look_again {
        Some(at) => {
            let mark = sqlx::query(sql::CLOSE_LANE).bind(webhook.0).bind(reason.as_str());
            mark.bind(since.0).bind(at).execute(conn).await?;
        }
        None => {
            let done = if reason == Reason::WebhookDeleted { sql::DELETE_LANE } else { sql::OPEN_LANE };
            sqlx::query(done).bind(webhook.0).execute(conn).await?;
        }
    }
    Ok(closed)
}

/// Ends the closing of a webhook that is switched on again: what was to be cancelled is, and
/// what is still leased is its holder's.
pub(super) async fn reopen(
    conn: &mut PgConnection,
    shift: Shift,
    webhook: WebhookId,
    now: UnixMs,
) -> Result<(), Failure> {
    let Some(lane) = sqlx::query(sql::LANES).bind([webhook.0]).fetch_optional(&mut *conn).await? else {
        return Ok(());
    };
    let Some(mark) = super::rows::closing(&lane, 2, webhook)? else { return Ok(()) };
    cancel_some(conn, webhook, mark, shift.there(now), i64::MAX).await?;
    sqlx::query(sql::OPEN_LANE).bind(webhook.0).execute(conn).await?;
    Ok(())
}

/// Cancels these deliveries, where they wait.
pub(super) async fn cancel(
    conn: &mut PgConnection,
    webhook: WebhookId,
    events: impl IntoIterator<Item = EventId>,
    reason: Reason,
    at: UnixMs,
) -> Result<(), Failure> {
    let events: Vec<Uuid> = events.into_iter().map(EventId::as_uuid).collect();
    if !events.is_empty() {
        let cancel = sqlx::query(sql::CANCEL).bind(webhook.0).bind(events);
        cancel.bind(at.0).bind(reason.as_str()).execute(conn).await?;
    }
    Ok(())
}

async fn cancel_some(
    conn: &mut PgConnection,
    webhook: WebhookId,
    (reason, since): (Reason, UnixMs),
    now: i64,
    room: i64,
) -> Result<usize, Failure> {
    let close = sqlx::query_scalar(sql::CLOSE).bind(webhook.0).bind(now).bind(room);
    let closed: i64 = close.bind(since.0).bind(reason.as_str()).fetch_one(conn).await?;
    Ok(usize::try_from(closed).unwrap_or(usize::MAX))
}
