//! The delivery log of a webhook. A delivery's state is derived: what waits in `pending`
//! waits, else its last attempt says how it ended, else it is in a handoff, that is, in
//! flight. Every call reads one snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{PgConnection, Row as _};
use stayhook_core::{BookingId, EventId, EventType, Fault, FaultClass, UnixMs, WebhookId};
use uuid::Uuid;

use super::failure::Failure;
use super::rows::{self, limit};
use super::writes::keys;
use super::{sql, webhooks};
use crate::columns::{Name, parse_final, parse_profile};
use crate::derived::Places;
use crate::derived::{Facts, Head, Lane, Waiting, line};
use crate::page::Gathering;
use crate::{AttemptLine, DeliveryFilter, DeliveryLine, Page, PageRequest, Reply, Scope};

/// So many deliveries are read at once in search of those that are wanted.
const MOST_AT_ONCE: usize = 2_000;

/// A page of the webhook's deliveries, newest first.
pub(super) async fn page(
    conn: &mut PgConnection,
    scope: &Scope,
    webhook: WebhookId,
    filter: &DeliveryFilter,
    page: PageRequest<EventId>,
) -> Result<Option<Page<DeliveryLine, EventId>>, Failure> {
    if !webhooks::is_seen(conn, scope, webhook).await? {
        return Ok(None);
    }
    let lane = lanes(conn, &[webhook]).await?.remove(&webhook).unwrap_or_default();
    let mut walk = Walk::start(webhook, filter, page.after, lane.closing.is_some());
    // As many as are wanted where all match, and more where few do.
    let mut step = page.limit.saturating_add(1);
    let mut gathering = Gathering::new(page.limit);
    loop {
        let events = walk.next(conn, step).await?;
        let mut lines = lines(conn, &lane, webhook, &events).await?.into_iter().peekable();
        for event in &events {
            let line = lines.next_if(|it| it.event == *event).filter(|it| matches(it, filter));
            if let Some(page) = gathering.add(*event, line) {
                return Ok(Some(page));
            }
        }
        if events.len() < step {
            return Ok(Some(gathering.end()));
        }
        step = step.saturating_mul(2).min(MOST_AT_ONCE);
    }
}

/// One delivery with its attempts.
pub(super) async fn delivery(
    conn: &mut PgConnection,
    scope: &Scope,
    webhook: WebhookId,
    event: EventId,
) -> Result<Option<(DeliveryLine, Vec<AttemptLine>)>, Failure> {
    if !webhooks::is_seen(conn, scope, webhook).await? {
        return Ok(None);
    }
    let Some(profile) = profile(conn, webhook, event).await? else { return Ok(None) };
    let lane = lanes(conn, &[webhook]).await?.remove(&webhook).unwrap_or_default();
    let Some(line) = lines(conn, &lane, webhook, &[event]).await?.pop() else { return Ok(None) };
    let line = DeliveryLine { profile: Some(profile), ..line };
    Ok(Some((line, attempts(conn, webhook, event).await?)))
}

/// The lanes of these webhooks; a deleted one may have none.
pub(super) async fn lanes(
    conn: &mut PgConnection,
    ids: &[WebhookId],
) -> Result<HashMap<WebhookId, Lane>, Failure> {
    let ids: Vec<i64> = ids.iter().map(|it| it.0).collect();
    let mut lanes = HashMap::new();
    for row in sqlx::query(sql::LANES).bind(ids).fetch_all(conn).await? {
        let webhook = rows::webhook_id(&row, 0)?;
        lanes.insert(webhook, Lane { held: row.try_get(1)?, closing: rows::closing(&row, 2, webhook)? });
    }
    Ok(lanes)
}

/// What is stored about these deliveries, each in its place.
pub(super) async fn facts(
    conn: &mut PgConnection,
    deliveries: &[(WebhookId, EventId)],
) -> Result<HashMap<(WebhookId, EventId), Facts>, Failure> {
    let (webhooks, events) = keys(deliveries.iter().copied());
    let nothing = || Facts { waiting: None, attempts: 0, ended: None };
    let mut facts: HashMap<_, _> = deliveries.iter().map(|key| (*key, nothing())).collect();
    for row in sqlx::query(sql::PENDING).bind(&webhooks).bind(&events).fetch_all(&mut *conn).await? {
        let key = (rows::webhook_id(&row, 0)?, rows::event_id(&row, 1)?);
        let waiting = Waiting { due: rows::at(&row, 2)?, leased: row.try_get(3)? };
        facts.entry(key).or_insert_with(nothing).waiting = Some(waiting);
    }
    for row in sqlx::query(sql::ATTEMPTS).bind(&webhooks).bind(&events).fetch_all(conn).await? {
        let key = (rows::webhook_id(&row, 0)?, rows::event_id(&row, 1)?);
        let (at, duration) = (rows::at(&row, 2)?, rows::span(&row, 3)?);
        let facts = facts.entry(key).or_insert_with(nothing);
        facts.attempts += u32::from(row.try_get::<Option<i32>, _>(4)?.is_some());
        let state: Option<&str> = row.try_get(5)?;
        facts.ended = match state {
            None => None,
            Some(state) => {
                let state = Name("attempts", key.1).valid("final", parse_final(state, row.try_get(6)?))?;
                Some((state, at.after(duration)))
            }
        };
    }
    Ok(facts)
}

