//! Event types that were added while the program runs.

use rusqlite::{Connection, Row, params};
use stayhook_core::EventKind;

use super::{audit, query, sql};
use crate::audit::Entry;
use crate::columns::{parse_event_type, schema_text};
use crate::{Order, StoreError};

/// Adds a type in place of one of the same name, unless it is there already.
pub(super) fn put(conn: &Connection, kind: &EventKind, order: &Order) -> Result<(), StoreError> {
    let was = query::one(conn, sql::EVENT_TYPE, [kind.name.as_str()], read)?;
    if was.as_ref() == Some(kind) {
        return Ok(());
    }
    let row = params![kind.name.as_str(), kind.label, kind.description, schema_text(kind), order.at.0];
    query::run(conn, sql::PUT_EVENT_TYPE, row)?;
    audit::write(conn, &Entry::event_type(&order.by, order.at, was.as_ref(), kind))?;
    Ok(())
}

/// Every type that was added, by name.
pub(super) fn all(conn: &Connection) -> Result<Vec<EventKind>, StoreError> {
    query::many(conn, sql::EVENT_TYPES, [], read)
}

fn read(row: &Row<'_>) -> Result<EventKind, StoreError> {
    let schema: Option<String> = row.get(3)?;
    parse_event_type(&row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, schema.as_deref())
}
