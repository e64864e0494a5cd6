//! Values as both databases store them. What is read becomes a domain type or
//! [`StoreError::Corrupt`].

use std::fmt::Display;

use serde_json::Value;
use stayhook_core::{
    BookingId, Credentials, DisabledReason, End, EventKind, EventType, Failing, JSON_DEPTH_LIMIT, Json,
    NextSecret, PropertyId, Reason, Secrets, SigningSecret, State, Status, UnixMs, Webhook, WebhookId,
};
use zeroize::Zeroizing;

use crate::seal::{Keyring, Purpose, Unopened};
use crate::{Entitlement, PropertyScope, Registered, StoreError};

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

/// A booking as it is stored: JSON, so that `9001` and `"9001"` stay apart.
pub(crate) fn booking_text(booking: &BookingId) -> String {
    match booking {
        BookingId::Number(number) => number.to_string(),
        BookingId::Text(text) => Value::from(text.as_str()).to_string(),
    }
}

/// A booking from its stored form.
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

/// A status from its columns in `webhooks`, and the run of failures from those in `lanes`.
pub(crate) fn parse_status(
    name: &Name<WebhookId>,
    status: &str,
    since: Option<UnixMs>,
    words: Option<String>,
    run: Option<(UnixMs, UnixMs)>,
) -> Result<Status, StoreError> {
    match status {
        "active" => Ok(Status::Active { failing: run.map(|(since, last)| Failing { since, last }) }),
        "paused" => Ok(Status::Paused { since: name.valid("status_since", since)? }),
        "disabled" => {
            let reason = words.map_or(DisabledReason::Failing, DisabledReason::Admin);
            Ok(Status::Disabled { at: name.valid("status_since", since)?, reason })
        }
        _ => Err(name.corrupt("status")),
    }
}

/// A status in the columns of `webhooks`: name, since when, an administrator's words.
pub(crate) fn status_columns(status: &Status) -> (&'static str, Option<i64>, Option<&str>) {
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
    Value::from_iter(texts).to_string()
}

/// What stands for every property.
const ALL: &str = "all";

/// Properties as JSON: "all" or their numbers.
pub(crate) fn properties_text(properties: &PropertyScope) -> String {
    match properties {
        PropertyScope::All => Value::from(ALL).to_string(),
        PropertyScope::Only(list) => Value::from_iter(list.iter().map(|it| it.get())).to_string(),
    }
}

/// Properties from their stored form.
pub(crate) fn parse_properties(text: &str) -> Option<PropertyScope> {
    match serde_json::from_str(text).ok()? {
        Value::String(all) if all == ALL => Some(PropertyScope::All),
        Value::Array(list) => {
            let properties = list.iter().map(|it| PropertyId::new(it.as_i64()?).ok());
            let mut properties: Vec<PropertyId> = properties.collect::<Option<_>>()?;
            properties.sort_unstable();
            Some(PropertyScope::Only(properties))
        }
        _ => None,
    }
}

/// A webhook as it is stored; its secrets still sealed.
pub(crate) struct StoredWebhook {
    pub(crate) webhook: Webhook,
    pub(crate) url_number: u32,
    pub(crate) sealed: Vec<u8>,
    /// The secret that a rotation brought, and when it takes the place of the other one.
    pub(crate) sealed_next: Option<(Vec<u8>, UnixMs)>,
    pub(crate) sealed_credentials: Option<Vec<u8>>,
    pub(crate) entitlement: Entitlement,
}

impl StoredWebhook {
    /// Opens the secrets.
    pub(crate) fn open(self, keyring: &Keyring) -> Result<Registered, StoreError> {
        let id = self.webhook.id;
        let current = open_secret(keyring, id, "secret", &self.sealed)?;
        let next = self.sealed_next.map(|(sealed, from)| {
            Ok::<_, StoreError>(NextSecret {
                secret: open_secret(keyring, id, "next_secret", &sealed)?,
                from,
            })
        });
        let credentials = self.sealed_credentials.map(|sealed| open_credentials(keyring, id, &sealed));
        Ok(Registered {
            webhook: self.webhook,
            secrets: Secrets { current, next: next.transpose()? },
            credentials: credentials.transpose()?,
            entitlement: self.entitlement,
            url_number: self.url_number,
        })
    }

