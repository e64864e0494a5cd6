//! Taking due deliveries under a lease: webhook by webhook, so that a flooded one delays
//! nobody. What another node is just claiming or changing is left for the next time.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use sqlx::{PgConnection, Row as _};
use stayhook_core::{BookingId, EventId, EventType, Ordering, Progress, WebhookId};
use uuid::Uuid;

use super::clock::{Shift, Timing};
use super::failure::Failure;
use super::lanes::Lanes;
use super::rows::{self, limit};
use super::sql;
use super::turns::{self, Chosen, Lane};
use super::writes::Writes;
use crate::columns::{Name, parse_profile};
use crate::records::Record;
use crate::targets::Targets;
use crate::{Body, Claim, Claimed, Due};

/// Claims what is due. A webhook that has more than its share due goes to the end of the
/// queue.
pub(super) async fn claim(
    conn: &mut PgConnection,
    node: i64,
    timing: Timing,
    claim: &Claim,
) -> Result<Claimed, Failure> {
    let shift = Shift::read(conn, timing, claim.now).await?;
    let Chosen { lanes: chosen, last } = turns::choose(conn, shift, claim).await?;
    let lanes: Vec<i64> = chosen.iter().map(|it| it.webhook).collect();
    let mut due = Vec::new();
    if !lanes.is_empty() {
        keep_order(conn, shift, claim, &chosen).await?;
        let leased = lease(conn, node, shift, claim, &lanes).await?;
        due = with_bodies(conn, leased).await?;
        sqlx::query(sql::SET_LANES_DUE).bind(&lanes).bind(shift.there(claim.now)).execute(&mut *conn).await?;
    }
    let skip: Vec<i64> = claim.skip.iter().map(|it| it.0).collect();
    let next: Option<i64> = sqlx::query_scalar(sql::NEXT_LANE).bind(&skip).fetch_optional(conn).await?;
    Ok(Claimed { due, next: next.map(|it| shift.here(it)), last })
}

/// Where the order is strict, parks what is due although one of its booking is before it: it came
/// to wait while the order did not matter. Usually there is none.
async fn keep_order(
    conn: &mut PgConnection,
    shift: Shift,
    claim: &Claim,
    chosen: &[Lane],
) -> Result<(), Failure> {
    let with = |wanted: &[Ordering]| -> Vec<i64> {
        let matches = |it: &&Lane| wanted.iter().any(|ordering| ordering.as_str() == it.ordering);
        chosen.iter().filter(matches).map(|it| it.webhook).collect()
    };
    let (newest, strict) = (with(&[Ordering::Newest]), with(&[Ordering::Booking, Ordering::Newest]));
    let now = shift.there(claim.now);
    if !newest.is_empty() {
        sqlx::query(sql::SUPERSEDE).bind(newest).bind(now).execute(&mut *conn).await?;
    }
    if !strict.is_empty() {
        sqlx::query(sql::PARK).bind(strict).bind(now).execute(conn).await?;
    }
    Ok(())
}

struct Leased {
    webhook: WebhookId,
    event: EventId,
    progress: Progress,
    booking: Option<BookingId>,
}

/// Leases what is due in these lanes, in order. What somebody else held whose lease ran out
/// gets an `interrupted` attempt first.
async fn lease(
    conn: &mut PgConnection,
    node: i64,
    shift: Shift,
    claim: &Claim,
    lanes: &[i64],
) -> Result<Vec<Leased>, Failure> {
    let query = sqlx::query(sql::LEASE).bind(lanes).bind(shift.there(claim.now)).bind(limit(claim.per_lane));
    let until = shift.there(claim.now.after(claim.lease));
    let mut found = Vec::new();
    let mut lost = Vec::new();
    for row in query.bind(until).bind(node).fetch_all(&mut *conn).await? {
        let (webhook, event) = (rows::webhook_id(&row, 0)?, rows::event_id(&row, 1)?);
        let progress = Progress { attempts: rows::count(&row, 2)?, steps: rows::count(&row, 3)? };
        let booking = rows::booking(&row, 4, &Name("pending", event))?;
        let due: i64 = row.try_get(5)?;
        if row.try_get(6)? {
            lost.push((webhook, event, progress.attempts.saturating_sub(1)));
        }
        found.push((due, Leased { webhook, event, progress, booking }));
    }
    interrupted(conn, shift, claim, &lost).await?;
    let place: HashMap<i64, usize> = lanes.iter().enumerate().map(|(place, lane)| (*lane, place)).collect();
    found.sort_by_key(|(due, it)| (place.get(&it.webhook.0).copied(), *due, it.event));
    Ok(found.into_iter().map(|(_, it)| it).collect())
}

