//! Events that are too old, with all their records: whole days where the retention allows,
//! else row by row.

use sqlx::PgConnection;
use stayhook_core::{EventId, Reason, Span, WebhookId};
use uuid::Uuid;

use super::failure::Failure;
use super::rows::{self, limit};
use super::writes::keys;
use super::{days, sql};
use crate::{Sweep, TargetFate};

/// How old events go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// With their day, as soon as the whole of it is older than the retention: it costs next
    /// to nothing, however many they are, and leaves nothing to vacuum.
    Days,
    /// One by one.
    Rows,
}

/// From so much time between the end of the retention and pruning on, whole days are dropped.
/// [`Sweep::prune`] is the middle of the time that pruning may take, which is a day at least
/// then: no event is kept longer than promised.
const DAYS_FROM: Span = Span::hours(12);

impl Rule {
    /// The rule for a sweep.
    pub(super) fn of(sweep: &Sweep) -> Self {
        let grace = sweep.prune.as_millis().saturating_sub(sweep.keep.as_millis());
        if grace >= DAYS_FROM.as_millis() { Self::Days } else { Self::Rows }
    }
}

/// Drops the oldest day, if all of it is too old. Returns how many events that were.
pub(super) async fn prune_day(conn: &mut PgConnection, sweep: &Sweep) -> Result<u64, Failure> {
    let kept_from = match Rule::of(sweep) {
        Rule::Days => sweep.now.before(sweep.keep),
        Rule::Rows => sweep.now.before(sweep.prune),
    };
    let existing = days::existing(conn).await?;
    let Some(day) = existing.into_iter().next().filter(|day| days::end_of(*day) <= kept_from) else {
        return Ok(0);
    };
    let bound = EventId::floor(days::end_of(day)).as_uuid();
    let waiting: Option<Uuid> = sqlx::query_scalar(sql::OLDEST_WAITING).fetch_optional(&mut *conn).await?;
    let keys = sqlx::query(sql::OLD_KEYS).bind(bound).bind(limit(sweep.batch)).execute(&mut *conn).await?;
    if waiting.is_some_and(|oldest| oldest < bound) || keys.rows_affected() >= sweep.batch as u64 {
        // What waits expires first, and keys go in batches: the day follows with a later sweep.
        return Ok(0);
    }
    sqlx::query(sql::OLD_LEASES).bind(bound).execute(&mut *conn).await?;
    sqlx::query(sql::OLD_HANDOFFS).bind(bound).execute(&mut *conn).await?;
    sqlx::query(sql::LOCK_SCHEMA).execute(&mut *conn).await?;
    if !days::existing(conn).await?.contains(&day) {
        return Ok(0);
    }
    sqlx::query(sql::BE_BRIEF).execute(&mut *conn).await?;
    let dropped: i64 = sqlx::query_scalar(sql::DROP_DAY).bind(day).fetch_one(conn).await?;
    Ok(dropped.max(0).unsigned_abs())
}

/// Deletes a batch of events that are too old, where that is not left to [`prune_day`].
pub(super) async fn prune_rows(conn: &mut PgConnection, sweep: &Sweep) -> Result<u64, Failure> {
    if Rule::of(sweep) == Rule::Days {
        return Ok(0);
    }
    let kept_from = EventId::floor(sweep.now.before(sweep.prune)).as_uuid();
    let mut events: Vec<Uuid> = Vec::new();
    let mut deliveries = Vec::new();
    for row in
        sqlx::query(sql::OLD_EVENTS).bind(kept_from).bind(limit(sweep.batch)).fetch_all(&mut *conn).await?
    {
        let event = rows::event_id(&row, 0)?;
        let targets = rows::targets(&row, 1, event)?.0.into_iter();
        let wanted = targets.filter(|it| it.fate != TargetFate::Skip(Reason::Unsubscribed));
        deliveries.extend(wanted.map(|it| (it.webhook, event)));
        events.push(event.as_uuid());
    }
    if !events.is_empty() {
        delete(conn, &events, deliveries).await?;
    }
    sqlx::query(sql::OLD_HANDOFFS).bind(kept_from).execute(conn).await?;
    Ok(events.len() as u64)
}

async fn delete(
    conn: &mut PgConnection,
    events: &[Uuid],
    deliveries: Vec<(WebhookId, EventId)>,
) -> Result<(), Failure> {
    let (webhooks, of_events) = keys(deliveries.into_iter());
    // First, so that whoever is just requeueing a delivery of one of them is waited for.
    sqlx::query(sql::DELETE_EVENTS).bind(events).execute(&mut *conn).await?;
    sqlx::query(sql::DELETE_ATTEMPTS).bind(&webhooks).bind(&of_events).execute(&mut *conn).await?;
    sqlx::query(sql::FORGET).bind(&webhooks).bind(&of_events).execute(&mut *conn).await?;
    for statement in [sql::DELETE_BODIES, sql::DELETE_KEYS] {
        sqlx::query(statement).bind(events).execute(&mut *conn).await?;
    }
    Ok(())
}
