//! `GET /healthz` and `GET /readyz`, for whoever runs the service. No token.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use crate::error::{Code, Problem};
use crate::openapi::{Answer, Operation, Routes, Schema, Tag, Verb};
use crate::{Shared, answer, body};

const ALIVE: Operation = Operation {
    summary: "Whether the process answers",
    answers: &[Answer::json(200, "It does.", || health("ok"))],
    ..Operation::new(Verb::Get, "/healthz", Tag::Service, "getHealth")
};

const READY: Operation = Operation {
    summary: "Whether requests are welcome",
    details: "The database takes writes, and the process is not about to stop.",
    answers: &[Answer::json(200, "They are.", || health("ready"))],
    problems: &[Code::Unavailable],
    ..Operation::new(Verb::Get, "/readyz", Tag::Service, "getReadiness")
};

pub(crate) fn routes() -> Routes {
    Routes::new().add(&ALIVE, alive).add(&READY, ready)
}

fn health(status: &'static str) -> Schema {
    Schema::object().required("status", Schema::one_of([status]))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// The process answers.
async fn alive(request: Request) -> Result<Response, Problem> {
    body::bare(request).await?;
    Ok(answer::ok(&Health { status: "ok" }))
}

/// Requests are welcome: the database takes writes, and the process is not about to stop.
async fn ready(State(api): State<Shared>, request: Request) -> Result<Response, Problem> {
    body::bare(request).await?;
    if !api.state.engine.accepting() {
        return Err(Problem::unavailable(
            "this node is shutting down: use another, or come back in a moment",
        ));
    }
    api.store().ping().await?;
    Ok(answer::ok(&Health { status: "ready" }))
}
