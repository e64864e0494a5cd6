//! Rows are strangers: what is read becomes a domain type or [`StoreError::Corrupt`].

use std::fmt::Display;

use bytes::Bytes;
use rusqlite::Row;
use stayhook_core::{
    BookingId, ClientId, Description, EventId, EventType, Ordering, PropertyId, Reason, Span, Status,
    Subscription, UnixMs, Webhook, WebhookId, WebhookOptions,
};

use crate::columns::{Name, StoredWebhook, parse_booking, parse_status};
use crate::{Entitlement, StoreError};

/// An event's id.
pub(super) fn event_id(row: &Row<'_>, at: usize) -> Result<EventId, StoreError> {
    Ok(EventId::from_bytes(row.get(at)?))
}

/// A point in time, where there is one.
pub(super) fn moment(row: &Row<'_>, at: usize) -> Result<Option<UnixMs>, StoreError> {
    Ok(row.get::<_, Option<i64>>(at)?.map(UnixMs))
}

/// A length of time.
pub(super) fn span(row: &Row<'_>, at: usize) -> Result<Span, StoreError> {
    Ok(Span::millis(row.get::<_, i64>(at)?.max(0).unsigned_abs()))
}

/// An event type.
pub(super) fn kind<K: Display>(row: &Row<'_>, at: usize, name: &Name<K>) -> Result<EventType, StoreError> {
    name.valid("kind", EventType::parse(row.get_ref(at)?.as_str().unwrap_or_default()).ok())
}

/// Bytes, without a copy in between.
pub(super) fn bytes(row: &Row<'_>, at: usize) -> Result<Bytes, StoreError> {
    Ok(Bytes::copy_from_slice(
        row.get_ref(at)?.as_blob_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default(),
    ))
}

/// A booking, where there is one.
pub(super) fn booking<K: Display>(
    row: &Row<'_>,
    at: usize,
    name: &Name<K>,
) -> Result<Option<BookingId>, StoreError> {
    let Some(text) = row.get_ref(at)?.as_str_or_null().map_err(rusqlite::Error::from)? else {
        return Ok(None);
    };
    name.valid("booking", parse_booking(text)).map(Some)
}

/// Reads the columns of `sql::select_webhook`.
pub(super) fn webhook(row: &Row<'_>) -> Result<StoredWebhook, StoreError> {
    let id = WebhookId(row.get(0)?);
    let name = Name("webhooks", id);
    let text = |at: usize| -> Result<String, StoreError> { Ok(row.get(at)?) };
    let description: Option<String> = row.get(5)?;
    let description =
        description.map(|it| name.valid("description", Description::parse(&it).ok())).transpose()?;
    let patterns: Vec<String> = name.valid("events", serde_json::from_str(&text(6)?).ok())?;
    let events = Subscription::parse(patterns.iter().map(String::as_str));
    let options = WebhookOptions {
        include_custom_parameters: row.get(7)?,
        skip_own: row.get(8)?,
        ordering: ordering(row, 9, &name)?,
        profile: row.get(10)?,
        shadow_profile: row.get(11)?,
    };
    let webhook = Webhook {
        id,
        client: name.valid("client", ClientId::parse(&text(1)?).ok())?,
        property: name.valid("property_id", PropertyId::new(row.get(2)?).ok())?,
        url: row.get(3)?,
        events: name.valid("events", events.ok())?,
        description,
        status: status(row, 15, &name)?,
        options,
        created_at: UnixMs(row.get(13)?),
        updated_at: UnixMs(row.get(14)?),
        version: row.get(20)?,
    };
    let set = row.get::<_, Option<bool>>(24)?;
    let version = row.get::<_, Option<i64>>(25)?;
    Ok(StoredWebhook {
        webhook,
        url_number: row.get(4)?,
        sealed: row.get(12)?,
        sealed_next: row.get::<_, Option<Vec<u8>>>(21)?.zip(moment(row, 22)?),
        sealed_credentials: row.get(23)?,
        entitlement: Entitlement { set, version: version.unwrap_or(0) },
    })
}

/// The order of a webhook's events.
pub(super) fn ordering(row: &Row<'_>, at: usize, name: &Name<WebhookId>) -> Result<Ordering, StoreError> {
    name.valid("ordering", Ordering::parse(row.get_ref(at)?.as_str().unwrap_or_default()))
}

/// Reads the columns of [`super::sql::status_columns`].
pub(super) fn status(row: &Row<'_>, at: usize, name: &Name<WebhookId>) -> Result<Status, StoreError> {
    let run = moment(row, at + 3)?.zip(moment(row, at + 4)?);
    let status = row.get_ref(at)?.as_str().unwrap_or_default();
    parse_status(name, status, moment(row, at + 1)?, row.get(at + 2)?, run)
}

/// For what reason a lane is closing and since when, if it is: two columns of `lanes`.
pub(super) fn closing(
    row: &Row<'_>,
    at: usize,
    webhook: WebhookId,
) -> Result<Option<(Reason, UnixMs)>, StoreError> {
    let Some(reason) = row.get::<_, Option<String>>(at)? else { return Ok(None) };
    let name = Name("lanes", webhook);
    let reason = name.valid("closing", Reason::parse(&reason))?;
    Ok(Some((reason, name.valid("closing_at", moment(row, at + 1)?)?)))
}
