//! `GET /public/v1/event-types`: what a webhook may subscribe to.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use stayhook_core::EventKind;

use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Component, Operation, Routes, Schema, Tag, Verb, shapes};
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

const EVENT_TYPE: Component = Component { name: "EventType", schema: event_type };

fn event_type() -> Schema {
    Schema::object()
        .required("name", shapes::event_type())
        .required("label", Schema::text().says("A short name in words."))
        .required("description", Schema::text().says("When it happens."))
        .optional("schema", Schema::any_object().says("A JSON Schema of `data`, where one is known."))
}

pub(crate) fn routes() -> Routes {
    Routes::new().add(&OPERATION, list)
}

#[derive(Serialize)]
struct Catalogue<'a> {
    data: Vec<KindView<'a>>,
}

#[derive(Serialize)]
struct KindView<'a> {
    name: &'a str,
    label: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Box<RawValue>>,
}

async fn list(
    State(api): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let data = api.state.catalogue.iter().map(view).collect();
    Ok(answer::ok(&Catalogue { data }))
}

fn view(kind: &EventKind) -> KindView<'_> {
    let schema = kind.schema.as_ref().and_then(|schema| {
        let text = String::from_utf8(schema.to_stable_bytes()).ok()?;
        RawValue::from_string(text).ok()
    });
    KindView { name: kind.name.as_str(), label: &kind.label, description: &kind.description, schema }
}
