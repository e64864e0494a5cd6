//! Which properties may be served.

use sqlx::{PgConnection, Row as _};
use stayhook_core::PropertyId;

use super::failure::Failure;
use super::{audit, registry, rows, sql};
use crate::audit::Entry;
use crate::columns::StoredWebhook;
use crate::{Entitlement, Order};

/// What is known about the property.
pub(super) async fn of(conn: &mut PgConnection, property: PropertyId) -> Result<Entitlement, Failure> {
    let row = sqlx::query(sql::ENTITLEMENT).bind(property.get()).fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(Entitlement::default()) };
    Ok(Entitlement { set: Some(row.try_get(0)?), version: row.try_get(1)? })
}

/// Says whether the property may be served; returns its webhooks. Nobody registers one
/// meanwhile, so that none keeps an old copy.
pub(super) async fn set(
    conn: &mut PgConnection,
    property: PropertyId,
    entitled: bool,
    order: &Order,
) -> Result<Vec<StoredWebhook>, Failure> {
    sqlx::query(sql::LOCK_PROPERTY).bind(property.get()).execute(&mut *conn).await?;
    let before = of(conn, property).await?.set;
    let changes = before != Some(entitled);
    if changes {
        let set = sqlx::query(sql::SET_ENTITLEMENT).bind(property.get()).bind(entitled);
        set.bind(order.at.0).execute(&mut *conn).await?;
        let entry = Entry::entitlement(&order.by, order.at, property, before, entitled);
        audit::write(conn, &entry).await?;
    }
    let found = sqlx::query(sql::ALL_OF_PROPERTY).bind(property.get()).fetch_all(&mut *conn).await?;
    let found: Vec<StoredWebhook> = found.iter().map(rows::webhook).collect::<Result<_, _>>()?;
    for it in found.iter().filter(|_| changes) {
        registry::bump(conn, it.webhook.id).await?;
    }
    Ok(found)
}
