//! Taking due deliveries under a lease: webhook by webhook, so that a flooded one delays
//! nobody.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use stayhook_core::{BookingId, EventId, EventType, Ordering, Progress, UnixMs, WebhookId};

use super::lanes::Lanes;
use super::{order, query, rows, sql, turns};
use crate::columns::{Name, booking_text, parse_profile};
use crate::records::Record;
use crate::targets::Targets;
use crate::{Body, Claim, Claimed, Due, StoreError};

/// Claims what is due. A webhook that has more than its share due goes to the end of the
/// queue.
pub(super) fn claim(conn: &Connection, claim: &Claim) -> Result<Claimed, StoreError> {
    let skip: HashSet<WebhookId> = claim.skip.iter().copied().collect();
    let mut lanes = Lanes::new(conn);
    let mut due = Vec::new();
    let (chosen, last) = turns::choose(conn, claim, &skip)?;
    for webhook in chosen {
        claim_lane(conn, &mut lanes, claim, webhook, &mut due)?;
    }
    Ok(Claimed { due, next: next_lane(conn, &skip)?, last })
}

fn next_lane(conn: &Connection, skip: &HashSet<WebhookId>) -> Result<Option<UnixMs>, StoreError> {
    let mut statement = conn.prepare_cached(sql::NEXT_LANES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !skip.contains(&WebhookId(row.get(0)?)) {
            return Ok(Some(UnixMs(row.get(1)?)));
        }
    }
    Ok(None)
}

struct DueRow {
    event: EventId,
    progress: Progress,
    booking: Option<BookingId>,
    /// Held by somebody whose lease ran out.
    leased: bool,
}

fn claim_lane(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    claim: &Claim,
    webhook: WebhookId,
    due: &mut Vec<Due>,
) -> Result<(), StoreError> {
    for row in in_order(conn, lanes, claim, webhook)? {
        due.extend(lease(conn, lanes, claim, webhook, row)?);
    }
    // Never before now: webhooks that wait longer come first.
    let next = query::number(conn, sql::FIRST_DUE, [webhook.0])?.map(|it| it.max(claim.now.0));
    query::run(conn, sql::SET_LANE_DUE, params![webhook.0, next])?;
    Ok(())
}

/// So often in a row nothing may be found that is not to be parked: the lane's turn comes again.
const ROUNDS: usize = 16;

/// What is due. Where the order is strict, what has one of its booking before it is parked: it
/// came to wait while the order did not matter. Usually there is none.
fn in_order(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    claim: &Claim,
    webhook: WebhookId,
) -> Result<Vec<DueRow>, StoreError> {
    let ordering = lanes.ordering(webhook)?;
    for _ in 0..ROUNDS {
        let mut found = due_rows(conn, claim, webhook)?;
        if ordering == Ordering::None || found.is_empty() {
            return Ok(found);
        }
        let mut kept = Vec::new();
        for row in found.drain(..) {
            if comes_first(conn, ordering, webhook, &row)? {
                kept.push(row);
            }
        }
        if !kept.is_empty() {
            return Ok(kept);
        }
    }
    Ok(Vec::new())
}

/// Whether nothing of its booking is before it; else it is parked, or ends.
fn comes_first(
    conn: &Connection,
    ordering: Ordering,
    webhook: WebhookId,
    row: &DueRow,
) -> Result<bool, StoreError> {
    let Some(booking) = row.booking.as_ref().map(booking_text).filter(|_| !row.leased) else {
        return Ok(true);
    };
    order::keep_newest(conn, ordering, webhook, Some(&booking))?;
    if order::is_behind(conn, webhook, row.event, &booking)? {
        order::park(conn, webhook, row.event)?;
        return Ok(false);
    }
    query::exists(conn, sql::IS_PENDING, params![webhook.0, row.event.to_bytes()])
}

fn due_rows(conn: &Connection, claim: &Claim, webhook: WebhookId) -> Result<Vec<DueRow>, StoreError> {
    let most = i64::try_from(claim.per_lane).unwrap_or(i64::MAX);
    query::many(conn, sql::DUE_ROWS, params![webhook.0, claim.now.0, most], |row| {
        let event = rows::event_id(row, 0)?;
        let progress = Progress { attempts: row.get(1)?, steps: row.get(2)? };
        let booking = rows::booking(row, 3, &Name("pending", event))?;
        Ok(DueRow { event, progress, booking, leased: row.get(4)? })
    })
}

fn lease(
    conn: &Connection,
    lanes: &mut Lanes<'_>,
    claim: &Claim,
    webhook: WebhookId,
    mut row: DueRow,
) -> Result<Option<Due>, StoreError> {
    let key = row.event.to_bytes();
    let Some((kind, body)) = to_send(conn, row.event, webhook)? else {
        // Left over from an event that is gone: it must not stand in the way of others.
        tracing::error!(%webhook, event = %row.event, "pending delivery without its event is dropped");
        query::run(conn, sql::FORGET, params![webhook.0, key])?;
        return Ok(None);
    };
    if row.leased {
        let url_number = lanes.standing(webhook)?.map_or(1, |it| it.url_number);
        Record::interrupted(webhook, row.event, row.progress.attempts, claim.now, url_number, None)
            .write(conn)?;
        row.progress.attempts = row.progress.attempts.saturating_add(1);
    }
    let until = claim.now.after(claim.lease);
    query::run(conn, sql::LEASE, params![webhook.0, key, until.0, row.progress.attempts])?;
    let DueRow { event, progress, booking, .. } = row;
    Ok(Some(Due { webhook, event, kind, booking, progress, body }))
}

/// The type of an event and what this webhook gets of it.
fn to_send(
    conn: &Connection,
    event: EventId,
    webhook: WebhookId,
) -> Result<Option<(EventType, Body)>, StoreError> {
    let name = Name("events", event);
    let found = query::one(conn, sql::TO_SEND, [event.to_bytes()], |row| {
        let targets: Targets = row.get(1)?;
        let target = name.valid("targets", targets.0.into_iter().find(|it| it.webhook == webhook))?;
        let profiles: Option<String> = row.get(3)?;
        let profile = name.valid("profiles", parse_profile(profiles.as_deref(), target.body))?;
        Ok((rows::kind(row, 0, &name)?, target.body, Body { profile, bytes: rows::bytes(row, 2)? }))
    })?;
    match found {
        None => Ok(None),
        Some((kind, 0, body)) => Ok(Some((kind, body))),
        Some((kind, number, Body { profile, .. })) => {
            let bytes =
                query::one(conn, sql::BODY, params![event.to_bytes(), number], |row| rows::bytes(row, 0))?;
            Ok(Some((kind, Body { profile, bytes: name.valid("body", bytes)? })))
        }
    }
}
