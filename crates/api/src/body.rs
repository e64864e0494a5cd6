//! Request bodies: JSON of a bounded size, read once.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::{BodyExt as _, LengthLimitError};
use stayhook_core::{Json, Members};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// Reads a JSON body of at most `limit` bytes and `depth` levels. For small bodies: what they
/// take together is bounded by the number of connections.
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
    let body = admitted(&parts.headers, body, limit).await?;
    read(body, limit).await
}

/// Reads the bytes of a JSON body that may be large, with its share of `room`.
pub(crate) async fn large(request: Request, limit: usize, room: &Room) -> Result<Received, Problem> {
    check_type(request.headers())?;
    let (parts, body) = request.into_parts();
    let body = admitted(&parts.headers, body, limit).await?;
    let share = room.take(announced(&parts.headers).unwrap_or(limit)).await?;
    Ok(Received { bytes: read(body, limit).await?, _share: share })
}

/// A body that was read. Its share of the room is given back when this is dropped: not before
/// what was made of it is done with.
pub(crate) struct Received {
    /// The bytes, not yet parsed.
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// The room that a node has for large bodies: without it, many batches at once would take all of
/// its memory.
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// What all large bodies together may have, in bytes.
    const BYTES: usize = 64 * 1024 * 1024;
    /// Bodies up to this size need no room.
    const SMALL: usize = PUBLIC_BYTES;
    /// The unit in which room is given, in bytes.
    const UNIT: usize = 1_024;
    /// How long a body waits for room.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Room for bodies of [`Room::BYTES`].
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(Self::BYTES / Self::UNIT)))
    }

    /// The share of a body of so many bytes, as soon as it is there.
    ///
    /// # Errors
    /// 503 when other bodies take too long.
    async fn take(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= Self::SMALL {
            return Ok(None);
        }
        let units = u32::try_from(bytes.min(Self::BYTES).div_ceil(Self::UNIT)).unwrap_or(u32::MAX);
        let share = timeout(Self::PATIENCE, Arc::clone(&self.0).acquire_many_owned(units)).await;
        match share {
            Ok(Ok(share)) => Ok(Some(share)),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Problem::unavailable(
                "other large requests take all the room there is: try again in a moment, or send smaller batches",
            )),
        }
    }
}

/// Lets a body pass that is, by what is announced, no longer than `limit`.
async fn admitted(headers: &HeaderMap, body: Body, limit: usize) -> Result<Body, Problem> {
    if announced(headers).is_none_or(|length| length <= limit) {
        return Ok(body);
    }
    if !headers.contains_key(EXPECT) {
        drain(body).await;
    }
    Err(Problem::too_large("the body", limit))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
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

    #[tokio::test]
    async fn large_bodies_share_a_bounded_room() {
        let room = Room::new();
        assert!(room.take(Room::SMALL).await.unwrap().is_none(), "small ones need none");
        let most = room.take(Room::BYTES - Room::SMALL).await.unwrap();
        let waits = room.take(Room::SMALL + 1);
        let ends = async {
            tokio::task::yield_now().await;
            drop(most);
        };
        let (share, ()) = tokio::join!(waits, ends);
        assert_eq!(share.unwrap().unwrap().num_permits(), 65, "rounded up");
        let all = room.take(usize::MAX).await.unwrap();
        let refused = room.take(Room::SMALL + 1).await.unwrap_err().into_response();
        assert_eq!(refused.status().as_u16(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        drop(all);
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
