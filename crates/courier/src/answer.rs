//! What comes back from a receiver, read within bounds, and what it means.

use std::error::Error;
use std::io;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use stayhook_core::{Fault, FaultClass, Span, UnixMs};

use crate::deadline::{Deadline, Phase};
use crate::{retry_after, tls};

/// The most that the headers of a response may be, in bytes.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The most fields that the headers of a response may have.
pub const MAX_HEADER_FIELDS: usize = 256;

/// The most that is read of a response's body, in bytes. Then the connection is closed.
pub const MAX_BODY_READ: usize = 64 * 1024;

/// The most that is kept of a response's body for the log, in bytes.
pub const MAX_BODY_KEPT: usize = 1024;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With a response.
    Replied(Reply),
    /// Without one. A fault of this engine has the class [`FaultClass::Interrupted`].
    Failed(Fault),
}

impl Answer {
    /// Whether the receiver accepted what was sent.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Replied(reply) if reply.is_success())
    }

    /// Why the attempt failed; `None` where it did not.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Replied(reply) => reply.fault(),
            Self::Failed(fault) => Some(fault.clone()),
        }
    }
}

/// A receiver's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status code.
    pub status: u16,
    /// How long the receiver asks to be left alone, where its status is 429 or 503.
    pub retry_after: Option<Span>,
    /// The host that a redirect points to, where it names another than the receiver's own.
    pub location: Option<String>,
    /// The first [`crate::Outbound::keep`] bytes of the body, or as many as came.
    pub body: Bytes,
    /// Whether the request went over a connection kept from an earlier attempt.
    pub reused: bool,
}

impl Reply {
    /// Whether the receiver accepted what was sent: any 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the receiver says that it is asked too much or cannot cope: 429 or 5xx.
    pub fn is_overloaded(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    /// Why the response is a failure; `None` where it is none.
    pub fn fault(&self) -> Option<Fault> {
        if self.is_success() {
            return None;
        }
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            let words = format!("the receiver answered {}", named(self.status));
            return Some(Fault::new(FaultClass::Status, words));
        }
        let to = self.location.as_deref().map(|host| format!(" to {host}")).unwrap_or_default();
        let words = format!(
            "the receiver redirects{to} ({}); redirects are not followed: register the final URL",
            self.status
        );
        Some(Fault::new(FaultClass::Redirect, words))
    }
}

fn named(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// Reads a response. Its headers have come in time, so that its status stands: a slow, endless or broken
/// body only means that less of it is kept.
///
/// The second value says whether the body ended as it should, so that the connection can be used again.
pub(crate) async fn read(
    response: Response<Incoming>,
    (now, keep): (UnixMs, usize),
    deadline: Deadline,
) -> Result<(Reply, bool), Fault> {
    let (head, mut body) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let words = "the receiver wants to switch to another protocol (101), which nobody asked for";
        return Err(Fault::new(FaultClass::Protocol, words));
    }
    let mut kept = Vec::new();
    let ended = deadline.bound(Phase::Body, drain(&mut body, &mut kept, keep)).await.unwrap_or(false);
    let reply = Reply {
        status: head.status.as_u16(),
        retry_after: patience(head.status, &head.headers, now),
        location: redirect_host(head.status, &head.headers),
        body: kept.into(),
        reused: false,
    };
    Ok((reply, ended))
}

/// Reads a body up to its bound, and says whether it ended within it.
async fn drain(body: &mut Incoming, kept: &mut Vec<u8>, keep: usize) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        // Trailers are skipped.
        let Some(data) = frame.data_ref() else { continue };
        let room = keep.saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
        read += data.len();
        if read > MAX_BODY_READ {
            return false;
        }
    }
    true
}

fn patience(status: StatusCode, headers: &HeaderMap, now: UnixMs) -> Option<Span> {
    let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let value = headers.get(RETRY_AFTER).filter(|_| asks)?;
    retry_after::parse(value.to_str().ok()?, now)
}

/// The host of an absolute `Location`. A relative one stays with the receiver.
fn redirect_host(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION).filter(|_| status.is_redirection())?;
    let uri = Uri::try_from(location.as_bytes()).ok()?;
    uri.host().filter(|host| host.len() <= 255).map(str::to_owned)
}

/// What a failure of the connection means.
pub(crate) fn explain(error: &hyper::Error) -> Fault {
    if let Some(error) = source_of::<rustls::Error>(error) {
        return Fault::new(FaultClass::Tls, tls::diagnose(error));
    }
    if error.is_parse_too_large() {
        let words = format!(
            "the response's headers exceed {} KiB or {MAX_HEADER_FIELDS} fields",
            MAX_HEADER_BYTES / 1024
        );
        return Fault::new(FaultClass::TooLarge, words);
    }
    let words = if error.is_parse() {
        "the receiver's response is not valid HTTP/1.1"
    } else if error.is_incomplete_message() || error.is_canceled() {
        "the receiver closed the connection before its response was complete"
    } else if source_of::<io::Error>(error).is_some() {
        "the connection broke before the receiver's response was complete"
    } else {
        "the receiver does not keep to HTTP/1.1"
    };
    Fault::new(FaultClass::Protocol, words)
}

/// Finds an error of a kind behind another one, also inside of IO errors.
fn source_of<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, location: Option<&str>) -> Reply {
        let location = location.map(str::to_owned);
        Reply { status, retry_after: None, location, body: Bytes::new(), reused: false }
    }

    #[test]
    fn any_2xx_is_success_and_nothing_else() {
        for status in 100..=999 {
            let reply = reply(status, None);
            assert_eq!(reply.is_success(), (200..=299).contains(&status));
            assert_eq!(reply.fault().is_none(), reply.is_success());
        }
    }

    #[test]
    fn failures_say_what_the_receiver_answered() {
        let words = |status, location| reply(status, location).fault().unwrap().to_string();
        assert_eq!(words(503, None), "status: the receiver answered 503 Service Unavailable");
        assert_eq!(words(599, None), "status: the receiver answered 599");
        assert_eq!(words(304, None), "status: the receiver answered 304 Not Modified");
        assert_eq!(
            words(308, Some("new.example.com")),
            "redirect: the receiver redirects to new.example.com (308); redirects are not followed: \
             register the final URL"
        );
        assert!(words(301, None).starts_with("redirect: the receiver redirects (301);"));
    }

    #[test]
    fn only_the_host_of_a_redirect_is_told() {
        let host = |status: u16, location: &'static str| {
            let headers = HeaderMap::from_iter([(LOCATION, http::HeaderValue::from_static(location))]);
            redirect_host(StatusCode::from_u16(status).unwrap(), &headers)
        };
        assert_eq!(host(301, "https://new.example.com/a?token=1").as_deref(), Some("new.example.com"));
        assert_eq!(host(302, "/elsewhere"), None);
        assert_eq!(host(302, "::: no URL"), None);
        assert_eq!(host(200, "https://new.example.com/"), None);
    }
}