async fn interrupted(
    conn: &mut PgConnection,
    shift: Shift,
    claim: &Claim,
    lost: &[(WebhookId, EventId, u32)],
) -> Result<(), Failure> {
    if lost.is_empty() {
        return Ok(());
    }
    let lanes = Lanes::lock(conn, shift, lost.iter().map(|(webhook, _, _)| *webhook)).await?;
    let mut writes = Writes::default();
    for (webhook, event, attempts) in lost {
        let url_number = lanes.standing(*webhook).map_or(1, |it| it.url_number);
        writes.record(Record::interrupted(*webhook, *event, *attempts, claim.now, url_number, None));
    }
    writes.write(conn, shift).await
}

/// Adds what is to be sent.
async fn with_bodies(conn: &mut PgConnection, leased: Vec<Leased>) -> Result<Vec<Due>, Failure> {
    let events: BTreeSet<EventId> = leased.iter().map(|it| it.event).collect();
    let events: Vec<Uuid> = events.into_iter().map(EventId::as_uuid).collect();
    let contents = contents(conn, &events).await?;
    let mut due = Vec::with_capacity(leased.len());
    let mut gone = Vec::new();
    for Leased { webhook, event, progress, booking } in leased {
        let Some(content) = contents.get(&event) else {
            gone.push((webhook, event));
            continue;
        };
        let body = Name("events", event).valid("targets", content.body_of(webhook))?;
        due.push(Due { webhook, event, kind: content.kind.clone(), booking, progress, body });
    }
    forget(conn, gone).await?;
    Ok(due)
}

/// Left over from events that are gone: they must not stand in the way of others.
async fn forget(conn: &mut PgConnection, gone: Vec<(WebhookId, EventId)>) -> Result<(), Failure> {
    if gone.is_empty() {
        return Ok(());
    }
    tracing::error!(deliveries = gone.len(), "pending deliveries without their events are dropped");
    let (webhooks, events) = super::writes::keys(gone.into_iter());
    sqlx::query(sql::FORGET).bind(webhooks).bind(events).execute(conn).await?;
    Ok(())
}

struct Content {
    kind: EventType,
    targets: Targets,
    /// By number.
    bodies: HashMap<u8, Bytes>,
    /// Of the bodies.
    profiles: Option<String>,
}

impl Content {
    fn body_of(&self, webhook: WebhookId) -> Option<Body> {
        let target = self.targets.0.iter().find(|it| it.webhook == webhook)?;
        let profile = parse_profile(self.profiles.as_deref(), target.body)?;
        Some(Body { profile, bytes: self.bodies.get(&target.body)?.clone() })
    }
}

async fn contents(conn: &mut PgConnection, events: &[Uuid]) -> Result<HashMap<EventId, Content>, Failure> {
    let mut contents = HashMap::new();
    let mut several = Vec::new();
    for row in sqlx::query(sql::TO_SEND).bind(events).fetch_all(&mut *conn).await? {
        let event = rows::event_id(&row, 0)?;
        let kind = rows::kind(&row, 1, &Name("events", event))?;
        let targets = rows::targets(&row, 2, event)?;
        if targets.0.iter().any(|it| it.body > 0) {
            several.push(event.as_uuid());
        }
        let bodies = HashMap::from([(0, rows::bytes(&row, 3)?)]);
        contents.insert(event, Content { kind, targets, bodies, profiles: row.try_get(4)? });
    }
    if !several.is_empty() {
        for row in sqlx::query(sql::BODIES).bind(several).fetch_all(conn).await? {
            let event = rows::event_id(&row, 0)?;
            let number = Name("bodies", event).valid("number", u8::try_from(rows::count(&row, 1)?).ok())?;
            if let Some(content) = contents.get_mut(&event) {
                content.bodies.insert(number, rows::bytes(&row, 2)?);
            }
        }
    }
    Ok(contents)
}
