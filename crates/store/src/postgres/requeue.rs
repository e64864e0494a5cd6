//! Making deliveries due that have ended: one, or all of a window of time. The webhook's lane
//! is locked meanwhile.

use sqlx::{PgConnection, Row as _};
use stayhook_core::{DeliveryId, EventId, Reason, State, Status, UnixMs, Webhook, WebhookId};
use uuid::Uuid;

use super::clock::Shift;
use super::failure::Failure;
use super::lanes::Lanes;
use super::rows::{self, limit};
use super::{audit, log, sql, webhooks};
use crate::audit::Entry;
use crate::{Order, Recover, RequeueError, Scope, TargetFate};

/// So many deliveries are requeued in one transaction.
const AT_ONCE: usize = 500;
/// So many are looked at for that: most were accepted.
const LOOKED_AT: usize = 10 * AT_ONCE;

/// Makes one delivery due now, unless it is being attempted.
pub(super) async fn retry(
    conn: &mut PgConnection,
    shift: Shift,
    scope: &Scope,
    id: WebhookId,
    event: EventId,
    order: &Order,
) -> Result<Result<(), RequeueError>, Failure> {
    Lanes::lock(conn, shift, [id]).await?;
    let Some(stored) = webhooks::find(conn, scope, id).await? else {
        return Ok(Err(RequeueError::NotFound));
    };
    let Some(found) = find(conn, id, event).await? else { return Ok(Err(RequeueError::NotFound)) };
    if let Err(error) = active(&stored.webhook) {
        return Ok(Err(error));
    }
    if found.state == State::Delivering {
        return Ok(Err(RequeueError::UnderWay));
    }
    sqlx::query(sql::REQUEUE)
        .bind(id.0)
        .bind(event.as_uuid())
        .bind(shift.there(order.at))
        .bind(found.rows)
        .bind(found.booking)
        .execute(&mut *conn)
        .await?;
    wake(conn, shift, id, order.at).await?;
    let delivery = DeliveryId { event, webhook: id };
    audit::write(conn, &Entry::retried(&order.by, order.at, &stored.webhook, delivery, found.state)).await?;
    Ok(Ok(()))
}

/// A delivery that the log shows.
struct Found {
    state: State,
    /// Attempts and ends without one that are written: the next one is numbered after them.
    rows: i32,
    booking: Option<String>,
}

/// What waits is read before what ended: a conclusion that is just being written shows as being
/// under way. The event stays as long as the transaction lasts.
async fn find(conn: &mut PgConnection, id: WebhookId, event: EventId) -> Result<Option<Found>, Failure> {
    let row = sqlx::query(sql::KEEP_EVENT).bind(event.as_uuid()).fetch_optional(&mut *conn).await?;
    let Some(row) = row else { return Ok(None) };
    let shown = |fate| fate != TargetFate::Skip(Reason::Unsubscribed);
    let targets = rows::targets(&row, 0, event)?;
    if !targets.0.iter().any(|it| it.webhook == id && shown(it.fate)) {
        return Ok(None);
    }
    let lane = log::lanes(conn, &[id]).await?.remove(&id).unwrap_or_default();
    let Some(facts) = log::facts(conn, &[(id, event)]).await?.remove(&(id, event)) else { return Ok(None) };
    let rows = sqlx::query_scalar(sql::LAST_ATTEMPT).bind(id.0).bind(event.as_uuid());
    let rows = rows.fetch_one(conn).await?;
    Ok(Some(Found { state: facts.state(&lane).0, rows, booking: row.try_get(1)? }))
}

fn active(webhook: &Webhook) -> Result<(), RequeueError> {
    match webhook.status {
        Status::Active { .. } => Ok(()),
        Status::Paused { .. } | Status::Disabled { .. } => {
            Err(RequeueError::NotActive(webhook.status.as_str()))
        }
    }
}

async fn wake(conn: &mut PgConnection, shift: Shift, id: WebhookId, at: UnixMs) -> Result<(), Failure> {
    sqlx::query(sql::LANES_DUE_BY).bind([id.0]).bind([shift.there(at)]).execute(&mut *conn).await?;
    sqlx::query(sql::RING_DUE).execute(conn).await?;
    Ok(())
}

/// How far a recovery has come.
#[derive(Clone, Copy)]
pub(super) struct Recovery {
    from: EventId,
    /// So many deliveries were requeued.
    pub(super) requeued: u64,
    line: Option<i64>,
    pub(super) done: bool,
}

impl Recovery {
    /// Before the first step.
    pub(super) fn start(recover: Recover) -> Self {
        Self { from: EventId::floor(recover.since), requeued: 0, line: None, done: false }
    }

    /// Goes on with the next deliveries in order of acceptance.
    pub(super) async fn step(
        mut self,
        conn: &mut PgConnection,
        shift: Shift,
        scope: &Scope,
        id: WebhookId,
        recover: &Recover,
        order: &Order,
    ) -> Result<Result<Self, RequeueError>, Failure> {
        Lanes::lock(conn, shift, [id]).await?;
        let Some(stored) = webhooks::find(conn, scope, id).await? else {
            return Ok(Err(RequeueError::NotFound));
        };
        if let Err(error) = active(&stored.webhook) {
            return Ok(Err(error));
        }
        let requeued = self.requeue(conn, id, recover, shift.there(order.at)).await?;
        if requeued > 0 {
            self.requeued += requeued;
            wake(conn, shift, id, order.at).await?;
            let entry = Entry::recovered(&order.by, order.at, &stored.webhook, recover, self.requeued);
            self.line = Some(audit::write_or_extend(conn, self.line, &entry).await?);
        }
        Ok(Ok(self))
    }

    async fn requeue(
        &mut self,
        conn: &mut PgConnection,
        id: WebhookId,
        recover: &Recover,
        due: i64,
    ) -> Result<u64, Failure> {
        let row = sqlx::query(sql::RECOVER)
            .bind(id.0)
            .bind(self.from.as_uuid())
            .bind(EventId::floor(recover.until).as_uuid())
            .bind(limit(AT_ONCE))
            .bind(due)
            .bind(recover.failed)
            .bind(recover.missed)
            .bind(limit(LOOKED_AT))
            .fetch_one(conn)
            .await?;
        match row.try_get::<Option<Uuid>, _>(1)? {
            Some(last) => self.from = rows::event_of(Uuid::from_u128(last.as_u128().saturating_add(1))),
            None => self.done = true,
        }
        rows::number(&row, 0)
    }
}
