//! `GET …/deliveries/{deliveryId}`: one delivery with its attempts.

use axum::extract::State;
use axum::response::Response;

use super::view::DeliveryView;
use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::path::Path;
use crate::{Shared, answer};

pub(super) async fn read(State(api): State<Shared>, caller: Caller, path: Path) -> Result<Response, Problem> {
    caller.needs(&[ScopeName::WebhooksRead])?;
    let webhook = path.webhook()?;
    let event = path.delivery(webhook)?;
    let found = api.store().delivery(caller.scope(), webhook, event).await?;
    let (line, attempts) = found.ok_or_else(|| Problem::no_such("delivery"))?;
    Ok(answer::ok(&DeliveryView::whole(&line, &attempts)))
}
