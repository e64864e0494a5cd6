//! `DELETE /public/v1/webhooks/{id}`: what waits is cancelled, the secret wiped, the slot free.

use axum::extract::State;
use axum::response::Response;

use crate::auth::{Caller, ScopeName};
use crate::error::Problem;
use crate::path::Path;
use crate::{Shared, answer};

pub(super) async fn delete(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
) -> Result<Response, Problem> {
    caller.needs(&[ScopeName::WebhooksWrite])?;
    let id = path.webhook()?;
    let was_there = api.state.engine.delete_webhook(caller.scope(), id).await?;
    if was_there { Ok(answer::no_content()) } else { Err(Problem::no_such("webhook")) }
}
