//! `GET /admin/v1/webhooks?clientId=&propertyId=&status=&limit=&cursor=`: newest first.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use stayhook_store::{PageRequest, Scope, WebhookFilter};

use super::view::{self, AdminWebhookView};
use crate::admin::Administrator;
use crate::answer::{self, PageView};
use crate::auth::ScopeName;
use crate::error::Problem;
use crate::openapi::{Answer, Operation, Parameter, Schema, Tag, Verb, shapes};
use crate::query::{CURSOR, LIMIT, Query, client, property};
use crate::{Shared, cursor, webhooks};

pub(super) const OPERATION: Operation = Operation {
    summary: "List webhooks of all clients",
    details: "Newest first.",
    scopes: &[ScopeName::Admin],
    query: &[
        Parameter { name: "clientId", description: "Only of this client.", schema: shapes::client_id },
        Parameter { name: "propertyId", description: "Only of this property.", schema: shapes::property_id },
        Parameter { name: "status", description: "Only in this state.", schema: webhooks::status },
        LIMIT,
        CURSOR,
    ],
    answers: &[Answer::json(200, "A page of webhooks.", || Schema::of(&view::PAGE))],
    ..Operation::new(Verb::Get, "/admin/v1/webhooks", Tag::Administration, "adminListWebhooks")
};

pub(super) async fn list(
    State(api): State<Shared>,
    administrator: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let mut query = Query::parse(OPERATION.query, query.as_deref());
    let scope = Scope { client: query.take("clientId", client), ..administrator.scope().clone() };
    let filter = WebhookFilter {
        property: query.take("propertyId", property),
        status: query.take("status", webhooks::read_status),
    };
    let request = PageRequest { limit: query.limit(), after: query.take("cursor", cursor::webhook) };
    query.finish()?;
    let page = api.store().webhooks(&scope, &filter, request).await?;
    Ok(answer::ok(&PageView {
        data: page.rows.iter().map(AdminWebhookView::of).collect(),
        next_cursor: page.next.map(cursor::after_webhook),
    }))
}
