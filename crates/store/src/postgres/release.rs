//! What becomes of deliveries that wait where not all of them are delivered: on resumption, or
//! when types are dropped. The rest is cancelled in pieces, and the lane is closed meanwhile. Its
//! lock is held.

use sqlx::{PgConnection, Row as _};
use stayhook_core::{EventId, Reason, UnixMs, WebhookId};
use uuid::Uuid;

use super::clock::Shift;
use super::closing::{CLOSED_AT_ONCE, cancel};
use super::failure::Failure;
use super::rows::{self, limit};
use super::{sql, webhooks};
use crate::Scope;
use crate::columns::Name;

/// A part of what waits that is being cancelled.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// `Superseded`: only where a newer one of the same booking waits as well. `Unsubscribed`:
    /// only of types that the webhook does not want.
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
        let before = rows::event_of(Uuid::from_u128(newest.as_u128().saturating_add(1)));
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
        let (last, looked_at) = match self.reason {
            Reason::Unsubscribed => self.drop_some(conn, webhook, room).await?,
            _ => self.close_some(conn, webhook, room).await?,
        };
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

    /// Returns the last that it looked at, and at how many.
    async fn close_some(
        &self,
        conn: &mut PgConnection,
        webhook: WebhookId,
        room: usize,
    ) -> Result<(Option<Uuid>, usize), Failure> {
        let query = sqlx::query(sql::CLOSE_SOME).bind(webhook.0).bind(self.after.as_uuid());
        let query = query.bind(self.before.as_uuid()).bind(limit(room)).bind(self.since.0);
        let query = query.bind(self.reason.as_str()).bind(self.reason == Reason::Superseded);
        let row = query.fetch_one(conn).await?;
        let looked_at = usize::try_from(row.try_get::<i64, _>(1)?).unwrap_or(usize::MAX);
        Ok((row.try_get(0)?, looked_at))
    }

    /// The same, for what the webhook does not want.
    async fn drop_some(
        &self,
        conn: &mut PgConnection,
        webhook: WebhookId,
        room: usize,
    ) -> Result<(Option<Uuid>, usize), Failure> {
        let Some(stored) = webhooks::find(conn, &Scope::EVERYTHING, webhook).await? else {
            return Ok((None, 0));
        };
        let query = sqlx::query(sql::WAITING_KINDS).bind(webhook.0).bind(self.after.as_uuid());
        let query = query.bind(self.before.as_uuid()).bind(limit(room));
        let (mut last, mut looked_at, mut dropped) = (None, 0, Vec::new());
        for row in query.fetch_all(&mut *conn).await? {
            let event = rows::event_id(&row, 0)?;
            if !stored.webhook.events.matches(&rows::kind(&row, 1, &Name("events", event))?) {
                dropped.push(event);
            }
            (last, looked_at) = (Some(event.as_uuid()), looked_at + 1);
        }
        cancel(conn, webhook, dropped, self.reason, self.since).await?;
        Ok((last, looked_at))
    }
}
