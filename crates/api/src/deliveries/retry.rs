//! `POST …/deliveries/{deliveryId}/retry`: one more attempt at once, and those that may follow.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;

use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::webhooks::by_caller;
use crate::{Shared, answer};

pub(super) const OPERATION: Operation = Operation {
    summary: "Retry a delivery",
    details: "Requeues a delivery that has ended, delivered ones too, or brings forward one that waits: same event id, \
        same bytes. The webhook must be active.",
    scopes: &[ScopeName::WebhooksWrite],
    answers: &[Answer::json(202, "It is on its way.", Schema::object)],
    problems: &[Code::InvalidState, Code::InvalidRequest],
    ..Operation::new(
        Verb::Post,
        "/public/v1/webhooks/{webhook}/deliveries/{delivery}/retry",
        Tag::Deliveries,
        "retryDelivery",
    )
};

/// Nothing more is to be said.
#[derive(Serialize)]
pub(crate) struct Requeued {}

pub(super) async fn retry(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let webhook = path.webhook()?;
    let event = path.delivery(webhook)?;
    let retried = api.state.engine.retry(caller.scope(), webhook, event, by_caller(&caller)).await;
    retried.map_err(|error| Problem::not_requeued(error, "delivery"))?;
    Ok(answer::accepted(&Requeued {}))
}
