//! Accepting events: one statement for a group commit.

use std::collections::BTreeSet;

use sqlx::{Connection as _, PgConnection, Row as _};
use stayhook_core::{ClientId, Reason, UnixMs};

use super::clock::{Shift, Timing};
use super::failure::Failure;
use super::writes::keys;
use super::{inbox, keys as idempotency, sql};
use crate::columns::{booking_text, gathered_text, profiles_text};
use crate::targets::Targets;
use crate::{Accepted, HandoffId, Intake, NewRow, Receipt, StoreError, Target, TargetFate};

/// Writes events for this node, and one handoff that names all that is to be sent at once.
/// Only a batch with idempotency keys, or collected events, takes more than one statement.
pub(super) async fn intake(
    conn: &mut PgConnection,
    node: i64,
    timing: Timing,
    intake: &Intake,
) -> Result<Receipt, Failure> {
    let gathering = intake.events.iter().any(|it| it.targets.iter().any(gathers));
    if !gathering && intake.collected.is_empty() && intake.events.iter().all(|it| it.idempotency.is_none()) {
        let all: Vec<&NewRow> = intake.events.iter().collect();
        let handoff = write(conn, node, timing, intake.registry_generation, &all).await?;
        return Ok(Receipt { handoff, results: vec![Accepted::New; all.len()] });
    }
    let mut tx = conn.begin().await?;
    let mut results = idempotency::claim(&mut tx, &intake.events).await?;
    if !intake.collected.is_empty() {
        let gone = inbox::take(&mut tx, &intake.collected).await?;
        for (event, result) in
            intake.events.iter().zip(&mut results).filter(|(event, _)| gone.contains(&event.id))
        {
            let deliveries = Targets(event.targets.clone()).deliveries();
            *result = Accepted::Duplicate { id: event.id, deliveries };
        }
    }
    let new = intake.events.iter().zip(&results).filter(|(_, result)| **result == Accepted::New);
    let new: Vec<&NewRow> = new.map(|(event, _)| event).collect();
    let handoff = write(&mut tx, node, timing, intake.registry_generation, &new).await?;
    if gathering {
        supersede(&mut tx, timing, &new).await?;
    }
    tx.commit().await?;
    Ok(Receipt { handoff, results })
}

/// Lets the newest of these events take the place of older ones that wait for that.
async fn supersede(conn: &mut PgConnection, timing: Timing, events: &[&NewRow]) -> Result<(), Failure> {
    let gathering = events.iter().flat_map(|event| {
        let webhooks = event.targets.iter().filter(|it| gathers(it)).map(|it| it.webhook.0);
        webhooks.filter_map(|webhook| Some((webhook, gathered_text(event)?)))
    });
    let (webhooks, keys): (Vec<i64>, Vec<String>) = gathering.collect::<BTreeSet<_>>().into_iter().unzip();
    let now = newest(events);
    sqlx::query(sql::LOCK_LANES).bind(&webhooks).fetch_all(&mut *conn).await?;
    let query =
        sqlx::query(sql::GATHERED_LATER).bind(webhooks).bind(keys).bind(now.0).bind(Shift::known(timing));
    query.execute(conn).await?;
    Ok(())
}

fn gathers(target: &Target) -> bool {
    matches!(target.fate, TargetFate::Gather(_))
}

/// When the last of the events was accepted.
fn newest(events: &[&NewRow]) -> UnixMs {
    events.iter().map(|it| it.id.accepted_at()).max().unwrap_or(UnixMs(0))
}

