//! Rows are strangers: what is read becomes a domain type or [`StoreError::Corrupt`].

use std::fmt::Display;

use bytes::Bytes;
use rusqlite::Row;
use stayhook_core::{
    BookingId, ClientId, Description, DisabledReason, End, EventId, EventType, Failing, Ordering, PropertyId,
    Reason, Span, State, Status, Subscription, UnixMs, Webhook, WebhookId, WebhookOptions,
};

use crate::StoreError;

/// What a row is called when a value in it is not valid.
#[derive(Clone, Copy)]
pub(crate) struct Name<K>(pub(crate) &'static str, pub(crate) K);

impl<K: Display> Name<K> {
    /// The value, or that this column does not hold one.
    pub(crate) fn valid<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(column))
    }

    /// This column does not hold what the schema promises.
    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt { table: self.0, column, row: self.1.to_string() }
    }
}

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

/// A booking as it is stored: JSON, so that `9001` and `"9001"` stay apart.
pub(crate) fn booking_text(booking: &BookingId) -> String {
    match booking {
        BookingId::Number(number) => number.to_string(),
        BookingId::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
    }
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

pub(crate) fn parse_booking(text: &str) -> Option<BookingId> {
    if text.starts_with('"') {
        BookingId::text(&serde_json::from_str::<String>(text).ok()?).ok()
    } else {
        BookingId::number(text.parse().ok()?).ok()
    }
}

/// How a delivery ended, as its two columns say it: state and reason.
pub(crate) fn final_columns(state: State) -> (&'static str, Option<&'static str>) {
    (state.as_str(), state.reason().map(Reason::as_str))
}

/// How a delivery ended; `None` where the columns contradict each other.
pub(crate) fn parse_final(state: &str, reason: Option<&str>) -> Option<State> {
    let reason = match reason {
        None => return (state == State::Delivered.as_str()).then_some(State::Delivered),
        Some(reason) => Reason::parse(reason)?,
    };
    [End::Cancelled(reason), End::Expired(reason), End::Skipped(reason)]
        .into_iter()
        .map(State::Ended)
        .find(|it| it.as_str() == state)
}

/// A webhook as it is stored; the secret still sealed.
pub(crate) struct StoredWebhook {
    pub(crate) webhook: Webhook,
    pub(crate) url_number: u32,
    pub(crate) sealed: Vec<u8>,
}

/// Reads the columns of [`super::sql::webhook_columns`].
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
        ordering: name.valid("ordering", Ordering::parse(&text(9)?))?,
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
    Ok(StoredWebhook { webhook, url_number: row.get(4)?, sealed: row.get(12)? })
}

/// Reads the columns of [`super::sql::status_columns`].
pub(super) fn status(row: &Row<'_>, at: usize, name: &Name<WebhookId>) -> Result<Status, StoreError> {
    let since = moment(row, at + 1)?;
    Ok(match row.get_ref(at)?.as_str().unwrap_or_default() {
        "active" => {
            let run = moment(row, at + 3)?.zip(moment(row, at + 4)?);
            Status::Active { failing: run.map(|(since, last)| Failing { since, last }) }
        }
        "paused" => Status::Paused { since: name.valid("status_since", since)? },
        "disabled" => {
            let words: Option<String> = row.get(at + 2)?;
            let reason = words.map_or(DisabledReason::Failing, DisabledReason::Admin);
            Status::Disabled { at: name.valid("status_since", since)?, reason }
        }
        _ => return Err(name.corrupt("status")),
    })
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

/// A status in the columns of `webhooks`: name, since when, an administrator's words.
pub(crate) fn status_columns_of(status: &Status) -> (&'static str, Option<i64>, Option<&str>) {
    let (since, words) = match status {
        Status::Active { .. } => (None, None),
        Status::Paused { since } => (Some(since.0), None),
        Status::Disabled { at, reason: DisabledReason::Failing } => (Some(at.0), None),
        Status::Disabled { at, reason: DisabledReason::Admin(words) } => (Some(at.0), Some(words.as_str())),
    };
    (status.as_str(), since, words)
}

/// A list of texts as JSON.
pub(crate) fn list_text<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(texts).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_booking_keeps_its_type() {
        for booking in [BookingId::Number(9001), BookingId::Text("9001".to_owned())] {
            assert_eq!(parse_booking(&booking_text(&booking)), Some(booking));
        }
    }

    #[test]
    fn every_end_reads_back() {
        for reason in Reason::ALL {
            for end in [End::Cancelled(reason), End::Expired(reason), End::Skipped(reason)] {
                let (state, reason) = final_columns(State::Ended(end));
                assert_eq!(parse_final(state, reason), Some(State::Ended(end)));
            }
        }
        assert_eq!(parse_final("delivered", None), Some(State::Delivered));
        assert_eq!(parse_final("delivered", Some("retention")), None);
        assert_eq!(parse_final("cancelled", None), None);
        assert_eq!(parse_final("pending", Some("retention")), None);
    }

    proptest! {
        #[test]
        fn bookings_read_back(text in "\\PC{1,64}") {
            let booking = BookingId::Text(text);
            prop_assert_eq!(parse_booking(&booking_text(&booking)), Some(booking));
        }

        #[test]
        fn reading_bookings_never_panics(text in ".{0,80}") {
            let _ = parse_booking(&text);
        }
    }
}
