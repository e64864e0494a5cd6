//! What an event looks like when it is reported, and when it is looked up.

use stayhook_core::IdempotencyKey;

use super::batch::MOST_EVENTS;
use crate::deliveries;
use crate::error::PROBLEM;
use crate::openapi::{Component, Schema, shapes};

/// An event as it is reported.
pub(super) const NEW: Component = Component { name: "NewEvent", schema: new };
/// What was accepted.
pub(super) const RECEIPT: Component = Component { name: "Receipt", schema: receipt };
/// Many events.
pub(super) const BATCH: Component = Component { name: "NewEvents", schema: batch };
/// What became of each.
pub(super) const RESULTS: Component = Component { name: "Receipts", schema: results };
/// An event and its fate.
pub(super) const EVENT: Component = Component { name: "Event", schema: event };

const TARGET: Component = Component { name: "EventDelivery", schema: target };

/// A producer's own name for a report.
pub(super) fn idempotency_key() -> Schema {
    Schema::text_of(1, IdempotencyKey::MOST)
}

fn new() -> Schema {
    let key = "Makes a repeated report harmless: the same key and content is the same event, as long as that is kept.";
    Schema::object()
        .required("type", shapes::event_type())
        .required("propertyId", shapes::property_id())
        .required("data", shapes::data())
        .optional("bookingId", shapes::booking_id().or_null())
        .optional(
            "createdAt",
            Schema::time().or_null().says("When it happened; the moment of acceptance unless given."),
        )
        .optional("idempotencyKey", idempotency_key().or_null().says(key))
        .optional(
            "originClientId",
            shapes::client_id()
                .or_null()
                .says("Whose action caused it: webhooks of that client may skip it."),
        )
}

fn receipt() -> Schema {
    Schema::object()
        .required("id", shapes::event_id())
        .required("duplicate", Schema::boolean().says("Whether it had been accepted before."))
        .required("deliveries", Schema::count().says("How many deliveries will be sent or held."))
}

fn batch() -> Schema {
    let events = Schema::array(Schema::of(&NEW)).with("minItems", 1).with("maxItems", MOST_EVENTS as i64);
    Schema::object().required("events", events)
}

fn results() -> Schema {
    let refused = Schema::object().required("error", Schema::of(&PROBLEM));
    let results = Schema::array(Schema::any_of([Schema::of(&RECEIPT), refused]));
    Schema::object().required("results", results.says("One for each event, in order."))
}

fn event() -> Schema {
    let time = || Schema::time().example("2026-05-27T16:40:00.000Z");
    Schema::object()
        .required("id", shapes::event_id())
        .required("type", shapes::event_type())
        .required("propertyId", shapes::property_id())
        .required("bookingId", shapes::booking_id().or_null())
        .required("createdAt", time())
        .required("acceptedAt", time())
        .required("clientId", shapes::client_id().says("Who reported it."))
        .required("deliveries", Schema::array(Schema::of(&TARGET)))
}

fn target() -> Schema {
    Schema::object()
        .required(
            "id",
            shapes::delivery_id().or_null().says("`null` where the webhook had not subscribed to the type."),
        )
        .required("webhookId", shapes::webhook_id())
        .required("status", deliveries::state())
        .required("reason", shapes::reason())
        .required("attemptCount", Schema::count())
}
