//! `GET /public/v1/webhooks?propertyId=&status=&limit=&cursor=`: the caller's webhooks,
//! newest first.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use stayhook_store::{PageRequest, StatusName, WebhookFilter};

use super::schema;
use super::view::WebhookView;
use crate::answer::{self, PageView};
use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::fields::Wrong;
use crate::openapi::{Answer, Operation, Parameter, Schema, Tag, Verb, shapes};
use crate::query::{CURSOR, LIMIT, Query, property};
use crate::{Shared, cursor};

pub(super) const OPERATION: Operation = Operation {
    summary: "List webhooks",
    details: "The caller's webhooks of the token's properties, newest first.",
    scopes: &[ScopeName::WebhooksRead],
    query: &[
        Parameter { name: "propertyId", description: "Only of this property.", schema: shapes::property_id },
        Parameter { name: "status", description: "Only in this state.", schema: schema::status },
        LIMIT,
        CURSOR,
    ],
    answers: &[Answer::json(200, "A page of webhooks.", || Schema::of(&schema::PAGE))],
    ..Operation::new(Verb::Get, "/public/v1/webhooks", Tag::Webhooks, "listWebhooks")
};

pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    let mut query = Query::parse(OPERATION.query, query.as_deref());
    let filter =
        WebhookFilter { property: query.take("propertyId", property), status: query.take("status", status) };
    let request = PageRequest { limit: query.limit(), after: query.take("cursor", cursor::webhook) };
    query.finish()?;
    let page = api.store().webhooks(caller.scope(), &filter, request).await?;
    Ok(answer::ok(&PageView {
        data: page.rows.iter().map(WebhookView::of).collect(),
        next_cursor: page.next.map(cursor::after_webhook),
    }))
}

/// A status to filter by.
pub(crate) fn status(text: &str) -> Result<StatusName, Wrong> {
    StatusName::parse(text).ok_or(Wrong::Borrowed("must be active, paused or disabled"))
}
