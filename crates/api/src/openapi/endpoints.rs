//! `GET /openapi.json`, for tools, and `GET /docs`, for people. No token.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::document::document;
use super::page::Page;
use super::{Answer, Operation, Routes, Schema, Tag, Verb};
use crate::error::Problem;
use crate::{Shared, body};

const DOCUMENT: Operation = Operation {
    summary: "This description",
    details: "OpenAPI 3.1.",
    answers: &[Answer::json(200, "The document.", Schema::any_object)],
    ..Operation::new(Verb::Get, "/openapi.json", Tag::Service, "getOpenApi")
};

const DOCS: Operation = Operation {
    summary: "This description as a page",
    details: "One page without scripts or anything from elsewhere.",
    answers: &[Answer::text(200, "The page.", "text/html")],
    ..Operation::new(Verb::Get, "/docs", Tag::Service, "getDocs")
};

pub(crate) fn routes() -> Routes {
    Routes::new().add(&DOCUMENT, read_document).add(&DOCS, read_page)
}

/// What the two endpoints answer: made once, at start.
pub(crate) struct Description {
    document: Bytes,
    page: Bytes,
    policy: HeaderValue,
}

impl Description {
    /// Describes these operations.
    pub(crate) fn of(operations: &[&'static Operation]) -> Self {
        let document = document(operations);
        let Page { html, policy } = Page::of(&document);
        let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { document: document.to_stable_bytes().into(), page: html.into(), policy }
    }
}

async fn read_document(State(api): State<Shared>, request: Request) -> Result<Response, Problem> {
    body::bare(request).await?;
    Ok(([(CONTENT_TYPE, "application/json")], api.description.document.clone()).into_response())
}

async fn read_page(State(api): State<Shared>, request: Request) -> Result<Response, Problem> {
    body::bare(request).await?;
    let Description { page, policy, .. } = &api.description;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy.clone()),
    ];
    Ok((headers, page.clone()).into_response())
}
