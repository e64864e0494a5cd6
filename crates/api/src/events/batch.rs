//! `POST /internal/v1/events/batch`: reports many events at once. Each is accepted or
//! refused by itself; what is accepted is durable when the answer comes.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use stayhook_core::{JSON_DEPTH_LIMIT, Json, NewEvent};

use super::enqueue::IDEMPOTENCY_KEY;
use super::members::{self, ReceiptView};
use super::schema;
use crate::auth::{Caller, Reporter, ScopeName};
use crate::error::{Problem, ProblemView, Subject};
use crate::fields::{Fields, must_be};
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
/// A batch stands two levels above its events, which may be as deep as those that come alone.
const DEPTH: usize = JSON_DEPTH_LIMIT + 2;

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
    reporter: Reporter,
    request: Request,
) -> Result<Response, Problem> {
    let caller = reporter.caller();
    caller.needs(OPERATION.scopes)?;
    if request.headers().contains_key(IDEMPOTENCY_KEY) {
        let detail =
            "belongs to one event: leave the header Idempotency-Key out, give each event its own member";
        return Err(Problem::invalid_field(Subject::Request, "/idempotencyKey", detail));
    }
    let most_bytes = api.state.limits.event_bytes.saturating_mul(MOST_EVENTS).min(MOST_BYTES);
    let items = items(body::json(request, most_bytes, DEPTH).await?)?;
    reporter.reports(&api, items.len())?;
    let results = accept(&api, read(&api, caller, items)).await?;
    let results = results.iter().map(|result| match result {
        Ok(receipt) => ResultView::Accepted(receipt),
        Err(problem) => ResultView::Refused { error: problem.view() },
    });
    Ok(answer::accepted(&ResultsView { results: results.collect() }))
}

/// The events of a batch, not yet read.
fn items(json: Json) -> Result<Vec<Json>, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let items = fields.required("events", |json| match json {
        Json::Array(items) if (1..=MOST_EVENTS).contains(&items.len()) => Ok(items),
        Json::Array(items) => Err(format!("must hold 1 to {MOST_EVENTS} events, not {}", items.len()).into()),
        other => Err(must_be("an array of events", &other)),
    });
    let wrong = fields.finish();
    items.filter(|_| wrong.is_empty()).ok_or_else(|| invalid(wrong))
}

/// Reads each event by itself. One is measured as compact JSON, since its own bytes are no
/// longer there.
fn read(api: &Api, caller: &Caller, items: Vec<Json>) -> Vec<Result<NewEvent, Problem>> {
    let limit = api.state.limits.event_bytes;
    let read_one = |(at, item): (usize, Json)| {
        if item.to_stable_bytes().len() > limit {
            return Err(Problem::too_large("an event", limit));
        }
        members::read(api, caller, item, format!("/events/{at}"), None)
    };
    items.into_iter().enumerate().map(read_one).collect()
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