    /// The kind of the credentials for the audit log; `None` where there are none, or where they
    /// do not open: nobody is kept from replacing or deleting them.
    pub(crate) fn credentials_kind(&self, keyring: &Keyring) -> Option<&'static str> {
        let sealed = self.sealed_credentials.as_deref()?;
        open_credentials(keyring, self.webhook.id, sealed).ok().map(|it| it.kind())
    }
}

/// Seals a value of a webhook.
pub(crate) fn seal(
    keyring: &Keyring,
    webhook: WebhookId,
    purpose: Purpose,
    plain: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let sealed = keyring.seal(webhook, purpose, plain);
    sealed.ok_or_else(|| StoreError::Unavailable("the system has no randomness".to_owned()))
}

/// Seals a webhook's signing secret.
pub(crate) fn seal_secret(
    keyring: &Keyring,
    webhook: WebhookId,
    secret: &SigningSecret,
) -> Result<Vec<u8>, StoreError> {
    seal(keyring, webhook, Purpose::SigningSecret, secret.expose().as_bytes())
}

/// Seals a webhook's credentials.
pub(crate) fn seal_credentials(
    keyring: &Keyring,
    webhook: WebhookId,
    credentials: &Credentials,
) -> Result<Vec<u8>, StoreError> {
    seal(keyring, webhook, Purpose::Credentials, &credentials.expose_bytes())
}

/// Seals anew what was read from this column of `webhooks`; `None` if that is not needed.
pub(crate) fn reseal(
    keyring: &Keyring,
    webhook: WebhookId,
    purpose: Purpose,
    column: &'static str,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    if keyring.is_current(sealed) {
        return Ok(None);
    }
    let plain = open(keyring, webhook, purpose, column, sealed)?;
    seal(keyring, webhook, purpose, &plain).map(Some)
}

fn open_secret(
    keyring: &Keyring,
    webhook: WebhookId,
    column: &'static str,
    sealed: &[u8],
) -> Result<SigningSecret, StoreError> {
    let opened = open(keyring, webhook, Purpose::SigningSecret, column, sealed)?;
    let secret = std::str::from_utf8(&opened).ok().and_then(|text| SigningSecret::parse(text).ok());
    Name("webhooks", webhook).valid(column, secret)
}

fn open_credentials(keyring: &Keyring, webhook: WebhookId, sealed: &[u8]) -> Result<Credentials, StoreError> {
    let opened = open(keyring, webhook, Purpose::Credentials, "credentials", sealed)?;
    Name("webhooks", webhook).valid("credentials", Credentials::from_bytes(&opened))
}

fn open(
    keyring: &Keyring,
    webhook: WebhookId,
    purpose: Purpose,
    column: &'static str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    keyring.open(webhook, purpose, sealed).map_err(|error| match error {
        Unopened::OtherKey => StoreError::WrongKey,
        Unopened::Damaged => Name("webhooks", webhook).corrupt(column),
    })
}

/// A JSON Schema as it is stored.
pub(crate) fn schema_text(kind: &EventKind) -> Option<String> {
    kind.schema.as_ref().and_then(|it| String::from_utf8(it.to_stable_bytes()).ok())
}

/// An event type from its columns in `event_types`.
pub(crate) fn parse_event_type(
    name: &str,
    label: String,
    description: String,
    schema: Option<&str>,
) -> Result<EventKind, StoreError> {
    let row = Name("event_types", name);
    let schema = schema.map(|it| row.valid("schema", Json::parse(it.as_bytes(), JSON_DEPTH_LIMIT).ok()));
    let kind = row.valid("name", EventType::parse(name).ok())?;
    Ok(EventKind { name: kind, label, description, schema: schema.transpose()? })
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

    #[test]
    fn properties_read_back() {
        let only =
            |list: &[i64]| PropertyScope::Only(list.iter().map(|it| PropertyId::new(*it).unwrap()).collect());
        for scope in [PropertyScope::All, only(&[]), only(&[101, 102])] {
            assert_eq!(parse_properties(&properties_text(&scope)), Some(scope));
        }
        for wrong in ["", "none", "\"none\"", "[0]", "[\"101\"]", "{}"] {
            assert_eq!(parse_properties(wrong), None, "{wrong}");
        }
    }
}
