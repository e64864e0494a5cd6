//! Deliveries and their attempts as the log shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use stayhook_core::{BookingId, DeliveryId, Fault, FaultClass, Reason, UnixMs};
use stayhook_engine::Engine;
use stayhook_store::{AttemptLine, DeliveryLine};

/// A delivery as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryView<'a> {
    id: String,
    webhook_id: i64,
    event_id: String,
    event_type: &'a str,
    booking_id: Option<BookingView<'a>>,
    status: &'static str,
    reason: Option<&'static str>,
    attempt_count: u32,
    created_at: String,
    next_attempt_at: Option<String>,
    completed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptView<'a>>>,
}

/// A booking's id in the form in which it was given.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum BookingView<'a> {
    Number(i64),
    Text(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptView<'a> {
    number: u32,
    started_at: String,
    duration_ms: u64,
    url: &'a str,
    status: Option<u16>,
    error: Option<String>,
    response_body: Option<String>,
    next_attempt_at: Option<String>,
    request_headers: Option<BTreeMap<String, String>>,
}

impl<'a> DeliveryView<'a> {
    /// The delivery as a row of the log.
    pub(crate) fn of(line: &'a DeliveryLine) -> Self {
        Self {
            id: DeliveryId { event: line.event, webhook: line.webhook }.to_string(),
            webhook_id: line.webhook.0,
            event_id: line.event.to_string(),
            event_type: line.kind.as_str(),
            booking_id: line.booking.as_ref().map(BookingView::of),
            status: line.state.as_str(),
            reason: line.state.reason().map(Reason::as_str),
            attempt_count: line.attempts,
            created_at: line.event.accepted_at().rfc3339_millis(),
            next_attempt_at: line.next_attempt_at.map(UnixMs::rfc3339_millis),
            completed_at: line.completed_at.map(UnixMs::rfc3339_millis),
            attempts: None,
        }
    }

    /// The delivery with its attempts.
    pub(crate) fn whole(engine: &Engine, line: &'a DeliveryLine, attempts: &'a [AttemptLine]) -> Self {
        Self {
            attempts: Some(attempts.iter().map(|it| AttemptView::of(engine, line, it)).collect()),
            ..Self::of(line)
        }
    }
}

impl<'a> AttemptView<'a> {
    fn of(engine: &Engine, delivery: &DeliveryLine, line: &'a AttemptLine) -> Self {
        let reply = &line.reply;
        Self {
            number: line.number,
            started_at: line.started_at.rfc3339_millis(),
            duration_ms: line.duration.as_millis(),
            url: &line.url,
            status: reply.status,
            error: reply.fault.as_ref().map(Fault::to_string),
            response_body: reply.status.map(|_| String::from_utf8_lossy(&reply.body).into_owned()),
            next_attempt_at: line.next_attempt_at.map(UnixMs::rfc3339_millis),
            request_headers: request_headers(engine, delivery, line),
        }
    }
}

/// The headers but for the signatures. Of an attempt that was lost nobody knows when it was
/// signed, or whether.
fn request_headers(
    engine: &Engine,
    delivery: &DeliveryLine,
    line: &AttemptLine,
) -> Option<BTreeMap<String, String>> {
    let lost = line.reply.fault.as_ref().is_some_and(|fault| fault.class == FaultClass::Interrupted);
    if lost { None } else { engine.request_headers(delivery, line) }
}

impl<'a> BookingView<'a> {
    /// The id as JSON.
    pub(crate) fn of(id: &'a BookingId) -> Self {
        match id {
            BookingId::Number(number) => Self::Number(*number),
            BookingId::Text(text) => Self::Text(text),
        }
    }
}
