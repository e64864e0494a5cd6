//! The delivery log of a webhook. A delivery's state is derived: what waits in `pending`
//! waits, else its last attempt says how it ended, else it is in a handoff, that is, in
//! flight.

use rusqlite::{Connection, params};
use stayhook_core::{BookingId, EventId, Fault, FaultClass, UnixMs, WebhookId};

use super::walk::{self, Walk};
use super::{query, rows, sql, webhooks};
use crate::columns::{Name, parse_final};
use crate::derived::{Facts, Head, Lane, Waiting, line};
use crate::page::Gathering;
use crate::{AttemptLine, DeliveryFilter, DeliveryLine, Page, PageRequest, Reply, Scope, StoreError};

/// A page of the webhook's deliveries, newest first.
pub(super) fn page(
    conn: &Connection,
    scope: &Scope,
    webhook: WebhookId,
    filter: &DeliveryFilter,
    page: PageRequest<EventId>,
) -> Result<Option<Page<DeliveryLine, EventId>>, StoreError> {
    if !webhooks::is_seen(conn, scope, webhook)? {
        return Ok(None);
    }
    let lane = lane(conn, webhook)?;
    let mut statements = walk::Statements::prepare(conn)?;
    let mut walk = Walk::start(conn, &mut statements, webhook, filter, page.after, lane.closing.is_some())?;
    let mut gathering = Gathering::new(page.limit);
    while let Some(event) = walk.next()? {
        let line = matching(conn, &lane, webhook, event, filter)?;
        if let Some(page) = gathering.add(event, line) {
            return Ok(Some(page));
        }
    }
    Ok(Some(gathering.end()))
}

/// One delivery with its attempts.
pub(super) fn delivery(
    conn: &Connection,
    scope: &Scope,
    webhook: WebhookId,
    event: EventId,
) -> Result<Option<(DeliveryLine, Vec<AttemptLine>)>, StoreError> {
    if !webhooks::is_seen(conn, scope, webhook)? {
        return Ok(None);
    }
    let profile = walk::profile(conn, webhook, event)?;
    let (Some(profile), Some(head)) = (profile, head(conn, event)?) else { return Ok(None) };
    let line = line(webhook, event, head, &facts(conn, webhook, event)?, &lane(conn, webhook)?);
    let line = DeliveryLine { profile: Some(profile), ..line };
    Ok(Some((line, attempts(conn, webhook, event)?)))
}

/// The webhook's lane; the default if it has none, which a deleted one has not.
pub(super) fn lane(conn: &Connection, webhook: WebhookId) -> Result<Lane, StoreError> {
    let lane = query::one(conn, sql::LANE, [webhook.0], |row| {
        Ok(Lane { held: row.get(0)?, closing: rows::closing(row, 1, webhook)? })
    })?;
    Ok(lane.unwrap_or_default())
}

/// Reads what is stored about a delivery.
pub(super) fn facts(conn: &Connection, webhook: WebhookId, event: EventId) -> Result<Facts, StoreError> {
    let key = params![webhook.0, event.to_bytes()];
    let waiting = query::one(conn, sql::PENDING, key, |row| {
        Ok(Waiting { due: UnixMs(row.get(0)?), leased: row.get(1)? })
    })?;
    let mut facts = Facts { waiting, attempts: 0, ended: None };
    query::many(conn, sql::ATTEMPTS, key, |row| {
        let (at, duration) = (UnixMs(row.get(0)?), rows::span(row, 1)?);
        facts.attempts += u32::from(row.get::<_, Option<u32>>(2)?.is_some());
        let state = row.get::<_, Option<String>>(3)?.map(|state| {
            let reason: Option<String> = row.get(4)?;
            Name("attempts", event).valid("final", parse_final(&state, reason.as_deref()))
        });
        facts.ended = state.transpose()?.map(|state| (state, at.after(duration)));
        Ok(())
    })?;
    Ok(facts)
}

fn head(conn: &Connection, event: EventId) -> Result<Option<Head>, StoreError> {
    let name = Name("events", event);
    query::one(conn, sql::EVENT, [event.to_bytes()], |row| {
        Ok(Head { kind: rows::kind(row, 0, &name)?, booking: rows::booking(row, 1, &name)? })
    })
}

/// The delivery, if it is one that the filter wants.
pub(super) fn matching(
    conn: &Connection,
    lane: &Lane,
    webhook: WebhookId,
    event: EventId,
    filter: &DeliveryFilter,
) -> Result<Option<DeliveryLine>, StoreError> {
    // Gone: the event is being pruned.
    let Some(head) = head(conn, event)? else { return Ok(None) };
    let booking = head.booking.as_ref().map(BookingId::key);
    if filter.kind.as_ref().is_some_and(|kind| *kind != head.kind)
        || (filter.booking.is_some() && filter.booking != booking)
    {
        return Ok(None);
    }
    let line = line(webhook, event, head, &facts(conn, webhook, event)?, lane);
    Ok(filter.state.as_ref().is_none_or(|state| state == line.state.as_str()).then_some(line))
}

fn attempts(conn: &Connection, webhook: WebhookId, event: EventId) -> Result<Vec<AttemptLine>, StoreError> {
    let name = Name("attempts", event);
    // Between attempts there are rows of ends that came without one, where a delivery was
    // requeued: nobody counts those.
    let mut numbers = 1..;
    query::many(conn, sql::ATTEMPT_LINES, params![webhook.0, event.to_bytes()], |row| {
        let fault: Option<String> = row.get(4)?;
        let fault = fault.map(|class| {
            let class = name.valid("fault", FaultClass::parse(&class))?;
            Ok::<_, StoreError>(Fault::new(class, row.get::<_, Option<String>>(5)?.unwrap_or_default()))
        });
        Ok(AttemptLine {
            number: numbers.next().unwrap_or(u32::MAX),
            started_at: UnixMs(row.get(0)?),
            duration: rows::span(row, 1)?,
            url: row.get(2)?,
            reply: Reply { status: row.get(3)?, fault: fault.transpose()?, body: rows::bytes(row, 6)? },
            next_attempt_at: rows::moment(row, 7)?,
        })
    })
}
