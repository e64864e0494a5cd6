//! What deliveries can be searched by, in one webhook's log and over all of them.

use stayhook_core::{BookingId, EventType};
use stayhook_store::DeliveryFilter;

use super::schema::{self, STATES};
use crate::fields::Wrong;
use crate::openapi::{Parameter, Schema, shapes};
use crate::query::Query;
use crate::times;

pub(crate) const STATUS: Parameter =
    Parameter { name: "status", description: "Only in this state.", schema: schema::state };

pub(crate) const EVENT_TYPE: Parameter =
    Parameter { name: "eventType", description: "Only of this event type.", schema: shapes::event_type };

pub(crate) const BOOKING: Parameter = Parameter {
    name: "bookingId",
    description: "Only of this booking; a number and its digits name the same one.",
    schema: || Schema::text_of(1, 64),
};

pub(crate) const SINCE: Parameter =
    Parameter { name: "since", description: "Only of events accepted then or later.", schema: Schema::time };

pub(crate) const UNTIL: Parameter =
    Parameter { name: "until", description: "Only of events accepted before.", schema: Schema::time };

/// The filter that these parameters make.
pub(crate) fn filter(query: &mut Query) -> DeliveryFilter {
    DeliveryFilter {
        state: query.take("status", state),
        kind: query.take("eventType", kind),
        booking: query.take("bookingId", booking),
        since: query.take("since", times::read),
        until: query.take("until", times::read),
    }
}

fn state(text: &str) -> Result<String, Wrong> {
    if STATES.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("must be one of {}", STATES.join(", ")).into())
    }
}

fn kind(text: &str) -> Result<EventType, Wrong> {
    EventType::parse(text).map_err(|error| format!("is not an event type: {error}").into())
}

fn booking(text: &str) -> Result<String, Wrong> {
    BookingId::text(text).map(|id| id.key()).map_err(|error| error.to_string().into())
}
