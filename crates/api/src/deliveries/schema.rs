//! What the log looks like.

use crate::openapi::{Component, Schema, shapes};

/// What a delivery may come to.
pub(super) const STATES: [&str; 7] =
    ["pending", "held", "delivering", "delivered", "cancelled", "expired", "skipped"];

/// A row of the log.
pub(super) const DELIVERY: Component = Component { name: "Delivery", schema: delivery };
/// One delivery with its attempts.
pub(crate) const WHOLE: Component = Component { name: "DeliveryWithAttempts", schema: whole };
/// A page of the log.
pub(crate) const PAGE: Component =
    Component { name: "DeliveryPage", schema: || shapes::page(Schema::of(&DELIVERY)) };

const ATTEMPT: Component = Component { name: "Attempt", schema: attempt };

/// The states of a delivery.
pub(crate) fn state() -> Schema {
    Schema::one_of(STATES)
}

fn delivery() -> Schema {
    Schema::object()
        .required("id", shapes::delivery_id())
        .required("webhookId", shapes::webhook_id())
        .required("eventId", shapes::event_id())
        .required("eventType", shapes::event_type())
        .required("bookingId", shapes::booking_id().or_null())
        .required("status", state())
        .required("reason", shapes::reason())
        .required("attemptCount", Schema::count())
        .required("createdAt", time().says("When the event was accepted."))
        .required("nextAttemptAt", time().or_null())
        .required("completedAt", time().or_null())
}

fn whole() -> Schema {
    delivery().required("attempts", Schema::array(Schema::of(&ATTEMPT)).says("In order."))
}

fn attempt() -> Schema {
    Schema::object()
        .required("number", Schema::whole(1, i64::from(u32::MAX)))
        .required("startedAt", time())
        .required("durationMs", Schema::count())
        .required("url", Schema::text())
        .required(
            "status",
            Schema::whole(100, 999).or_null().says("The receiver's status, where it answered."),
        )
        .required("error", Schema::text().or_null().says("What went wrong, in words."))
        .required("responseBody", Schema::text().or_null().says("The first KiB of the receiver's answer."))
        .required("nextAttemptAt", time().or_null())
        .required(
            "requestHeaders",
            Schema::any_object().or_null().says(
                "The request's headers but for signatures; `null` where the engine lost the attempt and cannot tell.",
            ),
        )
}

fn time() -> Schema {
    Schema::time().example("2026-05-27T16:40:00.000Z")
}
