//! Which properties may be served.

use rusqlite::{Connection, params};
use stayhook_core::PropertyId;

use super::{audit, query, rows, sql};
use crate::audit::Entry;
use crate::{Entitlement, Keyring, Order, Registered, StoreError};

/// Sets the entitlement, unless it is set so already; returns the property's webhooks.
pub(super) fn set(
    conn: &Connection,
    keyring: &Keyring,
    property: PropertyId,
    entitled: bool,
    order: &Order,
) -> Result<Vec<Registered>, StoreError> {
    let was = of(conn, property)?;
    if was.set != Some(entitled) {
        let row = params![property.get(), entitled, was.version + 1, order.at.0];
        query::run(conn, sql::SET_ENTITLEMENT, row)?;
        audit::write(conn, &Entry::entitlement(&order.by, order.at, property, was.set, entitled))?;
    }
    let webhooks =
        query::many(conn, sql::WEBHOOKS_OF_PROPERTY, params![i64::MAX, property.get()], rows::webhook)?;
    webhooks.into_iter().map(|it| it.open(keyring)).collect()
}

/// What was set for the property.
pub(super) fn of(conn: &Connection, property: PropertyId) -> Result<Entitlement, StoreError> {
    let set = query::one(conn, sql::ENTITLEMENT, [property.get()], |row| {
        Ok(Entitlement { set: Some(row.get(0)?), version: row.get(1)? })
    })?;
    Ok(set.unwrap_or_default())
}
