//! The shapes of what several endpoints speak of.

use stayhook_core::{EVENT_TYPE_MAX, JSON_DEPTH_LIMIT, MAX_SAFE_INTEGER, Reason};

use super::Schema;

const EVENT_TYPE_EXAMPLE: &str = "booking.created";

/// A property's id.
pub(crate) fn property_id() -> Schema {
    Schema::whole(1, MAX_SAFE_INTEGER).example(101)
}

/// A webhook's id.
pub(crate) fn webhook_id() -> Schema {
    Schema::whole(0, MAX_SAFE_INTEGER).example(801)
}

/// An event's id.
pub(crate) fn event_id() -> Schema {
    Schema::text().with("pattern", "^evt_[A-Za-z0-9_-]{22}$").example("evt_AZ5p7yQAeACAAAAAAAAAAA")
}

/// A delivery's id.
pub(crate) fn delivery_id() -> Schema {
    Schema::text().with("pattern", "^dlv_[A-Za-z0-9_-]{32}$").example("dlv_AZ5p7yQAeACAAAAAAAAAAAAAAAAAAAMh")
}

/// A booking's id.
pub(crate) fn booking_id() -> Schema {
    let number = Schema::whole(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER).example(9_001);
    Schema::any_of([number, Schema::text_of(1, 64)])
}

/// An event type.
pub(crate) fn event_type() -> Schema {
    Schema::text_of(1, EVENT_TYPE_MAX)
        .with("pattern", r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$")
        .example(EVENT_TYPE_EXAMPLE)
}

/// An event type, or all those of a resource.
pub(crate) fn event_pattern() -> Schema {
    Schema::text().with("pattern", r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?$").example(EVENT_TYPE_EXAMPLE)
}

/// A client's id.
pub(crate) fn client_id() -> Schema {
    Schema::text_of(1, 200).example("pms")
}

/// An object that belongs to others.
pub(crate) fn data() -> Schema {
    Schema::any_object().says(format!(
        "The details: an object, at most {JSON_DEPTH_LIMIT} levels deep with what surrounds it."
    ))
}

/// Why a delivery ended without success.
pub(crate) fn reason() -> Schema {
    Schema::one_of(Reason::ALL.map(Reason::as_str))
        .or_null()
        .says("Why it ended, where it was not delivered.")
}

/// A page of such rows.
pub(crate) fn page(rows: Schema) -> Schema {
    Schema::object().required("data", Schema::array(rows).says("Newest first.")).required(
        "nextCursor",
        Schema::text().or_null().says("Where the next page starts; `null` after the last row."),
    )
}
