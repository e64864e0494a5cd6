//! What other nodes change: webhooks, and how a node learns of it.

use sqlx::{PgConnection, Row as _};
use stayhook_core::WebhookId;

use super::failure::Failure;
use super::{rows, sql};
use crate::RegistryChanges;
use crate::columns::StoredWebhook;

/// Counts a change of this webhook, and tells every node of it once it is committed.
pub(super) async fn bump(conn: &mut PgConnection, webhook: WebhookId) -> Result<(), Failure> {
    sqlx::query(sql::BUMP).bind(webhook.0).execute(conn).await?;
    Ok(())
}

/// Counts a change of event types, and tells every node.
pub(super) async fn bump_event_types(conn: &mut PgConnection) -> Result<(), Failure> {
    bump(conn, EVENT_TYPES).await
}

/// In place of a webhook where event types changed.
const EVENT_TYPES: WebhookId = WebhookId(0);

/// What changed since that generation.
pub(super) async fn changes(conn: &mut PgConnection, since: i64) -> Result<RegistryChanges, Failure> {
    let row = sqlx::query(sql::GENERATION).fetch_one(&mut *conn).await?;
    let (generation, oldest): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    if since >= generation {
        return Ok(RegistryChanges { generation, event_types: false, changed: Some(Vec::new()) });
    }
    if since < 1 || oldest.is_none_or(|oldest| oldest > since + 1) {
        return Ok(RegistryChanges { generation, event_types: true, changed: None });
    }
    let ids: Vec<i64> =
        sqlx::query_scalar(sql::CHANGED_SINCE).bind(since).bind(generation).fetch_all(conn).await?;
    let changed = ids.into_iter().map(WebhookId);
    let (event_types, changed): (Vec<_>, Vec<_>) = changed.partition(|it| *it == EVENT_TYPES);
    Ok(RegistryChanges { generation, event_types: !event_types.is_empty(), changed: Some(changed) })
}

/// Forgets what changed so long ago that a node which missed it loads everything.
pub(super) async fn forget(conn: &mut PgConnection) -> Result<(), Failure> {
    sqlx::query(sql::FORGET_CHANGES).execute(conn).await?;
    Ok(())
}

/// Every webhook.
pub(super) async fn all(conn: &mut PgConnection) -> Result<Vec<StoredWebhook>, Failure> {
    sqlx::query(sql::ALL_WEBHOOKS).fetch_all(conn).await?.iter().map(rows::webhook).collect()
}

/// Those of these webhooks that there are.
pub(super) async fn these(conn: &mut PgConnection, ids: &[WebhookId]) -> Result<Vec<StoredWebhook>, Failure> {
    let ids: Vec<i64> = ids.iter().map(|it| it.0).collect();
    sqlx::query(sql::THESE_WEBHOOKS).bind(ids).fetch_all(conn).await?.iter().map(rows::webhook).collect()
}
