//! What of a body has not been read when its request is answered. Were it left alone, the connection
//! would be reset while its sender still writes, who then sees a broken pipe instead of the answer.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

/// So much of it is read, and thrown away.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// So long it may take to come.
const PATIENCE: Duration = Duration::from_secs(2);

/// The place in which the rest of a body is found once nobody reads it any more.
pub(crate) struct Leftover(Arc<Mutex<Option<Body>>>);

impl Leftover {
    /// Watches over the body of a request; nothing where it has none.
    pub(crate) fn of(request: Request) -> (Request, Option<Self>) {
        if request.body().is_end_stream() {
            return (request, None);
        }
        let place = Arc::new(Mutex::new(None));
        // Who waits for leave to send does not send without it.
        let waits = request.headers().contains_key(EXPECT);
        let watched =
            |body| Body::new(Watched { body: Some(body), is_coming: !waits, place: Arc::clone(&place) });
        (request.map(watched), Some(Self(place)))
    }

    /// Reads the rest, within bounds. A courtesy: whether it ended by itself makes no difference.
    pub(crate) async fn drain(self) {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut rest) = rest else { return };
        let reading = async {
            let mut read = 0;
            while let Some(Ok(frame)) = rest.frame().await
                && read <= MOST_BYTES
            {
                read += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        let _ = timeout(PATIENCE, reading).await;
    }
}

/// A body that leaves what was not read of it in its place.
struct Watched {
    /// None once it has ended or failed.
    body: Option<Body>,
    /// Whether its sender has begun to send.
    is_coming: bool,
    place: Arc<Mutex<Option<Body>>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_coming = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| self.is_coming && !body.is_end_stream());
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = rest;
    }
}

/// A body that never ends, or breaks off after some frames.
#[cfg(test)]
pub(super) struct Stubborn {
    frames: Arc<std::sync::atomic::AtomicUsize>,
    breaks_after: Option<usize>,
}

#[cfg(test)]
impl Stubborn {
    pub(super) fn new(breaks_after: Option<usize>) -> Self {
        Self { frames: Arc::default(), breaks_after }
    }
}

#[cfg(test)]
impl HttpBody for Stubborn {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let frames = self.frames.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if self.breaks_after.is_some_and(|most| frames >= most) {
            return Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())));
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1_024])))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    /// How many KiB are asked for of an endless body, of which so many were read before.
    async fn drained(read_before: usize, expect: bool) -> usize {
        let endless = Stubborn::new(None);
        let frames = Arc::clone(&endless.frames);
        let mut request = Request::builder();
        if expect {
            request = request.header(EXPECT, "100-continue");
        }
        let (mut request, leftover) = Leftover::of(request.body(Body::new(endless)).unwrap());
        for _ in 0..read_before {
            assert!(request.body_mut().frame().await.unwrap().is_ok());
        }
        drop(request);
        leftover.unwrap().drain().await;
        frames.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn the_rest_of_a_body_is_read_within_bounds() {
        assert_eq!(drained(0, false).await, MOST_BYTES / 1_024 + 2);
        assert_eq!(drained(7, false).await, 7 + MOST_BYTES / 1_024 + 2);
    }

    #[tokio::test]
    async fn what_waits_for_leave_is_not_called_for() {
        assert_eq!(drained(0, true).await, 0);
        assert!(drained(1, true).await > 1, "it was given leave");
    }

    #[tokio::test]
    async fn nothing_is_left_of_what_was_read_or_broke_off() {
        assert!(Leftover::of(Request::new(Body::empty())).1.is_none());
        let (request, leftover) = Leftover::of(Request::new(Body::from("{}")));
        assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "{}");
        leftover.unwrap().drain().await;
        let broken = Stubborn::new(Some(2));
        let frames = Arc::clone(&broken.frames);
        let (request, leftover) = Leftover::of(Request::new(Body::new(broken)));
        assert!(request.into_body().collect().await.is_err());
        leftover.unwrap().drain().await;
        assert_eq!(frames.load(Ordering::Relaxed), 3);
    }
}
