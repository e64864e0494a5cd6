//! Versions of webhooks (RFC 9110, sections 8.8.3 and 13.1): who changes one can make sure that
//! nobody else did meanwhile, and who reads one need not read it twice.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use stayhook_core::Webhook;

use crate::error::Problem;
use crate::openapi::{Parameter, Schema};

/// The header of requests that change.
pub(crate) const IF_MATCH_PARAMETER: Parameter = Parameter {
    name: "If-Match",
    description: "The `ETag` of the version that is to be changed: 412 if there is a newer one.",
    schema: Schema::text,
};

/// The header of requests that read.
pub(crate) const IF_NONE_MATCH_PARAMETER: Parameter = Parameter {
    name: "If-None-Match",
    description: "The `ETag` of the version that is known: 304 if there is no newer one.",
    schema: Schema::text,
};

/// The tag of a webhook as it is shown: `"v3"`. While it fails, `"v3-1779900000"` tells since
/// when, which is shown too but is no change that anybody made.
fn tag(webhook: &Webhook) -> String {
    match webhook.status.failing() {
        None => format!("\"v{}\"", webhook.version),
        Some(run) => format!("\"v{}-{}\"", webhook.version, run.since.as_seconds()),
    }
}

/// An answer that shows a webhook, with its tag.
pub(crate) fn tagged(mut response: Response, webhook: &Webhook) -> Response {
    if let Ok(tag) = HeaderValue::try_from(tag(webhook)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// 304, where the caller knows the webhook as it is.
pub(crate) fn not_modified(headers: &HeaderMap, webhook: &Webhook) -> Option<Response> {
    let tag = tag(webhook);
    let known =
        tags(headers, IF_NONE_MATCH).any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag);
    known.then(|| tagged(StatusCode::NOT_MODIFIED.into_response(), webhook))
}

/// Whether the caller wants to change one version only.
pub(crate) fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH)
}

/// Lets a change pass that was meant for the webhook as it is. That it fails meanwhile makes it
/// no other version.
///
/// # Errors
/// 412 otherwise.
pub(crate) fn check(headers: &HeaderMap, webhook: &Webhook) -> Result<(), Problem> {
    let version = format!("v{}", webhook.version);
    let is_meant = |tag: &str| {
        let quoted = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        quoted.is_some_and(|tag| tag.split('-').next() == Some(&version))
    };
    if !is_conditional(headers) || tags(headers, IF_MATCH).any(|tag| tag == "*" || is_meant(tag)) {
        Ok(())
    } else {
        Err(Problem::precondition_failed())
    }
}

/// The tags of a header. Ours hold no comma; a tag that does is none of ours anyway.
fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
