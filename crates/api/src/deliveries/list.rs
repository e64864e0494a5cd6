//! `GET …/deliveries?status=&eventType=&bookingId=&since=&until=&limit=&cursor=`: newest first.

use axum::extract::{Request, State};
use axum::response::Response;
use stayhook_core::DeliveryId;
use stayhook_store::PageRequest;

use super::filter::{self, filter};
use super::view::DeliveryView;
use super::{schema, turn};
use crate::answer::{self, PageView};
use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::openapi::{Answer, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::{CURSOR, LIMIT, Query};
use crate::{Shared, body, cursor};

pub(super) const OPERATION: Operation = Operation {
    summary: "List deliveries",
    details: "What became of events at a webhook, newest first. Where little matches, a page may be short or even empty \
        although there are more: `nextCursor` alone says whether it was the last.",
    scopes: &[ScopeName::WebhooksRead],
    query: &[
        filter::STATUS,
        filter::EVENT_TYPE,
        filter::BOOKING,
        filter::SINCE,
        filter::UNTIL,
        LIMIT,
        CURSOR,
    ],
    answers: &[Answer::json(200, "A page of deliveries.", || Schema::of(&schema::PAGE))],
    ..Operation::new(Verb::Get, "/public/v1/webhooks/{webhook}/deliveries", Tag::Deliveries, "listDeliveries")
};

pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    let webhook = path.webhook()?;
    let mut query = Query::parse(OPERATION.query, request.uri().query());
    let filter = filter(&mut query);
    let page = PageRequest {
        limit: query.limit(),
        after: query.take("cursor", |text| cursor::delivery(webhook, text)),
    };
    query.finish()?;
    body::none(request).await?;
    let page = turn::deliveries(&api, caller.scope(), webhook, &filter, page).await?;
    let page = page.ok_or_else(|| Problem::no_such("webhook"))?;
    Ok(answer::ok(&PageView {
        data: page.rows.iter().map(DeliveryView::of).collect(),
        next_cursor: page.next.map(|event| cursor::after_delivery(DeliveryId { event, webhook })),
    }))
}
