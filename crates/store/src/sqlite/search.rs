//! Deliveries across webhooks, newest event first; of one event, the newest webhook first.

use std::cmp::Reverse;
use std::collections::HashMap;

use rusqlite::{Connection, params};
use stayhook_core::{DeliveryId, EventId, Reason, WebhookId};

use super::log::{lane, matching};
use super::walk::{self, Walk};
use super::{query, rows, sql};
use crate::derived::Lane;
use crate::page::Gathering;
use crate::targets::Targets;
use crate::{DeliveryFilter, DeliveryLine, DeliverySearch, Page, PageRequest, StoreError, TargetFate};

/// What stands behind all webhooks of an event: their numbers begin with 1.
const NOBODY: WebhookId = WebhookId(0);

/// A page of what is searched for.
pub(super) fn page(
    conn: &Connection,
    search: &DeliverySearch,
    page: PageRequest<DeliveryId>,
) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
    match of_webhooks(conn, search)? {
        Some(webhooks) => among(conn, &webhooks, &search.filter, page),
        None => everywhere(conn, &search.filter, page),
    }
}

/// The webhooks that the search names; `None` if it names none, so that all are meant.
fn of_webhooks(conn: &Connection, search: &DeliverySearch) -> Result<Option<Vec<WebhookId>>, StoreError> {
    let Some(property) = search.property else { return Ok(search.webhook.map(|it| vec![it])) };
    let mut webhooks =
        query::many(conn, sql::IDS_OF_PROPERTY, [property.get()], |row| Ok(WebhookId(row.get(0)?)))?;
    webhooks.retain(|it| search.webhook.is_none_or(|only| only == *it));
    Ok(Some(webhooks))
}

/// Walks over the deliveries of these webhooks side by side.
fn among(
    conn: &Connection,
    webhooks: &[WebhookId],
    filter: &DeliveryFilter,
    page: PageRequest<DeliveryId>,
) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
    let mut known = Vec::new();
    for webhook in webhooks {
        if let Some(lane) = known_lane(conn, *webhook)? {
            known.push((*webhook, lane, walk::Statements::prepare(conn)?));
        }
    }
    let mut walks = Vec::new();
    for (webhook, lane, statements) in &mut known {
        let before = page.after.map(|it| before(it, *webhook));
        let walk = Walk::start(conn, statements, *webhook, filter, before, lane.closing.is_some())?;
        walks.push((*webhook, &*lane, walk));
    }
    let mut gathering = Gathering::new(page.limit);
    while let Some((webhook, lane, walk)) = walks.iter_mut().max_by_key(|(id, _, walk)| (walk.peek(), *id))
        && let Some(event) = walk.next()?
    {
        let line = matching(conn, lane, *webhook, event, filter)?;
        if let Some(page) = gathering.add(DeliveryId { event, webhook: *webhook }, line) {
            return Ok(page);
        }
    }
    Ok(gathering.end())
}

/// The first event that does not belong on this webhook's part of the page after a delivery.
fn before(after: DeliveryId, webhook: WebhookId) -> EventId {
    if webhook < after.webhook { walk::newer(after.event) } else { after.event }
}

/// Walks over all events.
fn everywhere(
    conn: &Connection,
    filter: &DeliveryFilter,
    page: PageRequest<DeliveryId>,
) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
    let (from, until) = walk::range(filter, page.after.map(|it| walk::newer(it.event)));
    let mut statement = conn.prepare_cached(sql::EVENTS_BACK)?;
    let mut rows = statement.query(params![from.to_bytes(), until.to_bytes()])?;
    let mut lanes = Lanes { conn, known: HashMap::new() };
    let mut gathering = Gathering::new(page.limit);
    while let Some(row) = rows.next()? {
        let event = rows::event_id(row, 0)?;
        let first = page.after.filter(|it| it.event == event).map(|it| it.webhook);
        for webhook in wanted(row.get(1)?, first) {
            let line = match lanes.of(webhook)? {
                Some(lane) => matching(conn, lane, webhook, event, filter)?,
                None => None,
            };
            if let Some(page) = gathering.add(DeliveryId { event, webhook }, line) {
                return Ok(page);
            }
        }
        // An event without deliveries costs something too.
        if let Some(page) = gathering.add(DeliveryId { event, webhook: NOBODY }, None) {
            return Ok(page);
        }
    }
    Ok(gathering.end())
}

/// The webhooks for which the event was, newest first, from behind the given one on.
fn wanted(targets: Targets, after: Option<WebhookId>) -> Vec<WebhookId> {
    let meant = targets.0.into_iter().filter(|it| it.fate != TargetFate::Skip(Reason::Unsubscribed));
    let mut webhooks: Vec<WebhookId> = meant.map(|it| it.webhook).collect();
    webhooks.retain(|it| after.is_none_or(|after| *it < after));
    webhooks.sort_unstable_by_key(|it| Reverse(*it));
    webhooks
}

/// The lanes of webhooks that there are, each read once.
struct Lanes<'c> {
    conn: &'c Connection,
    known: HashMap<WebhookId, Option<Lane>>,
}

impl Lanes<'_> {
    fn of(&mut self, webhook: WebhookId) -> Result<Option<&Lane>, StoreError> {
        if !self.known.contains_key(&webhook) {
            self.known.insert(webhook, known_lane(self.conn, webhook)?);
        }
        Ok(self.known.get(&webhook).and_then(Option::as_ref))
    }
}

fn known_lane(conn: &Connection, webhook: WebhookId) -> Result<Option<Lane>, StoreError> {
    let known = query::one(conn, sql::OWNER, [webhook.0], |_| Ok(()))?;
    known.map(|()| lane(conn, webhook)).transpose()
}
