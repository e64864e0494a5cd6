//! What becomes of deliveries that wait where not all of them are delivered: on resumption, or
//! when types are dropped. The rest is cancelled in pieces, and the lane is closed meanwhile.

use rusqlite::{Connection, Row, params};
use stayhook_core::{EventId, Reason, UnixMs, WebhookId};

use super::closing::{CLOSED_AT_ONCE, cancel};
use super::{query, rows, sql, walk, webhooks};
use crate::columns::Name;
use crate::{Scope, StoreError};

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
    /// Where a lane says that only a part of what waits is to be cancelled: which, by the columns
    /// `closing_from` and `closing_before` at `at`.
    pub(super) fn read(
        row: &Row<'_>,
        at: usize,
        (reason, since): (Reason, UnixMs),
    ) -> Result<Option<Self>, StoreError> {
        let (after, before): (Option<[u8; 16]>, Option<[u8; 16]>) = (row.get(at)?, row.get(at + 1)?);
        let after = EventId::from_bytes(after.unwrap_or_default());
        Ok(before.map(|before| Self { reason, since, after, before: EventId::from_bytes(before) }))
    }

    /// Cancels what was held, as far as it belongs to the first ones that wait, and notes on the
    /// lane how far that is.
    pub(super) fn begin(
        conn: &Connection,
        webhook: WebhookId,
        reason: Reason,
        since: UnixMs,
    ) -> Result<(), StoreError> {
        let newest = query::one(conn, sql::NEWEST_WAITING, [webhook.0], |row| rows::event_id(row, 0))?;
        let Some(newest) = newest else { return Ok(()) };
        let (after, before) = (EventId::floor(UnixMs(0)), walk::newer(newest));
        Self { reason, since, after, before }.go_on(conn, webhook, since, CLOSED_AT_ONCE).map(drop)
    }

    /// Looks at the next deliveries, at most `room`; returns how many it looked at. After the last
    /// one the lane is open again.
    pub(super) fn go_on(
        self,
        conn: &Connection,
        webhook: WebhookId,
        now: UnixMs,
        room: usize,
    ) -> Result<usize, StoreError> {
        let most = i64::try_from(room).unwrap_or(i64::MAX);
        let range = params![webhook.0, self.after.to_bytes(), self.before.to_bytes(), most];
        let found = query::many(conn, sql::NEXT_PENDING, range, |row| {
            Ok((rows::event_id(row, 0)?, row.get(1)?, row.get::<_, bool>(2)?))
        })?;
        for (event, attempts, leased) in &found {
            if !leased && self.includes(conn, webhook, *event)? {
                cancel(conn, webhook, *event, *attempts, self.reason, self.since)?;
            }
        }
        match found.last().filter(|_| found.len() >= room) {
            Some((last, _, _)) => {
                let (last, before) = (last.to_bytes(), self.before.to_bytes());
                let mark = params![webhook.0, self.reason.as_str(), self.since.0, now.0, last, before];
                query::run(conn, sql::CLOSE_PART, mark)?;
            }
            None => {
                let due = query::number(conn, sql::FIRST_DUE, [webhook.0])?;
                query::run(conn, sql::OPEN_LANE, params![webhook.0, due])?;
            }
        }
        Ok(found.len())
    }

    fn includes(&self, conn: &Connection, webhook: WebhookId, event: EventId) -> Result<bool, StoreError> {
        match self.reason {
            Reason::Superseded => {
                let range = params![webhook.0, event.to_bytes(), self.before.to_bytes()];
                query::exists(conn, sql::NEWER_WAITS, range)
            }
            Reason::Unsubscribed => {
                let name = Name("events", event);
                let kind = query::one(conn, sql::KIND, [event.to_bytes()], |row| rows::kind(row, 0, &name))?;
                let stored = webhooks::find(conn, &Scope::EVERYTHING, webhook)?;
                Ok(kind.zip(stored).is_some_and(|(kind, it)| !it.webhook.events.matches(&kind)))
            }
            _ => Ok(true),
        }
    }
}
