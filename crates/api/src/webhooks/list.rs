//! `GET /public/v1/webhooks?propertyId=&status=&limit=&cursor=`: the caller's webhooks,
//! newest first.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use stayhook_core::PropertyId;
use stayhook_store::{PageRequest, StatusName, WebhookFilter};

use super::view::WebhookView;
use crate::answer::{self, PageView};
use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::fields::Wrong;
use crate::query::{Query, whole};
use crate::{Shared, cursor};

pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.needs(&[ScopeName::WebhooksRead])?;
    let mut query = Query::parse(query.as_deref());
    let filter =
        WebhookFilter { property: query.take("propertyId", property), status: query.take("status", status) };
    let request = PageRequest { limit: query.limit(), after: query.take("cursor", cursor::webhook) };
    query.finish()?;
    let page = api.store().webhooks(caller.scope(), &filter, request).await?;
    let last = page.rows.last().filter(|_| page.more);
    Ok(answer::ok(&PageView {
        data: page.rows.iter().map(WebhookView::of).collect(),
        next_cursor: last.map(|webhook| cursor::after_webhook(webhook.id)),
    }))
}

fn property(text: &str) -> Result<PropertyId, Wrong> {
    PropertyId::new(whole(text).unwrap_or(0)).map_err(|error| error.to_string().into())
}

fn status(text: &str) -> Result<StatusName, Wrong> {
    StatusName::parse(text).ok_or(Wrong::Borrowed("must be active, paused or disabled"))
}
