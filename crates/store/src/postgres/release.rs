//! What becomes of held deliveries on resumption, where not all of them are delivered: the rest
//! is cancelled in pieces, and the lane is closed meanwhile. Its lock is held.

use sqlx::{PgConnection, Row as _};
use stayhook_core::{EventId, Reason, UnixMs, WebhookId};
use uuid::Uuid;

use super::clock::Shift;
use super::closing::CLOSED_AT_ONCE;
use super::failure::Failure;
use super::rows::limit;
use super::sql;

/// A part of what waits that is being cancelled.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// `Superseded`: only where a newer one of the same booking waits as well.
    pub(super) reason: Reason,
    /// Since when it counts as cancelled.
    pub(super) since: UnixMs,
    /// Up to this event it is done.
    pub(super) after: EventId,
    /// This one, and newer ones, are left alone.
    pub(super) before: EventId,
}

impl Part {
    /// Everything that waits for the webhook now; `None` if nothing does.
    pub(super) async fn all(
        conn: &mut PgConnection,
        webhook: WebhookId,
        reason: Reason,
        since: UnixMs,
    ) -> Result<Option<Self>, Failure> {
        let query = sqlx::query_scalar(sql::NEWEST_WAITING).bind(webhook.0);
        let newest: Option<Uuid> = query.fetch_optional(conn).await?;
        let Some(newest) = newest else { return Ok(None) };
        let before = super::rows::event_of(Uuid::from_u128(newest.as_u128().saturating_add(1)));
        Ok(Some(Self { reason, since, after: EventId::floor(UnixMs(0)), before }))
    }

    /// Cancels what belongs to it among the first that wait, and notes on the lane how far that
    /// is.
    pub(super) async fn begin(
        self,
        conn: &mut PgConnection,
        shift: Shift,
        webhook: WebhookId,
    ) -> Result<(), Failure> {
        self.go_on(conn, shift, webhook, self.since, CLOSED_AT_ONCE).await.map(drop)
    }

    /// Looks at the next deliveries, at most `room`; returns how many it looked at. After the last
    /// one the lane is open again.
    pub(super) async fn go_on(
        self,
        conn: &mut PgConnection,
        shift: Shift,
        webhook: WebhookId,
        now: UnixMs,
        room: usize,
    ) -> Result<usize, Failure> {
        let query = sqlx::query(sql::CLOSE_SOME).bind(webhook.0).bind(self.after.as_uuid());
        let query = query.bind(self.before.as_uuid()).bind(limit(room)).bind(self.since.0);
        let query = query.bind(self.reason.as_str()).bind(self.reason == Reason::Superseded);
        let row = query.fetch_one(&mut *conn).await?;
        let looked_at = usize::try_from(row.try_get::<i64, _>(1)?).unwrap_or(usize::MAX);
        let last: Option<Uuid> = row.try_get(0)?;
        match last.filter(|_| looked_at >= room) {
            None => sqlx::query(sql::OPEN_LANE).bind(webhook.0).execute(conn).await?,
            Some(last) => {
                let mark = sqlx::query(sql::CLOSE_PART).bind(webhook.0).bind(self.reason.as_str());
                let mark = mark.bind(self.since.0).bind(shift.there(now)).bind(last);
                mark.bind(self.before.as_uuid()).execute(conn).await?
            }
        };
        Ok(looked_at)
    }
}
