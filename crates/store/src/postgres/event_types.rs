//! The catalogue of event types: what was added to it, and what the nodes know besides.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use stayhook_core::{EventKind, EventType};

use super::failure::Failure;
use super::{audit, registry, rows, sql};
use crate::Order;
use crate::audit::Entry;
use crate::columns::{parse_event_type, schema_text};

/// What `stayhook.enqueue` reads from `meta`: the most bytes of an event, as a decimal number.
const EVENT_BYTES: &str = "event_bytes";

/// Adds an event type, or changes the one of that name, and tells every node.
pub(super) async fn put(conn: &mut PgConnection, kind: &EventKind, order: &Order) -> Result<(), Failure> {
    sqlx::query(sql::LOCK_EVENT_TYPES).execute(&mut *conn).await?;
    let name = kind.name.as_str();
    let before = sqlx::query(sql::EVENT_TYPE).bind(name).fetch_optional(&mut *conn).await?;
    let before = before.as_ref().map(read).transpose()?;
    if before.as_ref().is_some_and(|it| same(it, kind)) {
        return Ok(());
    }
    sqlx::query(sql::PUT_EVENT_TYPE)
        .bind(name)
        .bind(&kind.label)
        .bind(&kind.description)
        .bind(schema_text(kind))
        .bind(order.at.0)
        .execute(&mut *conn)
        .await?;
    audit::write(conn, &Entry::event_type(&order.by, order.at, before.as_ref(), kind)).await?;
    registry::bump_event_types(conn).await
}

/// All that were added, by name.
pub(super) async fn all(conn: &mut PgConnection) -> Result<Vec<EventKind>, Failure> {
    sqlx::query(sql::EVENT_TYPES).fetch_all(conn).await?.iter().map(read).collect()
}

/// Says what `stayhook.enqueue` may accept. Types are only ever added: nodes of an older and a
/// newer version, or with other profiles, run side by side.
pub(super) async fn announce(
    conn: &mut PgConnection,
    types: &[EventType],
    event_bytes: usize,
) -> Result<(), Failure> {
    let names: Vec<&str> = types.iter().map(EventType::as_str).collect();
    sqlx::query(sql::ANNOUNCE_TYPES).bind(names).execute(&mut *conn).await?;
    let event_bytes = event_bytes.to_string();
    sqlx::query(sql::CHANGE_META).bind(EVENT_BYTES).bind(event_bytes.as_bytes()).execute(conn).await?;
    Ok(())
}

/// As they are stored: members of a schema may come in another order.
fn same(a: &EventKind, b: &EventKind) -> bool {
    a.label == b.label && a.description == b.description && schema_text(a) == schema_text(b)
}

fn read(row: &PgRow) -> Result<EventKind, Failure> {
    let (label, description) = (rows::text(row, 1)?, rows::text(row, 2)?);
    Ok(parse_event_type(row.try_get(0)?, label, description, row.try_get(3)?)?)
}
