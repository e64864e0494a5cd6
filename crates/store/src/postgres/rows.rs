//! Rows are strangers: what is read becomes a domain type or [`StoreError::Corrupt`].

use std::fmt::Display;

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use stayhook_core::{
    BookingId, ClientId, Description, EventId, EventType, Ordering, PropertyId, Reason, Span, Status,
    Subscription, UnixMs, Webhook, WebhookId, WebhookOptions,
};
use uuid::Uuid;

use super::failure::Failure;
use crate::columns::{Name, StoredWebhook, parse_booking, parse_status};
use crate::targets::Targets;
use crate::{Entitlement, StoreError};

/// An event's id.
pub(super) fn event_id(row: &PgRow, at: usize) -> Result<EventId, Failure> {
    Ok(event_of(row.try_get(at)?))
}

/// An event's id from the database's type.
pub(super) fn event_of(id: Uuid) -> EventId {
    EventId::from_bytes(id.into_bytes())
}

/// A webhook's id.
pub(super) fn webhook_id(row: &PgRow, at: usize) -> Result<WebhookId, Failure> {
    Ok(WebhookId(row.try_get(at)?))
}

/// A point in time.
pub(super) fn at(row: &PgRow, at: usize) -> Result<UnixMs, Failure> {
    Ok(UnixMs(row.try_get(at)?))
}

/// A point in time, where there is one.
pub(super) fn moment(row: &PgRow, at: usize) -> Result<Option<UnixMs>, Failure> {
    Ok(row.try_get::<Option<i64>, _>(at)?.map(UnixMs))
}

/// A length of time.
pub(super) fn span(row: &PgRow, at: usize) -> Result<Span, Failure> {
    Ok(Span::millis(row.try_get::<i64, _>(at)?.max(0).unsigned_abs()))
}

/// A number of something.
pub(super) fn count(row: &PgRow, at: usize) -> Result<u32, Failure> {
    Ok(row.try_get::<i32, _>(at)?.max(0).unsigned_abs())
}

/// A large number of something.
pub(super) fn number(row: &PgRow, at: usize) -> Result<u64, Failure> {
    Ok(row.try_get::<i64, _>(at)?.max(0).unsigned_abs())
}

/// A number as the database's type.
pub(super) fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A bound as the database's type.
pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// A text.
pub(super) fn text(row: &PgRow, at: usize) -> Result<String, Failure> {
    Ok(row.try_get(at)?)
}

/// An event type.
pub(super) fn kind<K: Display>(row: &PgRow, at: usize, name: &Name<K>) -> Result<EventType, Failure> {
    Ok(name.valid("kind", EventType::parse(row.try_get(at)?).ok())?)
}

/// Bytes; none where there is NULL.
pub(super) fn bytes(row: &PgRow, at: usize) -> Result<Bytes, Failure> {
    let bytes: Option<&[u8]> = row.try_get(at)?;
    Ok(Bytes::copy_from_slice(bytes.unwrap_or_default()))
}

/// A booking, where there is one.
pub(super) fn booking<K: Display>(
    row: &PgRow,
    at: usize,
    name: &Name<K>,
) -> Result<Option<BookingId>, Failure> {
    let text: Option<&str> = row.try_get(at)?;
    Ok(text.map(|it| name.valid("booking", parse_booking(it))).transpose()?)
}

/// The fan-out of an event.
pub(super) fn targets(row: &PgRow, at: usize, event: EventId) -> Result<Targets, Failure> {
    Ok(Name("events", event).valid("targets", Targets::unpack(row.try_get(at)?))?)
}

/// Reads the columns of `sql::webhook_columns`, `sql::status_columns` and `sql::more_columns`.
pub(super) fn webhook(row: &PgRow) -> Result<StoredWebhook, Failure> {
    let id = webhook_id(row, 0)?;
    let name = Name("webhooks", id);
    let description: Option<&str> = row.try_get(5)?;
    let description = description.map(|it| name.valid("description", Description::parse(it).ok()));
    let patterns: Vec<String> = name.valid("events", serde_json::from_str(row.try_get(6)?).ok())?;
    let events = Subscription::parse(patterns.iter().map(String::as_str));
    let options = WebhookOptions {
        include_custom_parameters: row.try_get(7)?,
        skip_own: row.try_get(8)?,
        ordering: name.valid("ordering", Ordering::parse(row.try_get(9)?))?,
        profile: row.try_get(10)?,
        shadow_profile: row.try_get(11)?,
    };
    let webhook = Webhook {
        id,
        client: client(row, 1, &name)?,
        property: property(row, 2, &name)?,
        url: text(row, 3)?,
        events: name.valid("events", events.ok())?,
        description: description.transpose()?,
        status: status(row, 15, id)?,
        options,
        created_at: at(row, 13)?,
        updated_at: at(row, 14)?,
        version: row.try_get(20)?,
    };
    Ok(StoredWebhook {
        webhook,
        url_number: count(row, 4)?,
        sealed: row.try_get(12)?,
        sealed_next: row.try_get::<Option<_>, _>(21)?.zip(moment(row, 22)?),
        sealed_credentials: row.try_get(23)?,
        entitlement: Entitlement {
            set: row.try_get(24)?,
            version: row.try_get::<Option<_>, _>(25)?.unwrap_or_default(),
        },
    })
}

/// A client.
pub(super) fn client<K: Display>(row: &PgRow, at: usize, name: &Name<K>) -> Result<ClientId, Failure> {
    Ok(name.valid("client", ClientId::parse(row.try_get(at)?).ok())?)
}

/// A property.
pub(super) fn property<K: Display>(row: &PgRow, at: usize, name: &Name<K>) -> Result<PropertyId, Failure> {
    Ok(name.valid("property_id", PropertyId::new(row.try_get(at)?).ok())?)
}

/// Reads the columns of `sql::status_columns`.
pub(super) fn status(row: &PgRow, at: usize, webhook: WebhookId) -> Result<Status, Failure> {
    let run = moment(row, at + 3)?.zip(moment(row, at + 4)?);
    let (since, words) = (moment(row, at + 1)?, row.try_get(at + 2)?);
    Ok(parse_status(&Name("webhooks", webhook), row.try_get(at)?, since, words, run)?)
}

/// For what reason a lane is closing and since when, if it is: two columns of `lanes`.
pub(super) fn closing(
    row: &PgRow,
    at: usize,
    webhook: WebhookId,
) -> Result<Option<(Reason, UnixMs)>, Failure> {
    let Some(reason) = row.try_get::<Option<&str>, _>(at)? else { return Ok(None) };
    let name = Name("lanes", webhook);
    let since: Result<UnixMs, StoreError> = name.valid("closing_at", moment(row, at + 1)?);
    Ok(Some((name.valid("closing", Reason::parse(reason))?, since?)))
}
