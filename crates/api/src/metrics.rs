//! `GET /metrics`: Prometheus' text format. No token.

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::error::Problem;
use crate::openapi::{Answer, Operation, Routes, Tag, Verb};
use crate::{Shared, body};

const OPERATION: Operation = Operation {
    summary: "Metrics",
    details: "Prometheus' text format.",
    answers: &[Answer::text(200, "The metrics.", "text/plain")],
    ..Operation::new(Verb::Get, "/metrics", Tag::Service, "getMetrics")
};

pub(crate) fn routes() -> Routes {
    Routes::new().add(&OPERATION, metrics)
}

async fn metrics(State(api): State<Shared>, request: Request) -> Result<Response, Problem> {
    body::bare(request).await?;
    let text = (api.state.metrics)();
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
