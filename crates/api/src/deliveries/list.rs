//! `GET …/deliveries?status=&eventType=&bookingId=&since=&until=&limit=&cursor=`: newest first.

use axum::extract::{RawQuery, State};
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
use crate::{Shared, cursor};

pub(super) const OPERATION: Operation = Operation {
    summary: "List deliveries",
    details: "What became of events at a webhook, newest first.",
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
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    let webhook = path.webhook()?;
    let mut query = Query::parse(OPERATION.query, query.as_deref());
    let filter = filter(&mut query);
    let request = PageRequest {
        limit: query.limit(),
        after: query.take("cursor", |text| cursor::delivery(webhook, text)),
    };
    query.finish()?;
    let page = turn::deliveries(&api, caller.scope(), webhook, &filter, request).await?;
    let page = page.ok_or_else(|| Problem::no_such("webhook"))?;
    Ok(answer::ok(&PageView {
        data: page.rows.iter().map(DeliveryView::of).collect(),
        next_cursor: page.next.map(|event| cursor::after_delivery(DeliveryId { event, webhook })),
    }))
}
