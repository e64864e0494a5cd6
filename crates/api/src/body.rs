//! Request bodies: JSON of a bounded size, read once.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::{BodyExt as _, LengthLimitError};
use stayhook_core::{Json, Members};
use tokio::time::timeout;

use crate::error::Problem;

/// The most bytes that a body of the public API may have.
pub(crate) const PUBLIC_BYTES: usize = 64 * 1024;

/// How long a body may take to arrive: a caller that dribbles must not hold a connection.
const ARRIVAL: Duration = Duration::from_secs(30);

/// So much of a body that is too large is still read, so that its sender gets to see the
/// answer instead of a connection that breaks while it writes.
const DRAINED_BYTES: usize = 4 * 1024 * 1024;
const DRAINING: Duration = Duration::from_secs(2);

/// Reads a JSON body of at most `limit` bytes and `depth` levels.
pub(crate) async fn json(request: Request, limit: usize, depth: usize) -> Result<Json, Problem> {
    check_type(request.headers())?;
    Ok(Json::parse(&bytes(request, limit).await?, depth)?)
}

/// The same where every member may be left out, so that no body at all stands for `{}`.
pub(crate) async fn json_or_nothing(request: Request, limit: usize, depth: usize) -> Result<Json, Problem> {
    let typed = check_type(request.headers());
    let bytes = bytes(request, limit).await?;
    if bytes.is_empty() {
        return Ok(Json::Object(Members::default()));
    }
    typed?;
    Ok(Json::parse(&bytes, depth)?)
}

async fn bytes(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    if announced(&parts.headers).is_some_and(|length| length > limit) {
        if !parts.headers.contains_key(EXPECT) {
            drain(body).await;
        }
        return Err(Problem::too_large("the body", limit));
    }
    timeout(ARRIVAL, to_bytes(body, limit))
        .await
        .map_err(|_| Problem::unreadable("the body did not arrive in time: send it within 30 seconds"))?
        .map_err(|error| {
            if error.into_inner().is::<LengthLimitError>() {
                Problem::too_large("the body", limit)
            } else {
                Problem::unreadable("the body did not arrive whole: send as many bytes as announced")
            }
        })
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_json(media_type) {
        return Err(Problem::unsupported_media_type(
            "send JSON with the header `Content-Type: application/json`",
        ));
    }
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain { Ok(()) } else { Err(Problem::unsupported_media_type("send the body without compression")) }
}

/// Whether a media type is JSON in UTF-8 (RFC 8259, sections 8.1 and 11).
fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn drain(mut body: Body) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > DRAINED_BYTES {
                break;
            }
        }
    };
    // Courtesy only: whether it ended by itself or by time makes no difference.
    let _ = timeout(DRAINING, reading).await;
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;
    use axum::body::HttpBody;
    use axum::response::IntoResponse as _;
    use http_body::Frame;

    /// A body that never ends, or breaks off after some frames.
    struct Stubborn {
        frames: usize,
        breaks: bool,
    }

    impl HttpBody for Stubborn {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
            self.frames += 1;
            if self.breaks && self.frames > 3 {
                return Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())));
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1_024])))))
        }
    }

    async fn status(announced: Option<usize>, breaks: bool) -> u16 {
        let mut request = Request::builder().header(CONTENT_TYPE, "application/json");
        if let Some(length) = announced {
            request = request.header(CONTENT_LENGTH, length);
        }
        let request = request.body(Body::new(Stubborn { frames: 0, breaks })).unwrap();
        let problem = json(request, PUBLIC_BYTES, 64).await.unwrap_err();
        problem.into_response().status().as_u16()
    }

    #[tokio::test]
    async fn an_endless_body_is_given_up() {
        assert_eq!(status(None, false).await, 413);
        assert_eq!(status(Some(usize::MAX), false).await, 413, "announced: read for a while, then given up");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_unreadable() {
        assert_eq!(status(None, true).await, 400);
        assert_eq!(status(Some(PUBLIC_BYTES), true).await, 400);
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        for good in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\"; x=y"]
        {
            assert!(is_json(good), "{good}");
        }
        for bad in
            ["", "text/plain", "application/jsonp", "application/json; charset=latin1", "text/json", "*/*"]
        {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
