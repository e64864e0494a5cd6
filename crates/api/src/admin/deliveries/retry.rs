//! `POST /admin/v1/deliveries/{id}/retry`: sends any delivery once more.

use axum::extract::{RawQuery, State};
use axum::response::Response;

use crate::admin::Administrator;
use crate::auth::ScopeName;
use crate::deliveries::Requeued;
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Shared, answer};

pub(super) const OPERATION: Operation = Operation {
    summary: "Retry any delivery",
    details: "Makes a delivery due now, however it ended; one that waits comes forward. The same event id and bytes.",
    scopes: &[ScopeName::Admin],
    answers: &[Answer::json(202, "It is due.", Schema::object)],
    problems: &[Code::InvalidState, Code::InvalidRequest],
    ..Operation::new(
        Verb::Post,
        "/admin/v1/deliveries/{delivery}/retry",
        Tag::Administration,
        "adminRetryDelivery",
    )
};

pub(super) async fn retry(
    State(api): State<Shared>,
    administrator: Administrator,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let id = path.any_delivery()?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let (scope, by) = (administrator.scope(), administrator.by());
    let retried = api.state.engine.retry(scope, id.webhook, id.event, by).await;
    retried.map_err(|error| Problem::not_requeued(error, "delivery"))?;
    Ok(answer::accepted(&Requeued {}))
}
