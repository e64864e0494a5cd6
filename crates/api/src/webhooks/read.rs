//! `GET /public/v1/webhooks/{id}`

use axum::extract::State;
use axum::response::Response;

use super::view::WebhookView;
use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::path::Path;
use crate::{Shared, answer};

pub(super) async fn read(State(api): State<Shared>, caller: Caller, path: Path) -> Result<Response, Problem> {
    caller.needs(&[ScopeName::WebhooksRead])?;
    let webhook = api.store().webhook(caller.scope(), path.webhook()?).await?;
    let webhook = webhook.ok_or_else(|| Problem::no_such("webhook"))?;
    Ok(answer::ok(&WebhookView::of(&webhook)))
}
