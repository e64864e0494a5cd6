//! Making deliveries due again: one by one, or those that failed or were missed within a window.

use rusqlite::{Connection, params};
use stayhook_core::{DeliveryId, EventId, State, Status, UnixMs, Webhook, WebhookId};

use super::audit::{self, Tale};
use super::order::{self, Place};
use super::{log, query, rows, sql, walk, webhooks};
use crate::audit::Entry;
use crate::{Order, Recover, RequeueError, Scope, StoreError};

/// Makes one delivery due now, unless it is due already.
pub(super) fn retry(
    conn: &Connection,
    scope: &Scope,
    id: WebhookId,
    event: EventId,
    order: &Order,
) -> Result<(), RequeueError> {
    let webhook = find(conn, scope, id)?;
    if !walk::exists(conn, id, event)? {
        return Err(RequeueError::NotFound);
    }
    check_active(&webhook)?;
    let (state, _) = log::facts(conn, id, event)?.state(&log::lane(conn, id)?);
    match state {
        State::Delivering => return Err(RequeueError::UnderWay),
        State::Pending | State::Held => {
            query::run(conn, sql::DUE_BY, params![id.0, event.to_bytes(), order.at.0])?;
        }
        State::Delivered | State::Ended(_) => requeue(conn, &webhook, event, order.at)?,
    }
    query::run(conn, sql::LANE_DUE_BY, params![id.0, order.at.0])?;
    let delivery = DeliveryId { event, webhook: id };
    audit::write(conn, &Entry::retried(&order.by, order.at, &webhook, delivery, state))?;
    Ok(())
}

/// So many deliveries are looked at in one transaction.
pub(super) const BATCH: usize = 500;

/// Events after the given one of which a delivery of the webhook has ended, at least once,
/// without having been accepted: candidates, in order of acceptance.
pub(super) fn candidates(
    conn: &Connection,
    id: WebhookId,
    after: EventId,
    until: UnixMs,
) -> Result<Vec<EventId>, StoreError> {
    let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let range = params![id.0, after.to_bytes(), EventId::floor(until).to_bytes(), most];
    query::many(conn, sql::ENDED_KEYS, range, |row| rows::event_id(row, 0))
}

/// Requeues those of the candidates that are wanted as they stand now.
pub(super) fn recover(
    conn: &Connection,
    scope: &Scope,
    id: WebhookId,
    recover: &Recover,
    order: &Order,
    candidates: &[EventId],
    mut tale: Tale,
) -> Result<Tale, RequeueError> {
    let webhook = find(conn, scope, id)?;
    check_active(&webhook)?;
    let lane = log::lane(conn, id)?;
    let mut requeued = 0;
    for event in candidates {
        let (state, _) = log::facts(conn, id, *event)?.state(&lane);
        if recover.wants(state) {
            requeue(conn, &webhook, *event, order.at)?;
            requeued += 1;
        }
    }
    if requeued > 0 {
        query::run(conn, sql::LANE_DUE_BY, params![id.0, order.at.0])?;
    }
    tale.add(conn, requeued, |done| Entry::recovered(&order.by, order.at, &webhook, recover, done))?;
    Ok(tale)
}

/// Puts a delivery that has ended into `pending` once more. Its rows in `attempts` stay: the
/// next one has the number that follows them.
fn requeue(conn: &Connection, webhook: &Webhook, event: EventId, due: UnixMs) -> Result<(), StoreError> {
    query::run(conn, sql::REQUEUE, params![webhook.id.0, event.to_bytes(), due.0])?;
    let booking = query::one(conn, sql::BOOKING, [event.to_bytes()], |row| Ok(row.get(0)?))?;
    let booking: Option<String> = booking.flatten();
    let ordering = webhook.options.ordering;
    order::line_up(conn, ordering, webhook.id, event, booking.as_deref(), Place::ByAge)
}

fn find(conn: &Connection, scope: &Scope, id: WebhookId) -> Result<Webhook, RequeueError> {
    let found = webhooks::find(conn, scope, id)?;
    found.map(|it| it.webhook).ok_or(RequeueError::NotFound)
}

fn check_active(webhook: &Webhook) -> Result<(), RequeueError> {
    match &webhook.status {
        Status::Active { .. } => Ok(()),
        other => Err(RequeueError::NotActive(other.as_str())),
    }
}
