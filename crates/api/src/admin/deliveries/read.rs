//! `GET /admin/v1/deliveries/{id}`: one delivery with its attempts.

use axum::extract::{RawQuery, State};
use axum::response::Response;

use crate::admin::Administrator;
use crate::auth::ScopeName;
use crate::deliveries::{self, DeliveryView};
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Shared, answer};

pub(super) const OPERATION: Operation = Operation {
    summary: "Read any delivery",
    details: "One delivery with its attempts.",
    scopes: &[ScopeName::Admin],
    answers: &[Answer::json(200, "The delivery.", || Schema::of(&deliveries::WHOLE))],
    problems: &[Code::InvalidRequest],
    ..Operation::new(Verb::Get, "/admin/v1/deliveries/{delivery}", Tag::Administration, "adminGetDelivery")
};

pub(super) async fn read(
    State(api): State<Shared>,
    administrator: Administrator,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let id = path.any_delivery()?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let found = api.store().delivery(administrator.scope(), id.webhook, id.event).await?;
    let (line, attempts) = found.ok_or_else(|| Problem::no_such("delivery"))?;
    let line = deliveries::told_apart(&api, line);
    Ok(answer::ok(&DeliveryView::whole(&api.state.engine, &line, &attempts)))
}
