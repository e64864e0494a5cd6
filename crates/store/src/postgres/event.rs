//! One event and what became of it.

use std::collections::HashSet;

use sqlx::PgConnection;
use stayhook_core::{End, EventId, Reason, State, WebhookId};

use super::failure::Failure;
use super::log::{facts, lanes};
use super::{rows, sql};
use crate::columns::Name;
use crate::{EventLine, Target, TargetFate, TargetLine};

/// The event, with the state of every webhook that its property had.
pub(super) async fn event(conn: &mut PgConnection, id: EventId) -> Result<Option<EventLine>, Failure> {
    let name = Name("events", id);
    let Some(row) = sqlx::query(sql::EVENT).bind(id.as_uuid()).fetch_optional(&mut *conn).await? else {
        return Ok(None);
    };
    let targets = rows::targets(&row, 5, id)?.0;
    Ok(Some(EventLine {
        id,
        kind: rows::kind(&row, 0, &name)?,
        booking: rows::booking(&row, 1, &name)?,
        property: rows::property(&row, 2, &name)?,
        created_at: rows::at(&row, 3)?,
        client: rows::client(&row, 4, &name)?,
        targets: states(conn, id, &targets).await?,
    }))
}

async fn states(
    conn: &mut PgConnection,
    id: EventId,
    targets: &[Target],
) -> Result<Vec<TargetLine>, Failure> {
    let webhooks: Vec<WebhookId> = targets.iter().map(|it| it.webhook).collect();
    let deliveries: Vec<_> = webhooks.iter().map(|webhook| (*webhook, id)).collect();
    let lanes = lanes(conn, &webhooks).await?;
    let facts = facts(conn, &deliveries).await?;
    let ids: Vec<i64> = webhooks.iter().map(|it| it.0).collect();
    let known: Vec<i64> = sqlx::query_scalar(sql::KNOWN_WEBHOOKS).bind(ids).fetch_all(conn).await?;
    let known: HashSet<WebhookId> = known.into_iter().map(WebhookId).collect();
    let lines = targets.iter().filter_map(|target| {
        let webhook = target.webhook;
        if target.fate == TargetFate::Skip(Reason::Unsubscribed) {
            let state = State::Ended(End::Skipped(Reason::Unsubscribed));
            return Some(TargetLine { webhook, state, attempts: 0 });
        }
        let facts = facts.get(&(webhook, id))?;
        let lane = lanes.get(&webhook).filter(|_| known.contains(&webhook));
        let state = lane.map_or_else(|| facts.state_of_deleted(), |lane| facts.state(lane).0);
        Some(TargetLine { webhook, state, attempts: facts.attempts })
    });
    Ok(lines.collect())
}
