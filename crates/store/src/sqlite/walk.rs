//! Walking over the deliveries of a webhook from the newest to the oldest, out of three
//! places at once, without reading more of any than the page needs.

use rusqlite::{CachedStatement, Connection, Rows, params};
use stayhook_core::{EventId, Reason, WebhookId};

use super::pack::Deliveries;
use super::{query, rows, sql};
use crate::derived::Places;
use crate::targets::Targets;
use crate::{DeliveryFilter, StoreError, TargetFate};

/// The statements that a walk steps through.
pub(super) struct Statements<'c> {
    attempted: CachedStatement<'c>,
    pending: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    /// Prepares them.
    pub(super) fn prepare(conn: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            attempted: conn.prepare_cached(sql::ATTEMPTED_KEYS)?,
            pending: conn.prepare_cached(sql::PENDING_KEYS)?,
        })
    }
}

/// The places in which deliveries of the wanted state can be, merged.
pub(super) struct Walk<'s> {
    sources: Vec<Source<'s>>,
}

impl<'s> Walk<'s> {
    /// Starts after the given event, or at the newest. `closing`: what is in `pending` counts
    /// as cancelled.
    pub(super) fn start(
        conn: &Connection,
        statements: &'s mut Statements<'_>,
        webhook: WebhookId,
        filter: &DeliveryFilter,
        after: Option<EventId>,
        closing: bool,
    ) -> Result<Self, StoreError> {
        let from = filter.since.map_or([0; 16], |since| EventId::floor(since).to_bytes());
        let until = filter.until.map_or([0xff; 16], |until| EventId::floor(until).to_bytes());
        let until = after.map_or(until, |after| after.to_bytes().min(until));
        let range = params![webhook.0, from, until];
        let places = Places::of(filter.state.as_deref());
        let mut sources = Vec::new();
        if places.attempts {
            sources.push(Source::stored(statements.attempted.query(range)?)?);
        }
        if places.pending || closing {
            sources.push(Source::stored(statements.pending.query(range)?)?);
        }
        if places.handoffs {
            let mut events = handed_off(conn, webhook)?;
            events.retain(|event| (from..until).contains(&event.to_bytes()));
            sources.push(Source::listed(events));
        }
        Ok(Self { sources })
    }

    /// The next older event, each once.
    pub(super) fn next(&mut self) -> Result<Option<EventId>, StoreError> {
        let newest = self.sources.iter().filter_map(|source| source.head).max();
        if let Some(newest) = newest {
            for source in &mut self.sources {
                if source.head == Some(newest) {
                    source.advance()?;
                }
            }
        }
        Ok(newest)
    }
}

struct Source<'s> {
    head: Option<EventId>,
    rest: Rest<'s>,
}

enum Rest<'s> {
    Stored(Rows<'s>),
    /// In order; the newest last.
    Listed(Vec<EventId>),
}

impl<'s> Source<'s> {
    fn stored(rows: Rows<'s>) -> Result<Self, StoreError> {
        let mut source = Self { head: None, rest: Rest::Stored(rows) };
        source.advance()?;
        Ok(source)
    }

    fn listed(mut events: Vec<EventId>) -> Self {
        events.sort_unstable();
        Self { head: events.pop(), rest: Rest::Listed(events) }
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        self.head = match &mut self.rest {
            Rest::Stored(rows) => rows.next()?.map(|row| rows::event_id(row, 0)).transpose()?,
            Rest::Listed(events) => events.pop(),
        };
        Ok(())
    }
}

/// The webhook's deliveries that are in memory of the process that accepted them: bounded by
/// what that process holds.
fn handed_off(conn: &Connection, webhook: WebhookId) -> Result<Vec<EventId>, StoreError> {
    let handoffs: Vec<Deliveries> = query::many(conn, sql::HANDOFFS, [], |row| Ok(row.get(1)?))?;
    let all = handoffs.iter().flat_map(|it| &it.0);
    Ok(all.filter(|(_, to)| *to == webhook).map(|(event, _)| *event).collect())
}

/// Whether the event was one for this webhook, so that there is a delivery.
pub(super) fn exists(conn: &Connection, webhook: WebhookId, event: EventId) -> Result<bool, StoreError> {
    let wanted = |targets: Targets| {
        targets.0.iter().any(|it| it.webhook == webhook && it.fate != TargetFate::Skip(Reason::Unsubscribed))
    };
    let found = query::one(conn, sql::EVENT, [event.to_bytes()], |row| Ok(wanted(row.get(5)?)))?;
    Ok(found.unwrap_or(false))
}
