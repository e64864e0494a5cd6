//! `POST /internal/v1/events/batch`: reports many events at once. Each is accepted or
//! refused by itself; what is accepted is durable when the answer comes.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use stayhook_core::{JSON_DEPTH_LIMIT, Json, NewEvent};

use super::enqueue::IDEMPOTENCY_KEY;
use super::members::{self, ReceiptView};
use super::{schema, split};
use crate::auth::{Caller, Internal, ScopeName};
use crate::error::{Problem, ProblemView, Subject};
use crate::openapi::{Answer, Body, Operation, Schema, Tag, Verb};
use crate::{Api, Shared, answer, body};

pub(super) const OPERATION: Operation = Operation {
    summary: "Report many events",
    details: "Each is accepted or refused by itself. The header `Idempotency-Key` is refused: each event has its \
        own member.",
    scopes: &[ScopeName::EventsWrite],
    body: Some(Body { schema: || Schema::of(&schema::BATCH), subject: Subject::Request }),
    answers: &[Answer::json(202, "What became of each; what was accepted is durable.", || {
        Schema::of(&schema::RESULTS)
    })],
    ..Operation::new(Verb::Post, "/internal/v1/events/batch", Tag::Events, "reportEvents")
};

/// The most events of a batch.
pub(super) const MOST_EVENTS: usize = 1_000;
/// The most bytes of a batch: what a caller can make this process hold at once.
const MOST_BYTES: usize = 16 * 1024 * 1024;

#[derive(Serialize)]
struct ResultsView<'a> {
    results: Vec<ResultView<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ResultView<'a> {
    Accepted(&'a ReceiptView),
    Refused { error: ProblemView<'a> },
}

pub(super) async fn batch(
    State(api): State<Shared>,
    internal: Internal,
    request: Request,
) -> Result<Response, Problem> {
    let caller = internal.caller();
    caller.needs(OPERATION.scopes)?;
    if request.headers().contains_key(IDEMPOTENCY_KEY) {
        let detail =
            "belongs to one event: leave the header Idempotency-Key out, give each event its own member";
        return Err(Problem::invalid_field(Subject::Request, "/idempotencyKey", detail));
    }
    let most_bytes = api.state.limits.event_bytes.saturating_mul(MOST_EVENTS).min(MOST_BYTES);
    let body = body::large(request, most_bytes, &api.room).await?;
    let items = split::items(&body.bytes)?;
    internal.reports(&api, items.len())?;
    let mut read = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        read.push(
            read_one(&api, caller, &body.bytes.slice_ref(item.as_bytes()), format!("/events/{at}")).await,
        );
    }
    let results = accept(&api, read).await?;
    let results = results.iter().map(|result| match result {
        Ok(receipt) => ResultView::Accepted(receipt),
        Err(problem) => ResultView::Refused { error: problem.view() },
    });
    Ok(answer::accepted(&ResultsView { results: results.collect() }))
}

/// Reads the event that stands at the pointer `at`, by its own bytes: what is wrong with it spoils
/// no other.
async fn read_one(api: &Api, caller: &Caller, item: &Bytes, at: String) -> Result<NewEvent, Problem> {
    let limit = api.state.limits.event_bytes;
    if item.len() > limit {
        return Err(Problem::too_large("an event", limit));
    }
    let json = Json::parse(item, JSON_DEPTH_LIMIT)
        .map_err(|error| Problem::unreadable(format!("the event at {at}: {error}")))?;
    members::read(api, caller, (item, json), at, None).await
}

/// Accepts what could be read, all of it in one call, and puts the results in order.
async fn accept(
    api: &Api,
    read: Vec<Result<NewEvent, Problem>>,
) -> Result<Vec<Result<ReceiptView, Problem>>, Problem> {
    let mut events = Vec::with_capacity(read.len());
    let refused: Vec<_> = read.into_iter().map(|one| one.map(|event| events.push(event))).collect();
    let accepted = if events.is_empty() { Vec::new() } else { api.state.engine.enqueue(events).await? };
    let mut accepted = accepted.into_iter();
    Ok(refused.into_iter().map(|one| one.and_then(|()| members::receipt(accepted.next()))).collect())
}
