//! What goes right: answers with JSON.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A page of a list, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageView<T> {
    /// The rows, newest first.
    pub(crate) data: Vec<T>,
    /// Where the next page starts; `null` after the last row.
    pub(crate) next_cursor: Option<String>,
}

/// 200
pub(crate) fn ok(view: &impl Serialize) -> Response {
    json(StatusCode::OK, JSON, view)
}

/// 201 with `Location`.
pub(crate) fn created(location: &str, view: &impl Serialize) -> Response {
    let mut response = json(StatusCode::CREATED, JSON, view);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// 202
pub(crate) fn accepted(view: &impl Serialize) -> Response {
    json(StatusCode::ACCEPTED, JSON, view)
}

/// 204
pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Any answer with JSON.
#[expect(
    clippy::expect_used,
    reason = "views are structs of strings, numbers and lists, which always serialise"
)]
pub(crate) fn json(status: StatusCode, content_type: HeaderValue, view: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(view).expect("a view serialises");
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