/// These deliveries, without those whose events are gone.
async fn lines(
    conn: &mut PgConnection,
    lane: &Lane,
    webhook: WebhookId,
    events: &[EventId],
) -> Result<Vec<DeliveryLine>, Failure> {
    let ids: Vec<Uuid> = events.iter().map(|it| it.as_uuid()).collect();
    let mut heads = HashMap::new();
    for row in sqlx::query(sql::HEADS).bind(ids).fetch_all(&mut *conn).await? {
        let event = rows::event_id(&row, 0)?;
        let name = Name("events", event);
        heads.insert(
            event,
            Head { kind: rows::kind(&row, 1, &name)?, booking: rows::booking(&row, 2, &name)? },
        );
    }
    let deliveries: Vec<_> = events.iter().map(|event| (webhook, *event)).collect();
    let facts = facts(conn, &deliveries).await?;
    let lines = deliveries.iter().filter_map(|key| {
        let head = heads.remove(&key.1)?;
        Some(line(webhook, key.1, head, facts.get(key)?, lane))
    });
    Ok(lines.collect())
}

/// Whether the delivery is one that the filter wants.
pub(super) fn matches(line: &DeliveryLine, filter: &DeliveryFilter) -> bool {
    is_about(&line.kind, line.booking.as_ref(), filter)
        && filter.state.as_ref().is_none_or(|state| state == line.state.as_str())
}

/// Whether deliveries of such an event may be wanted.
pub(super) fn head_matches(head: &Head, filter: &DeliveryFilter) -> bool {
    is_about(&head.kind, head.booking.as_ref(), filter)
}

fn is_about(kind: &EventType, booking: Option<&BookingId>, filter: &DeliveryFilter) -> bool {
    filter.kind.as_ref().is_none_or(|it| it == kind)
        && (filter.booking.is_none() || filter.booking == booking.map(BookingId::key))
}

/// The profile of what the webhook gets of an event; `None` where the event was not one for it.
async fn profile(
    conn: &mut PgConnection,
    webhook: WebhookId,
    event: EventId,
) -> Result<Option<Arc<str>>, Failure> {
    let row = sqlx::query(sql::EVENT).bind(event.as_uuid()).fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    let targets = rows::targets(&row, 5, event)?;
    let Some(target) = targets.delivery(webhook) else { return Ok(None) };
    let profiles: Option<String> = row.try_get(6)?;
    let profile = parse_profile(profiles.as_deref(), target.body);
    Ok(Some(Name("events", event).valid("profiles", profile)?))
}

async fn attempts(
    conn: &mut PgConnection,
    webhook: WebhookId,
    event: EventId,
) -> Result<Vec<AttemptLine>, Failure> {
    let name = Name("attempts", event);
    let mut lines = Vec::new();
    for row in sqlx::query(sql::ATTEMPT_LINES).bind(webhook.0).bind(event.as_uuid()).fetch_all(conn).await? {
        let fault: Option<&str> = row.try_get(5)?;
        let fault = match fault {
            None => None,
            Some(class) => {
                let words: Option<String> = row.try_get(6)?;
                Some(Fault::new(name.valid("fault", FaultClass::parse(class))?, words.unwrap_or_default()))
            }
        };
        let status: Option<i32> = row.try_get(4)?;
        let status = status.map(|it| name.valid("status", u16::try_from(it).ok())).transpose()?;
        lines.push(AttemptLine {
            number: rows::count(&row, 0)?,
            started_at: rows::at(&row, 1)?,
            duration: rows::span(&row, 2)?,
            url: rows::text(&row, 3)?,
            reply: Reply { status, fault, body: rows::bytes(&row, 7)? },
            next_attempt_at: rows::moment(&row, 8)?,
        });
    }
    Ok(lines)
}

/// A walk over the keys of a webhook's deliveries from the newest to the oldest, out of the
/// places in which those of the wanted state can be.
struct Walk {
    webhook: WebhookId,
    places: Places,
    from: EventId,
    /// Not this one, nor any newer.
    until: EventId,
}

impl Walk {
    /// Starts after the given event, or at the newest. `closing`: what is in `pending` counts
    /// as cancelled.
    fn start(webhook: WebhookId, filter: &DeliveryFilter, after: Option<EventId>, closing: bool) -> Self {
        let mut places = Places::of(filter.state.as_deref());
        places.pending |= closing;
        let from = EventId::floor(filter.since.unwrap_or(UnixMs(0)));
        let until = filter.until.map_or(EventId::from_bytes([0xff; 16]), EventId::floor);
        Self { webhook, places, from, until: after.map_or(until, |after| after.min(until)) }
    }

    async fn next(&mut self, conn: &mut PgConnection, most: usize) -> Result<Vec<EventId>, Failure> {
        let found: Vec<Uuid> = sqlx::query_scalar(sql::KEYS)
            .bind(self.webhook.0)
            .bind(self.from.as_uuid())
            .bind(self.until.as_uuid())
            .bind(limit(most))
            .bind(self.places.attempts)
            .bind(self.places.pending)
            .bind(self.places.handoffs)
            .fetch_all(conn)
            .await?;
        let found: Vec<EventId> = found.into_iter().map(rows::event_of).collect();
        self.until = found.last().copied().unwrap_or(self.from);
        Ok(found)
    }
}
