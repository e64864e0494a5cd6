//! Request bodies: JSON of a bounded size, read once.

mod leftover;
mod room;

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::LengthLimitError;
use stayhook_core::{JSON_DEPTH_LIMIT, Json, Members};
use tokio::time::timeout;

pub(crate) use self::leftover::Leftover;
pub(crate) use self::room::Room;
use self::room::Share;
use crate::error::{Problem, Subject};
use crate::fields::Fields;
use crate::query::Query;

/// The most bytes that a body of the public API may have.
pub(crate) const PUBLIC_BYTES: usize = 64 * 1024;

/// How long a body may take to arrive: a caller that dribbles must not hold a connection.
const ARRIVAL: Duration = Duration::from_secs(30);

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

/// Sees to it that a request says nothing but what its path and headers do: it has no query, and
/// no body.
///
/// # Errors
/// As [`none`], and 422 with every parameter of the query.
pub(crate) async fn bare(request: Request) -> Result<(), Problem> {
    Query::parse(&[], request.uri().query()).finish()?;
    none(request).await
}

/// Sees to it that a request has no body: `{}`, which some clients send with every POST, is as good
/// as none, by whatever media type it goes.
///
/// # Errors
/// 400 for a body that is no JSON, 422 for one that asks for something, 413 for a large one.
pub(crate) async fn none(request: Request) -> Result<(), Problem> {
    let bytes = bytes(request, PUBLIC_BYTES).await?;
    if bytes.is_empty() {
        return Ok(());
    }
    let json = Json::parse(&bytes, JSON_DEPTH_LIMIT)?;
    let wrong = Fields::of(json, String::new()).map_or_else(|wrong| wrong, Fields::finish);
    if wrong.is_empty() { Ok(()) } else { Err(Problem::invalid(Subject::Request, wrong)) }
}

async fn bytes(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    admit(&parts.headers, limit)?;
    read(body, limit).await
}

/// Reads the bytes of a JSON body that may be large, with its share of `room`.
pub(crate) async fn large(request: Request, limit: usize, room: &Room) -> Result<Received, Problem> {
    check_type(request.headers())?;
    let (parts, body) = request.into_parts();
    admit(&parts.headers, limit)?;
    let share = room.take(announced(&parts.headers).unwrap_or(limit)).await?;
    Ok(Received { bytes: read(body, limit).await?, _share: share })
}

/// A body that was read. Its share of the room is given back when this is dropped: not before
/// what was made of it is done with.
pub(crate) struct Received {
    /// The bytes, not yet parsed.
    pub(crate) bytes: Bytes,
    _share: Option<Share>,
}

/// Lets a body pass that is, by what is announced, no longer than `limit`.
fn admit(headers: &HeaderMap, limit: usize) -> Result<(), Problem> {
    let fits = announced(headers).is_none_or(|length| length <= limit);
    if fits { Ok(()) } else { Err(Problem::too_large("the body", limit)) }
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

#[cfg(test)]
mod tests {
    use super::leftover::Stubborn;
    use super::*;
    use axum::response::IntoResponse as _;

    async fn status(announced: Option<usize>, breaks: bool) -> u16 {
        let mut request = Request::builder().header(CONTENT_TYPE, "application/json");
        if let Some(length) = announced {
            request = request.header(CONTENT_LENGTH, length);
        }
        let request = request.body(Body::new(Stubborn::new(breaks.then_some(3)))).unwrap();
        let problem = json(request, PUBLIC_BYTES, 64).await.unwrap_err();
        problem.into_response().status().as_u16()
    }

    #[tokio::test]
    async fn an_endless_body_is_given_up() {
        assert_eq!(status(None, false).await, 413);
        assert_eq!(status(Some(usize::MAX), false).await, 413, "announced: not read at all");
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
