//! Accepting events.

use rusqlite::{Connection, params};
use stayhook_core::{ClientId, End, EventId, Reason, UnixMs, WebhookId};

use super::lanes::{Lanes, Standing};
use super::order::{self, Place};
use super::pack::Deliveries;
use super::{query, rows, sql};
use crate::columns::{Name, booking_text, gathered_text, profiles_text};
use crate::records::Record;
use crate::targets::Targets;
use crate::{Accepted, HandoffId, IdempotencyClaim, Intake, NewRow, Receipt, StoreError, Target, TargetFate};

/// Writes events in order, and one handoff that names all that is to be sent at once.
pub(super) fn intake(conn: &Connection, intake: &Intake) -> Result<Receipt, StoreError> {
    let mut lanes = Lanes::new(conn);
    let mut sent = Deliveries::default();
    let mut results = Vec::with_capacity(intake.events.len());
    for event in &intake.events {
        results.push(match repeated(conn, event)? {
            Some(earlier) => earlier,
            None => {
                accept(conn, &mut lanes, &mut sent, event)?;
                Accepted::New
            }
        });
    }
    let now = intake.events.iter().map(|it| it.id.accepted_at()).max().unwrap_or(UnixMs(0));
    lanes.finish(now, 0)?;
    Ok(Receipt { handoff: hand_off(conn, &sent)?, results })
}

/// Claims the event's idempotency key; what it was used for before, if it was.
fn repeated(conn: &Connection, event: &NewRow) -> Result<Option<Accepted>, StoreError> {
    let Some(IdempotencyClaim { key, content }) = &event.idempotency else { return Ok(None) };
    let (client, key) = (event.client.as_str(), key.as_str());
    if query::run(conn, sql::CLAIM_KEY, params![client, key, event.id.to_bytes(), content])? == 1 {
        return Ok(None);
    }
    let holder = query::one(conn, sql::KEY_HOLDER, [client, key], |row| {
        if row.get::<_, [u8; 32]>(1)? != *content {
            return Ok(Accepted::Conflict);
        }
        let targets: Targets = row.get(2)?;
        Ok(Accepted::Duplicate { id: rows::event_id(row, 0)?, deliveries: targets.deliveries() })
    })?;
    Name("idempotency", key).valid("event_id", holder).map(Some)
}

fn accept(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    sent: &mut Deliveries,
    event: &NewRow,
) -> Result<(), StoreError> {
    let booking = event.booking.as_ref().map(booking_text);
    insert(conn, event, booking.as_deref())?;
    for target in &event.targets {
        match target.fate {
            TargetFate::Send => sent.0.push((event.id, target.webhook)),
            TargetFate::Wait | TargetFate::Gather(_) => {
                wait(conn, lanes, event, target, booking.as_deref())?;
            }
            TargetFate::Skip(Reason::Unsubscribed) => {}
            TargetFate::Skip(reason) => end(conn, event.id, target.webhook, End::Skipped(reason))?,
        }
    }
    Ok(())
}

fn insert(conn: &Connection, event: &NewRow, booking: Option<&str>) -> Result<(), StoreError> {
    let id = event.id.to_bytes();
    let mut bodies = event.bodies.iter().map(|body| &body.bytes[..]);
    let row = params![
        id,
        event.kind.as_str(),
        event.property.get(),
        booking,
        event.created_at.0,
        event.client.as_str(),
        event.origin.as_ref().map(ClientId::as_str),
        event.idempotency.as_ref().map(|it| it.key.as_str()),
        Targets::pack(&event.targets),
        bodies.next().unwrap_or_default(),
        profiles_text(&event.bodies),
    ];
    query::run(conn, sql::INSERT_EVENT, row)?;
    for (number, body) in (1_i64..).zip(bodies) {
        query::run(conn, sql::INSERT_BODY, params![id, number, body])?;
    }
    Ok(())
}

/// Puts a delivery into `pending`, due at once or when newer ones have had their time to take its
/// place, unless its webhook was switched off since the fan-out was decided.
fn wait(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    event: &NewRow,
    target: &Target,
    booking: Option<&str>,
) -> Result<(), StoreError> {
    let (id, webhook) = (event.id, target.webhook);
    if let Some(refusal) = Standing::refusal(lanes.standing(webhook)?) {
        return end(conn, id, webhook, End::Skipped(refusal.reason()));
    }
    let mut due = id.accepted_at().after(target.fate.wait().unwrap_or_default());
    let gathered = gathered_text(event).filter(|_| matches!(target.fate, TargetFate::Gather(_)));
    if let Some(key) = &gathered {
        due = supersede(conn, webhook, key, id.accepted_at())?.map_or(due, |first| first.min(due));
    }
    query::run(conn, sql::WAIT, params![webhook.0, id.to_bytes(), due.0, 0, 0, booking])?;
    if gathered.is_some() {
        query::run(conn, sql::GATHER, params![webhook.0, id.to_bytes(), gathered])?;
    }
    order::line_up(conn, lanes.ordering(webhook)?, webhook, id, booking, Place::Last)?;
    lanes.wait(webhook, due)
}

/// Cancels the deliveries that a newer one takes the place of; when the first of them was due.
fn supersede(
    conn: &Connection,
    webhook: WebhookId,
    gathered: &str,
    now: UnixMs,
) -> Result<Option<UnixMs>, StoreError> {
    let older = query::many(conn, sql::GATHERED, params![webhook.0, gathered, now.0], |row| {
        Ok((rows::event_id(row, 0)?, UnixMs(row.get(1)?)))
    })?;
    for (event, _) in &older {
        query::run(conn, sql::FORGET, params![webhook.0, event.to_bytes()])?;
        Record::ended(webhook, *event, 0, now, End::Cancelled(Reason::Superseded)).write(conn)?;
    }
    Ok(older.into_iter().map(|(_, due)| due).min())
}

fn end(conn: &Connection, event: EventId, webhook: WebhookId, end: End) -> Result<(), StoreError> {
    Record::ended(webhook, event, 0, event.accepted_at(), end).write(conn)?;
    Ok(())
}

fn hand_off(conn: &Connection, sent: &Deliveries) -> Result<Option<HandoffId>, StoreError> {
    if sent.0.is_empty() {
        return Ok(None);
    }
    query::run(conn, sql::INSERT_HANDOFF, [sent])?;
    Ok(Some(HandoffId(conn.last_insert_rowid())))
}
