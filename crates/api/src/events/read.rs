//! `GET /internal/v1/events/{id}`: an event, and what became of it at every webhook that its
//! property had when it was accepted.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use stayhook_core::{DeliveryId, End, EventId, Reason, State as DeliveryState};
use stayhook_store::{EventLine, TargetLine};

use super::schema;
use crate::auth::{Internal, ScopeName};
use crate::deliveries::BookingView;
use crate::error::Problem;
use crate::openapi::{Answer, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::{Shared, answer};

pub(super) const OPERATION: Operation = Operation {
    summary: "Look an event up",
    details: "The event, and what became of it at each webhook that its property had when it was accepted.",
    scopes: &[ScopeName::EventsWrite],
    answers: &[Answer::json(200, "The event.", || Schema::of(&schema::EVENT))],
    ..Operation::new(Verb::Get, "/internal/v1/events/{event}", Tag::Events, "getEvent")
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventView<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'a str,
    property_id: i64,
    booking_id: Option<BookingView<'a>>,
    created_at: String,
    accepted_at: String,
    client_id: &'a str,
    deliveries: Vec<TargetView>,
}

/// The members mean what they mean in the delivery log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetView {
    /// None where the webhook had not subscribed: that is not in its log.
    id: Option<String>,
    webhook_id: i64,
    status: &'static str,
    reason: Option<&'static str>,
    attempt_count: u32,
}

pub(super) async fn read(
    State(api): State<Shared>,
    internal: Internal,
    path: Path,
) -> Result<Response, Problem> {
    let caller = internal.caller();
    caller.needs(OPERATION.scopes)?;
    let event = api.store().event(path.event()?).await?;
    let event = event.filter(|event| caller.may_touch(event.property));
    let event = event.ok_or_else(|| Problem::no_such("event"))?;
    Ok(answer::ok(&EventView::of(&event)))
}

impl<'a> EventView<'a> {
    fn of(event: &'a EventLine) -> Self {
        Self {
            id: event.id.to_string(),
            kind: event.kind.as_str(),
            property_id: event.property.get(),
            booking_id: event.booking.as_ref().map(BookingView::of),
            created_at: event.created_at.rfc3339_millis(),
            accepted_at: event.id.accepted_at().rfc3339_millis(),
            client_id: event.client.as_str(),
            deliveries: event.targets.iter().map(|target| TargetView::of(event.id, target)).collect(),
        }
    }
}

impl TargetView {
    fn of(event: EventId, target: &TargetLine) -> Self {
        let logged = target.state != DeliveryState::Ended(End::Skipped(Reason::Unsubscribed));
        Self {
            id: logged.then(|| DeliveryId { event, webhook: target.webhook }.to_string()),
            webhook_id: target.webhook.0,
            status: target.state.as_str(),
            reason: target.state.reason().map(Reason::as_str),
            attempt_count: target.attempts,
        }
    }
}
