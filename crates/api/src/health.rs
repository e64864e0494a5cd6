//! `GET /healthz` and `GET /readyz`, for whoever runs the service. No token.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use crate::error::Problem;
use crate::{Shared, answer};

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// The process answers.
async fn alive() -> Response {
    answer::ok(&Health { status: "ok" })
}

/// Requests are welcome: the database takes writes, and the process is not about to stop.
async fn ready(State(api): State<Shared>) -> Result<Response, Problem> {
    if !api.state.engine.accepting() {
        return Err(Problem::unavailable(
            "this node is shutting down: use another, or come back in a moment",
        ));
    }
    api.store().ping().await?;
    Ok(answer::ok(&Health { status: "ready" }))
}
