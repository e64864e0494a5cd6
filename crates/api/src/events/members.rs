//! An event as an internal service writes it, and the receipt that it gets.

use axum::body::Bytes;
use serde::Serialize;
use stayhook_core::{
    BookingId, Catalogue, ClientId, EventType, IdError, IdempotencyKey, Json, NewEvent, UnixMs,
};
use stayhook_engine::Enqueued;

use super::split;
use crate::auth::Caller;
use crate::error::{Problem, Subject};
use crate::fields::{Fields, Wrong, must_be, property, text};
use crate::{Api, times};

/// What was accepted.
#[derive(Serialize)]
pub(super) struct ReceiptView {
    id: String,
    duplicate: bool,
    deliveries: u32,
}

impl ReceiptView {
    /// Whether the event had been accepted before.
    pub(super) fn is_duplicate(&self) -> bool {
        self.duplicate
    }
}

/// What the engine's result for one event means to its producer.
pub(super) fn receipt(result: Option<Enqueued>) -> Result<ReceiptView, Problem> {
    let (id, duplicate, deliveries) = match result {
        Some(Enqueued::New { id, deliveries }) => (id, false, deliveries),
        Some(Enqueued::Duplicate { id, deliveries }) => (id, true, deliveries),
        Some(Enqueued::Conflict) => return Err(Problem::idempotency_conflict()),
        None => return Err(Problem::internal("the engine gave no result for an event".to_owned())),
    };
    Ok(ReceiptView { id: id.to_string(), duplicate, deliveries })
}

/// Reads the event that stands at the pointer `at` of a body: its text, and the same, parsed.
/// `key` is what the header `Idempotency-Key` says.
pub(super) async fn read(
    api: &Api,
    caller: &Caller,
    (text, json): (&Bytes, Json),
    at: String,
    key: Option<IdempotencyKey>,
) -> Result<NewEvent, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let catalogue = api.state.engine.catalogue();
    let mut fields = Fields::of(json, at.clone()).map_err(invalid)?;
    let kind = fields.required("type", |json| kind(&catalogue, json));
    let property = fields.required("propertyId", property);
    let data = fields.required("data", object);
    let booking = fields.optional("bookingId", booking);
    let created_at = fields.optional("createdAt", time);
    let idempotency_key = agreed_key(&mut fields, key);
    let origin = fields.optional("originClientId", client);
    let wrong = fields.finish();
    let (Some(kind), Some(property), Some(data), true) = (kind, property, data, wrong.is_empty()) else {
        return Err(invalid(wrong));
    };
    if !caller.may_touch(property) {
        return Err(Problem::no_such("property"));
    }
    api.validators.check(&catalogue, &kind, &data, &format!("{at}/data")).await?;
    let client = caller.client().clone();
    let raw = split::data(text);
    Ok(NewEvent { client, kind, property, booking, data, raw, created_at, idempotency_key, origin })
}

/// The key of member and header, which must be the same where both are given.
fn agreed_key(fields: &mut Fields, header: Option<IdempotencyKey>) -> Option<IdempotencyKey> {
    let member = fields.optional("idempotencyKey", |json| {
        IdempotencyKey::parse(&text(json)?).map_err(|error| error.to_string().into())
    });
    if header.is_some() && member.is_some() && header != member {
        fields.refuse("idempotencyKey", "differs from the header Idempotency-Key: send one of them");
    }
    member.or(header)
}

fn kind(catalogue: &Catalogue, json: Json) -> Result<EventType, Wrong> {
    let kind = EventType::parse(&text(json)?).map_err(|error| Wrong::from(error.to_string()))?;
    if catalogue.knows(&kind) {
        Ok(kind)
    } else {
        Err(Wrong::Borrowed("is not a known event type: GET /public/v1/event-types lists them"))
    }
}

fn object(json: Json) -> Result<Json, Wrong> {
    if matches!(json, Json::Object(_)) { Ok(json) } else { Err(must_be("an object", &json)) }
}

fn booking(json: Json) -> Result<BookingId, Wrong> {
    let id = match json {
        Json::Text(text) => BookingId::text(&text),
        Json::Number(_) => json.as_i64().ok_or(IdError::Booking).and_then(BookingId::number),
        _ => Err(IdError::Booking),
    };
    id.map_err(|error| error.to_string().into())
}

fn time(json: Json) -> Result<UnixMs, Wrong> {
    times::read(&text(json)?)
}

fn client(json: Json) -> Result<ClientId, Wrong> {
    ClientId::parse(&text(json)?).map_err(|error| error.to_string().into())
}
