//! Every answer bears `X-Request-Id`, whatever becomes of the request: also one that no
//! route takes, and one whose handling panics.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tracing::Instrument as _;

use crate::Shared;
use crate::body::Leftover;
use crate::error::{Cause, Problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over from a caller, in bytes.
const LONGEST: usize = 128;

/// The outermost layer: gives the answer its id, logs failures under it, and keeps answers,
/// which may hold secrets, out of caches.
pub(crate) async fn stamp(State(api): State<Shared>, request: Request, next: Next) -> Response {
    let id = sent(request.headers()).unwrap_or_else(|| made(api.state.engine.entropy()));
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let span = tracing::debug_span!("request", id = ?id, %method, path = uri.path());
    let (request, leftover) = Leftover::of(request);
    let mut response = caught(next.run(request)).instrument(span.clone()).await;
    if let Some(leftover) = leftover {
        leftover.drain().await;
    }
    tracing::debug!(parent: &span, status = response.status().as_u16(), "answered");
    if let Some(Cause(cause)) = response.extensions_mut().remove() {
        tracing::error!(request_id = ?id, %method, path = uri.path(), cause, "a request failed");
    }
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, id);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    secure(headers);
    response
}

/// Nothing here is a page to be run, framed or guessed at; the one that is says so itself.
fn secure(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}

/// The caller's own id, where there is one that is safe to log and to send back.
fn sent(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(X_REQUEST_ID).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let bytes = value.as_bytes();
    ((1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(sane)).then(|| value.clone())
}

fn made(entropy: u128) -> HeaderValue {
    let id = format!("req_{}", URL_SAFE_NO_PAD.encode(entropy.to_be_bytes()));
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("req_0"))
}

/// A panic costs its own request alone, and is answered.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(poll) => poll,
        Err(panic) => Poll::Ready(Problem::internal(words(panic.as_ref())).into_response()),
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without words"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use proptest::prelude::*;

    #[tokio::test]
    async fn a_panic_is_answered() {
        let response = caught(async { panic!("a defect") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.extensions().get::<Cause>().unwrap().0, "panicked: a defect");
    }

    #[test]
    fn only_one_sane_id_is_taken_over() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_REQUEST_ID, HeaderValue::from_static(value));
            }
            sent(&headers)
        };
        assert_eq!(with(&["a-B_9.x"]), Some(HeaderValue::from_static("a-B_9.x")));
        for bad in [&[][..], &[""], &["a b"], &["<x>"], &["a", "b"]] {
            assert_eq!(with(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn ids_that_are_made_are_ids_that_are_taken_over(entropy: u128) {
            let headers = HeaderMap::from_iter([(X_REQUEST_ID, made(entropy))]);
            prop_assert_eq!(sent(&headers), Some(made(entropy)));
        }
    }
}
