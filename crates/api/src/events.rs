//! `/internal/v1/events`: where internal services report what happened.

mod batch;
mod enqueue;
mod members;
mod read;

use axum::Router;
use axum::routing::{get, post};

use crate::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/internal/v1/events", post(enqueue::enqueue))
        .route("/internal/v1/events/batch", post(batch::batch))
        .route("/internal/v1/events/{event}", get(read::read))
}
