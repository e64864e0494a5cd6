//! `GET …/deliveries?status=&eventType=&bookingId=&since=&until=&limit=&cursor=`: newest first.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use stayhook_core::{BookingId, DeliveryId, EventType};
use stayhook_store::{DeliveryFilter, PageRequest};

use super::view::DeliveryView;
use super::{schema, turn};
use crate::answer::{self, PageView};
use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::fields::Wrong;
use crate::openapi::{Answer, Operation, Parameter, Schema, Tag, Verb, shapes};
use crate::path::Path;
use crate::query::{CURSOR, LIMIT, Query};
use crate::{Shared, cursor, times};

/// What `status` may ask for.
pub(super) const STATES: [&str; 7] =
    ["pending", "held", "delivering", "delivered", "cancelled", "expired", "skipped"];

pub(super) const OPERATION: Operation = Operation {
    summary: "List deliveries",
    details: "What became of events at a webhook, newest first.",
    scopes: &[ScopeName::WebhooksRead],
    query: &[
        Parameter { name: "status", description: "Only in this state.", schema: schema::state },
        Parameter { name: "eventType", description: "Only of this event type.", schema: shapes::event_type },
        Parameter {
            name: "bookingId",
            description: "Only of this booking; a number and its digits name the same one.",
            schema: || Schema::text_of(1, 64),
        },
        Parameter {
            name: "since",
            description: "Only of events accepted then or later.",
            schema: Schema::time,
        },
        Parameter { name: "until", description: "Only of events accepted before.", schema: Schema::time },
        LIMIT,
        CURSOR,
    ],
    answers: &[Answer::json(200, "A page of deliveries.", || Schema::of(&schema::PAGE))],
    ..Operation::new(Verb::Get, "/public/v1/webhooks/{webhook}/deliveries", Tag::Deliveries, "listDeliveries")
};

pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    let webhook = path.webhook()?;
    let mut query = Query::parse(OPERATION.query, query.as_deref());
    let filter = DeliveryFilter {
        state: query.take("status", state),
        kind: query.take("eventType", kind),
        booking: query.take("bookingId", booking),
        since: query.take("since", times::read),
        until: query.take("until", times::read),
    };
    let request = PageRequest {
        limit: query.limit(),
        after: query.take("cursor", |text| cursor::delivery(webhook, text)),
    };
    query.finish()?;
    let page = turn::deliveries(&api, caller.scope(), webhook, &filter, request).await?;
    let page = page.ok_or_else(|| Problem::no_such("webhook"))?;
    Ok(answer::ok(&PageView {
        data: page.rows.iter().map(DeliveryView::of).collect(),
        next_cursor: page.next.map(|event| cursor::after_delivery(DeliveryId { event, webhook })),
    }))
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
