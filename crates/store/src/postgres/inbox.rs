//! Transactional enqueue: `stayhook.enqueue` writes what is to be delivered inside the
//! caller's transaction; a node collects it, composes the bodies, and accepts it.

use std::collections::HashSet;

use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use stayhook_core::{BookingId, EventId, Json, NewEvent, Span};
use uuid::Uuid;

use super::failure::Failure;
use super::rows::{self, limit};
use super::sql;
use crate::columns::Name;
use crate::{Collected, StoreError};

/// So long a node has to accept what it collected, before others may.
const TAKEN: Span = Span::seconds(10);
/// As deep as `enqueue` allows, where the innermost may be empty.
const DEPTH: usize = 65;

/// Reports an event within a transaction of the caller's own on the same database: it is
/// delivered once that is committed. Returns the event's id; for a key that was used before
/// with the same content the first one's.
///
/// # Errors
/// When the database refuses the event; the transaction can only be rolled back then.
pub async fn enqueue_in(conn: &mut PgConnection, event: &NewEvent) -> Result<EventId, StoreError> {
    let data = String::from_utf8_lossy(&event.data.to_stable_bytes()).into_owned();
    let statement =
        if matches!(event.booking, Some(BookingId::Text(_))) { sql::ENQUEUE_TEXT } else { sql::ENQUEUE };
    let query = sqlx::query_scalar(statement).bind(event.kind.as_str()).bind(event.property.get()).bind(data);
    let query = match &event.booking {
        Some(BookingId::Text(text)) => query.bind(text.clone()),
        Some(BookingId::Number(number)) => query.bind(*number),
        None => query.bind(None::<i64>),
    };
    let id: Result<String, sqlx::Error> = query
        .bind(event.idempotency_key.as_ref().map(|it| it.as_str().to_owned()))
        .bind(event.client.as_str())
        .bind(event.origin.as_ref().map(|it| it.as_str().to_owned()))
        .bind(event.created_at.map(|it| it.0))
        .fetch_one(conn)
        .await;
    let id = id.map_err(Failure::from)?;
    Name("inbox", &id).valid("event_id", EventId::parse(&id).ok())
}

/// Takes events for this node to accept, oldest first.
pub(super) async fn collect(conn: &mut PgConnection, most: usize) -> Result<Vec<Collected>, Failure> {
    let taken = i64::try_from(TAKEN.as_millis()).unwrap_or(i64::MAX);
    let found = sqlx::query(sql::COLLECT).bind(limit(most)).bind(taken).fetch_all(conn).await?;
    let mut collected = Vec::with_capacity(found.len());
    for row in &found {
        match read(row) {
            Ok(it) => collected.push(it),
            // It stays there, and does not keep the others from being delivered.
            Err(failure) => {
                tracing::error!(error = %StoreError::from(failure), "an enqueued event cannot be read");
            }
        }
    }
    collected.sort_by_key(|it| it.event);
    Ok(collected)
}

fn read(row: &PgRow) -> Result<Collected, Failure> {
    let event = rows::event_id(row, 0)?;
    let name = Name("inbox", event);
    let data = rows::text(row, 7)?;
    let origin: Option<String> = sqlx::Row::try_get(row, 6)?;
    let new = NewEvent {
        kind: rows::kind(row, 1, &name)?,
        property: rows::property(row, 2, &name)?,
        booking: rows::booking(row, 3, &name)?,
        created_at: rows::moment(row, 4)?,
        client: rows::client(row, 5, &name)?,
        origin: origin.map(|_| rows::client(row, 6, &name)).transpose()?,
        data: name.valid("data", Json::parse(data.as_bytes(), DEPTH).ok())?,
        raw: Some(data.into()),
        idempotency_key: None,
    };
    Ok(Collected { event, new })
}

/// Takes accepted events out, within the transaction that accepts them. Returns those that
/// were not there any more: another node was faster.
pub(super) async fn take(conn: &mut PgConnection, events: &[EventId]) -> Result<HashSet<EventId>, Failure> {
    let ids: Vec<Uuid> = events.iter().map(|it| it.as_uuid()).collect();
    let taken: Vec<Uuid> = sqlx::query_scalar(sql::TAKE).bind(ids).fetch_all(conn).await?;
    let taken: HashSet<EventId> = taken.into_iter().map(rows::event_of).collect();
    Ok(events.iter().copied().filter(|it| !taken.contains(it)).collect())
}
