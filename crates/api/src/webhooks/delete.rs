//! `DELETE /public/v1/webhooks/{id}`: what waits is cancelled, the secret wiped, the slot free.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Operation, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Shared, answer, etag};

pub(super) const OPERATION: Operation = Operation {
    summary: "Delete a webhook",
    details: "What waits is cancelled, the secret is wiped, and the property's slot is free at once.",
    scopes: &[ScopeName::WebhooksWrite],
    headers: &[etag::IF_MATCH_PARAMETER],
    answers: &[Answer::empty(204, "It is gone.")],
    problems: &[Code::PreconditionFailed, Code::InvalidRequest],
    ..Operation::new(Verb::Delete, "/public/v1/webhooks/{webhook}", Tag::Webhooks, "deleteWebhook")
};

pub(super) async fn delete(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let id = path.webhook()?;
    let by = super::by(&caller, &headers);
    api.state.engine.delete_webhook(caller.scope(), id, by).await?;
    Ok(answer::no_content())
}
