//! `GET …/deliveries/{deliveryId}`: one delivery with its attempts.

use axum::extract::State;
use axum::response::Response;

use super::view::DeliveryView;
use super::{schema, turn};
use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::openapi::{Answer, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::{Shared, answer};

pub(super) const OPERATION: Operation = Operation {
    summary: "Read a delivery",
    details: "One delivery with its attempts.",
    scopes: &[ScopeName::WebhooksRead],
    answers: &[Answer::json(200, "The delivery.", || Schema::of(&schema::WHOLE))],
    ..Operation::new(
        Verb::Get,
        "/public/v1/webhooks/{webhook}/deliveries/{delivery}",
        Tag::Deliveries,
        "getDelivery",
    )
};

pub(super) async fn read(State(api): State<Shared>, caller: Caller, path: Path) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    let webhook = path.webhook()?;
    let event = path.delivery(webhook)?;
    let found = api.store().delivery(caller.scope(), webhook, event).await?;
    let (line, attempts) = found.ok_or_else(|| Problem::no_such("delivery"))?;
    let line = turn::delivery(&api, line);
    Ok(answer::ok(&DeliveryView::whole(&api.state.engine, &line, &attempts)))
}