async fn write(
    conn: &mut PgConnection,
    node: i64,
    timing: Timing,
    generation: i64,
    events: &[&NewRow],
) -> Result<Option<HandoffId>, Failure> {
    let now = newest(events);
    let bookings: Vec<Option<String>> =
        events.iter().map(|it| it.booking.as_ref().map(booking_text)).collect();
    let more = || {
        let of = |event: &&'_ NewRow| -> Vec<_> {
            let bodies = (1_i32..).zip(event.bodies.iter().skip(1));
            bodies.map(|(number, body)| (event.id.as_uuid(), number, body.bytes.clone())).collect()
        };
        events.iter().flat_map(of).collect::<Vec<_>>()
    };
    let more = more();
    let (sent_to, sent) =
        keys(targets(events, |fate| fate == TargetFate::Send).map(|(_, it, to)| (to.webhook, it.id)));
    // By lanes, in the order in which they are locked everywhere.
    let mut waits: Vec<_> = targets(events, |fate| fate.wait().is_some()).collect();
    waits.sort_by_key(|(_, _, to)| to.webhook);
    let (waits_for, waiting) = keys(waits.iter().map(|(_, it, to)| (to.webhook, it.id)));
    let skips: Vec<_> = targets(events, is_noted).collect();
    let (skips_of, skipped) = keys(skips.iter().map(|(_, it, to)| (to.webhook, it.id)));

    let row = sqlx::query(sql::INTAKE)
        .bind(node)
        .bind(generation)
        .bind(Shift::known(timing))
        .bind(now.0)
        .bind(events.iter().map(|it| it.id.as_uuid()).collect::<Vec<_>>())
        .bind(events.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|it| it.property.get()).collect::<Vec<_>>())
        .bind(bookings.iter().map(Option::as_deref).collect::<Vec<_>>())
        .bind(events.iter().map(|it| it.created_at.0).collect::<Vec<_>>())
        .bind(events.iter().map(|it| it.client.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|it| it.origin.as_ref().map(ClientId::as_str)).collect::<Vec<_>>())
        .bind(events.iter().map(|it| it.idempotency.as_ref().map(|it| it.key.as_str())).collect::<Vec<_>>())
        .bind(events.iter().map(|it| Targets::pack(&it.targets)).collect::<Vec<_>>())
        .bind(
            events
                .iter()
                .map(|it| it.bodies.first().map_or(&b""[..], |it| &it.bytes[..]))
                .collect::<Vec<_>>(),
        )
        .bind(more.iter().map(|(event, _, _)| *event).collect::<Vec<_>>())
        .bind(more.iter().map(|(_, number, _)| *number).collect::<Vec<_>>())
        .bind(more.iter().map(|(_, _, body)| &body[..]).collect::<Vec<_>>())
        .bind(sent)
        .bind(sent_to)
        .bind(waits_for)
        .bind(waiting)
        .bind(waits.iter().map(|(_, it, to)| due(it, to).0).collect::<Vec<_>>())
        .bind(
            waits
                .iter()
                .map(|(place, _, _)| bookings.get(*place).and_then(Option::as_deref))
                .collect::<Vec<_>>(),
        )
        .bind(skips_of)
        .bind(skipped)
        .bind(skips.iter().map(|(_, it, _)| it.id.accepted_at().0).collect::<Vec<_>>())
        .bind(skips.iter().filter_map(|(_, _, to)| reason(to)).collect::<Vec<_>>())
        .bind(events.iter().map(|it| profiles_text(&it.bodies)).collect::<Vec<_>>())
        .bind(waits.iter().map(|(_, it, to)| gathered_text(it).filter(|_| gathers(to))).collect::<Vec<_>>())
        .fetch_one(conn)
        .await?;
    if !row.try_get::<bool, _>(0)? {
        return Err(Failure::Buried);
    }
    if !row.try_get::<bool, _>(1)? {
        return Err(StoreError::StaleRegistry.into());
    }
    Ok(row.try_get::<Option<i64>, _>(2)?.map(HandoffId))
}

/// The targets of that fate, each with its event and that event's place.
fn targets<'a>(
    events: &'a [&'a NewRow],
    wanted: impl Fn(TargetFate) -> bool + 'a,
) -> impl Iterator<Item = (usize, &'a NewRow, &'a Target)> {
    let all = events.iter().enumerate();
    let all = all.flat_map(|(place, event)| event.targets.iter().map(move |target| (place, *event, target)));
    all.filter(move |(_, _, target)| wanted(target.fate))
}

/// When a delivery that waits is due.
fn due(event: &NewRow, target: &Target) -> UnixMs {
    event.id.accepted_at().after(target.fate.wait().unwrap_or_default())
}

/// Whether a row says that the webhook does not get the event: the events that it does not
/// want are remembered in the event alone.
fn is_noted(fate: TargetFate) -> bool {
    matches!(fate, TargetFate::Skip(reason) if reason != Reason::Unsubscribed)
}

fn reason(target: &Target) -> Option<&'static str> {
    match target.fate {
        TargetFate::Skip(reason) => Some(reason.as_str()),
        TargetFate::Send | TargetFate::Wait | TargetFate::Gather(_) => None,
    }
}
