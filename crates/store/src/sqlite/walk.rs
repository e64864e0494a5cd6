//! Walking over the deliveries of a webhook from the newest to the oldest, out of three
//! places at once, without reading more of any than the page needs.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Rows, params};
use stayhook_core::{EventId, WebhookId};

use super::pack::Deliveries;
use super::{query, rows, sql};
use crate::columns::{Name, parse_profile};
use crate::derived::Places;
use crate::targets::Targets;
use crate::{DeliveryFilter, StoreError};

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
    /// Starts behind the given event, or at the newest. `closing`: what is in `pending` counts
    /// as cancelled.
    pub(super) fn start(
        conn: &Connection,
        statements: &'s mut Statements<'_>,
        webhook: WebhookId,
        filter: &DeliveryFilter,
        after: Option<EventId>,
        closing: bool,
    ) -> Result<Self, StoreError> {
        let (from, until) = range(filter, after);
        let range = params![webhook.0, from.to_bytes(), until.to_bytes()];
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
            events.retain(|event| (from..until).contains(event));
            sources.push(Source::listed(events));
        }
        Ok(Self { sources })
    }

    /// The next older event, which [`Walk::next`] gives.
    pub(super) fn peek(&self) -> Option<EventId> {
        self.sources.iter().filter_map(|source| source.head).max()
    }

    /// The next older event, each once.
    pub(super) fn next(&mut self) -> Result<Option<EventId>, StoreError> {
        let newest = self.peek();
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

/// The events that the filter allows by their moment of acceptance, from the first id on up to
/// the second; not `before`, nor what is newer.
pub(super) fn range(filter: &DeliveryFilter, before: Option<EventId>) -> (EventId, EventId) {
    let from = filter.since.map_or(EventId::from_bytes([0; 16]), EventId::floor);
    let until = filter.until.map_or(EventId::from_bytes([0xff; 16]), EventId::floor);
    (from, before.map_or(until, |before| before.min(until)))
}

/// The smallest id that is newer.
pub(super) fn newer(event: EventId) -> EventId {
    EventId::from_bytes(u128::from_be_bytes(event.to_bytes()).saturating_add(1).to_be_bytes())
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
    Ok(profile(conn, webhook, event)?.is_some())
}

/// The profile of what the webhook gets of an event; `None` where the event was not one for it.
pub(super) fn profile(
    conn: &Connection,
    webhook: WebhookId,
    event: EventId,
) -> Result<Option<Arc<str>>, StoreError> {
    let found = query::one(conn, sql::EVENT, [event.to_bytes()], |row| {
        let (targets, profiles): (Targets, Option<String>) = (row.get(5)?, row.get(6)?);
        let Some(target) = targets.delivery(webhook) else { return Ok(None) };
        let profile = parse_profile(profiles.as_deref(), target.body);
        Name("events", event).valid("profiles", profile).map(Some)
    })?;
    Ok(found.flatten())
}
