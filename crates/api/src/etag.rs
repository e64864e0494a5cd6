//! Versions of webhooks (RFC 9110, sections 8.8.3 and 13.1): who changes one can make sure that
//! nobody else did meanwhile, and who reads one need not read it twice.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use stayhook_core::Webhook;

use crate::openapi::{Parameter, Schema};
use crate::query::whole;

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

/// The versions that a change was meant for; `None` where any will do. Which of them a webhook
/// has is for the store to say, in the transaction that makes the change. That the webhook fails
/// meanwhile makes it no other version.
pub(crate) fn versions(headers: &HeaderMap) -> Option<Vec<i64>> {
    if !headers.contains_key(IF_MATCH) || tags(headers, IF_MATCH).any(|tag| tag == "*") {
        return None;
    }
    Some(tags(headers, IF_MATCH).filter_map(version).collect())
}

/// The version of a tag that is ours, strong and to the letter.
fn version(tag: &str) -> Option<i64> {
    let quoted = tag.strip_prefix("\"v")?.strip_suffix('"')?;
    whole(quoted.split_once('-').map_or(quoted, |(version, _)| version))
}

/// The tags of a header. Ours hold no comma; a tag that does is none of ours anyway.
fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(values: &[&'static str]) -> Option<Vec<i64>> {
        let values = values.iter().map(|it| (IF_MATCH, HeaderValue::from_static(it)));
        versions(&values.collect())
    }

    #[test]
    fn a_change_is_meant_for_the_versions_that_it_names() {
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&["*"]), None);
        assert_eq!(asked(&["\"v1\", \"v20-1779900000\"", "\"v3\""]), Some(vec![1, 20, 3]));
        for none in ["", "v1", "W/\"v1\"", "\"V1\"", "\"v1", "\"v01\"", "\"v-1\"", "\"\"", "\"x\""] {
            assert_eq!(asked(&[none]), Some(vec![]), "{none}");
        }
    }
}
