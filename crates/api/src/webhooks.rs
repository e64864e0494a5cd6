//! `/public/v1/webhooks`: the registry.

mod change;
mod create;
mod delete;
mod list;
mod members;
mod read;
mod schema;
mod view;

use axum::http::HeaderMap;
use stayhook_core::WebhookId;

use crate::auth::Caller;
use crate::error::Problem;
use crate::openapi::Routes;
use crate::{Api, etag};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(&create::OPERATION, create::create)
        .add(&list::OPERATION, list::list)
        .add(&read::OPERATION, read::read)
        .add(&change::OPERATION, change::change)
        .add(&delete::OPERATION, delete::delete)
}

/// Lets a request pass that changes a webhook as it is, or does not care (`If-Match`).
///
/// # Errors
/// 404 when the caller sees no such webhook, 412 when it is another version.
async fn check_version(
    api: &Api,
    caller: &Caller,
    id: WebhookId,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    if !etag::is_conditional(headers) {
        return Ok(());
    }
    let webhook = api.store().webhook(caller.scope(), id).await?;
    etag::check(headers, &webhook.ok_or_else(|| Problem::no_such("webhook"))?)
}
