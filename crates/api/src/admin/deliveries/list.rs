//! `GET /admin/v1/deliveries?webhookId=&propertyId=&eventType=&status=&bookingId=&since=&until=&limit=&cursor=`:
//! newest event first.

use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use stayhook_core::WebhookId;
use stayhook_store::{DeliveryLine, DeliverySearch, PageRequest, Scope};

use crate::admin::Administrator;
use crate::answer::{self, PageView};
use crate::auth::ScopeName;
use crate::deliveries::{self, DeliveryView};
use crate::error::Problem;
use crate::openapi::{Answer, Operation, Parameter, Schema, Tag, Verb, shapes};
use crate::query::{CURSOR, LIMIT, Query, property, webhook};
use crate::{Api, Shared, cursor};

pub(super) const OPERATION: Operation = Operation {
    summary: "Search all deliveries",
    details: "Newest event first. Where little matches, a page may be short or even empty although there are more: \
        `nextCursor` alone says whether it was the last.",
    scopes: &[ScopeName::Admin],
    query: &[
        Parameter { name: "webhookId", description: "Only to this webhook.", schema: shapes::webhook_id },
        Parameter { name: "propertyId", description: "Only of this property.", schema: shapes::property_id },
        deliveries::STATUS,
        deliveries::EVENT_TYPE,
        deliveries::BOOKING,
        deliveries::SINCE,
        deliveries::UNTIL,
        LIMIT,
        CURSOR,
    ],
    answers: &[Answer::json(200, "A page of deliveries.", || Schema::of(&deliveries::PAGE))],
    ..Operation::new(Verb::Get, "/admin/v1/deliveries", Tag::Administration, "adminListDeliveries")
};

pub(super) async fn list(
    State(api): State<Shared>,
    administrator: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let mut query = Query::parse(OPERATION.query, query.as_deref());
    let search = DeliverySearch {
        webhook: query.take("webhookId", webhook),
        property: query.take("propertyId", property),
        filter: deliveries::filter(&mut query),
    };
    let request = PageRequest { limit: query.limit(), after: query.take("cursor", cursor::any_delivery) };
    query.finish()?;
    let page = api.store().all_deliveries(&search, request).await?;
    let mut rows = visible(&api, &administrator, page.rows).await?;
    if search.filter.state.is_none() {
        rows = rows.into_iter().map(|line| deliveries::told_apart(&api, line)).collect();
    }
    Ok(answer::ok(&PageView {
        data: rows.iter().map(DeliveryView::of).collect(),
        next_cursor: page.next.map(cursor::after_any_delivery),
    }))
}

/// The rows of webhooks that the token may see.
async fn visible(
    api: &Api,
    administrator: &Administrator,
    mut rows: Vec<DeliveryLine>,
) -> Result<Vec<DeliveryLine>, Problem> {
    if *administrator.scope() == Scope::EVERYTHING {
        return Ok(rows);
    }
    let mut seen: BTreeSet<WebhookId> = rows.iter().map(|row| row.webhook).collect();
    for id in seen.clone() {
        if api.store().webhook(administrator.scope(), id).await?.is_none() {
            seen.remove(&id);
        }
    }
    rows.retain(|row| seen.contains(&row.webhook));
    Ok(rows)
}
