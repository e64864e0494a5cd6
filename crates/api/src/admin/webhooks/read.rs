//! `GET /admin/v1/webhooks/{id}`

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::view::{self, AdminWebhookView};
use crate::admin::Administrator;
use crate::auth::ScopeName;
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Header, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Shared, answer, etag};

pub(super) const OPERATION: Operation = Operation {
    summary: "Read a webhook of any client",
    scopes: &[ScopeName::Admin],
    headers: &[etag::IF_NONE_MATCH_PARAMETER],
    answers: &[
        Answer::json(200, "The webhook.", || Schema::of(&view::WEBHOOK)).with(&[Header::ETag]),
        Answer::empty(304, "It is still as `If-None-Match` says.").with(&[Header::ETag]),
    ],
    problems: &[Code::InvalidRequest],
    ..Operation::new(Verb::Get, "/admin/v1/webhooks/{webhook}", Tag::Administration, "adminGetWebhook")
};

pub(super) async fn read(
    State(api): State<Shared>,
    administrator: Administrator,
    path: Path,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let id = path.webhook()?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let webhook = api.store().webhook(administrator.scope(), id).await?;
    let webhook = webhook.ok_or_else(|| Problem::no_such("webhook"))?;
    let shown = || etag::tagged(answer::ok(&AdminWebhookView::of(&webhook)), &webhook);
    Ok(etag::not_modified(&headers, &webhook).unwrap_or_else(shown))
}
