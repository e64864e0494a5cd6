//! `GET /public/v1/event-types`: what a webhook may subscribe to.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use serde_json::value::RawValue;
use stayhook_core::EventKind;

use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::query::Query;
use crate::{Shared, answer};

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/public/v1/event-types", get(list))
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
    caller.needs(&[ScopeName::WebhooksRead])?;
    Query::parse(query.as_deref()).finish()?;
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
