//! `GET /public/v1/event-types`: what a webhook may subscribe to.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;

use super::view::{EVENT_TYPE, KindView};
use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Operation, Routes, Schema, Tag, Verb};
use crate::query::Query;
use crate::{Shared, answer};

const OPERATION: Operation = Operation {
    summary: "List event types",
    scopes: &[ScopeName::WebhooksRead],
    answers: &[Answer::json(200, "Every known type, by name.", || {
        Schema::object().required("data", Schema::array(Schema::of(&EVENT_TYPE)))
    })],
    problems: &[Code::InvalidRequest],
    ..Operation::new(Verb::Get, "/public/v1/event-types", Tag::EventTypes, "listEventTypes")
};

pub(crate) fn routes() -> Routes {
    Routes::new().add(&OPERATION, list)
}

#[derive(Serialize)]
struct CatalogueView<'a> {
    data: Vec<KindView<'a>>,
}

async fn list(
    State(api): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let catalogue = api.state.engine.catalogue();
    Ok(answer::ok(&CatalogueView { data: catalogue.iter().map(KindView::of).collect() }))
}
