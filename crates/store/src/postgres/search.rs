//! Deliveries across webhooks: events from the newest to the oldest, and of each its
//! deliveries. Every call reads one snapshot.

use std::collections::HashSet;

use sqlx::PgConnection;
use stayhook_core::{DeliveryId, EventId, PropertyId, Reason, UnixMs, WebhookId};

use super::failure::Failure;
use super::rows::{self, limit};
use super::{log, sql};
use crate::columns::Name;
use crate::derived::{Head, line};
use crate::page::Gathering;
use crate::{DeliveryLine, DeliverySearch, Page, PageRequest, Scope, TargetFate};

/// So many events are read at once.
const AT_ONCE: usize = 500;

/// A page of the deliveries of all webhooks that there are.
pub(super) async fn page(
    conn: &mut PgConnection,
    search: &DeliverySearch,
    page: PageRequest<DeliveryId>,
) -> Result<Page<DeliveryLine, DeliveryId>, Failure> {
    if let Some(webhook) = search.webhook {
        return page_of(conn, webhook, search, page).await;
    }
    let from = EventId::floor(search.filter.since.unwrap_or(UnixMs(0)));
    let mut until = search.filter.until.map_or(EventId::from_bytes([0xff; 16]), EventId::floor);
    if let Some(after) = page.after {
        until = until.min(next_id(after.event));
    }
    let mut gathering = Gathering::new(page.limit);
    loop {
        let events = events(conn, from, until).await?;
        for (key, line) in candidates(conn, search, &events).await? {
            if page.after.is_some_and(|after| key >= after) {
                continue;
            }
            if let Some(page) = gathering.add(key, line) {
                return Ok(page);
            }
        }
        match events.last() {
            Some(last) if events.len() == AT_ONCE => until = last.id,
            _ => return Ok(gathering.end()),
        }
    }
}

/// Those of one webhook: its own log.
async fn page_of(
    conn: &mut PgConnection,
    webhook: WebhookId,
    search: &DeliverySearch,
    page: PageRequest<DeliveryId>,
) -> Result<Page<DeliveryLine, DeliveryId>, Failure> {
    let nothing = Page { rows: Vec::new(), next: None };
    if let Some(property) = search.property {
        let of: Option<i64> =
            sqlx::query_scalar(sql::PROPERTY_OF).bind(webhook.0).fetch_optional(&mut *conn).await?;
        if of != Some(property.get()) {
            return Ok(nothing);
        }
    }
    // Of the event itself nothing is left, unless the page ended with a webhook of a higher number.
    let after = page.after.map(|it| if it.webhook > webhook { next_id(it.event) } else { it.event });
    let request = PageRequest { after, limit: page.limit };
    let found = log::page(conn, &Scope::EVERYTHING, webhook, &search.filter, request).await?;
    Ok(found.map_or(nothing, |it| Page {
        rows: it.rows,
        next: it.next.map(|event| DeliveryId { event, webhook }),
    }))
}

/// The id that follows.
fn next_id(event: EventId) -> EventId {
    EventId::from_bytes(u128::from_be_bytes(event.to_bytes()).saturating_add(1).to_be_bytes())
}

struct Event {
    id: EventId,
    property: PropertyId,
    head: Head,
    /// Those that have a delivery, the highest number first.
    webhooks: Vec<WebhookId>,
}

impl Event {
    fn head(&self) -> Head {
        Head { kind: self.head.kind.clone(), booking: self.head.booking.clone() }
    }
}

async fn events(conn: &mut PgConnection, from: EventId, until: EventId) -> Result<Vec<Event>, Failure> {
    let query = sqlx::query(sql::FAN_OUTS).bind(from.as_uuid()).bind(until.as_uuid());
    let mut events = Vec::new();
    for row in query.bind(limit(AT_ONCE)).fetch_all(conn).await? {
        let id = rows::event_id(&row, 0)?;
        let name = Name("events", id);
        let head = Head { kind: rows::kind(&row, 2, &name)?, booking: rows::booking(&row, 3, &name)? };
        let targets = rows::targets(&row, 1, id)?.0.into_iter();
        let shown = targets.filter(|it| it.fate != TargetFate::Skip(Reason::Unsubscribed));
        let mut webhooks: Vec<WebhookId> = shown.map(|it| it.webhook).collect();
        webhooks.sort_unstable_by(|a, b| b.cmp(a));
        events.push(Event { id, property: rows::property(&row, 4, &name)?, head, webhooks });
    }
    Ok(events)
}

/// Every delivery of these events, and its line where it is wanted. An event without any is
/// looked at too: it counts as the delivery to a webhook that there is not.
async fn candidates(
    conn: &mut PgConnection,
    search: &DeliverySearch,
    events: &[Event],
) -> Result<Vec<(DeliveryId, Option<DeliveryLine>)>, Failure> {
    let known = known(conn, events).await?;
    let wanted = |event: &Event, webhook: &WebhookId| {
        known.contains(webhook)
            && search.property.is_none_or(|it| it == event.property)
            && log::head_matches(&event.head, &search.filter)
    };
    let of = |event: &Event| {
        let wanted = event.webhooks.iter().filter(|it| wanted(event, it));
        wanted.map(|webhook| (*webhook, event.id)).collect::<Vec<_>>()
    };
    let keys: Vec<(WebhookId, EventId)> = events.iter().flat_map(of).collect();
    let facts = log::facts(conn, &keys).await?;
    let lanes = log::lanes(conn, &known.into_iter().collect::<Vec<_>>()).await?;
    let mut candidates = Vec::new();
    for event in events {
        let none = event.webhooks.is_empty().then_some(&WebhookId(0));
        for webhook in event.webhooks.iter().chain(none) {
            let facts = facts.get(&(*webhook, event.id)).zip(lanes.get(webhook));
            let line = facts.map(|(facts, lane)| line(*webhook, event.id, event.head(), facts, lane));
            let line = line.filter(|it| log::matches(it, &search.filter));
            candidates.push((DeliveryId { event: event.id, webhook: *webhook }, line));
        }
    }
    Ok(candidates)
}

/// Those of the events' webhooks that there are.
async fn known(conn: &mut PgConnection, events: &[Event]) -> Result<HashSet<WebhookId>, Failure> {
    let ids: HashSet<i64> = events.iter().flat_map(|it| it.webhooks.iter().map(|id| id.0)).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let known: Vec<i64> = sqlx::query_scalar(sql::KNOWN_WEBHOOKS).bind(ids).fetch_all(conn).await?;
    Ok(known.into_iter().map(WebhookId).collect())
}
