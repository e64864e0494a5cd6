//! One HTTP/1.1 connection to a receiver.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use stayhook_core::{Fault, FaultClass};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::answer::{self, MAX_HEADER_BYTES, MAX_HEADER_FIELDS};
use crate::connect::Vetted;
use crate::deadline::Deadline;
use crate::watched::{Progress, Watched};

/// The most that is buffered of what a receiver sends ahead of being read.
const MAX_BUFFERED: usize = 64 * 1024;

/// How many interim (1xx) responses a receiver may send before its final one.
const MOST_INTERIM: u32 = 16;

/// An open connection. Dropping it closes the socket at once.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    vetted: Vetted,
    interim: Arc<Interim>,
    progress: Arc<Progress>,
    driver: AbortHandle,
}

/// How the sending of a request ended.
pub(crate) enum Sent {
    /// With a response whose headers are complete.
    Answered(Response<Incoming>),
    /// The connection turned out to be closed, and nothing of the request was written to it.
    Unsent(Request<Full<Bytes>>),
    /// Otherwise.
    Failed(Fault),
}

/// Counts the interim responses to the request that is under way.
#[derive(Default)]
struct Interim {
    seen: AtomicU32,
    too_many: Notify,
}

impl Interim {
    fn count(&self) {
        if self.seen.fetch_add(1, Ordering::Relaxed) == MOST_INTERIM {
            self.too_many.notify_one();
        }
    }
}

impl Connection {
    /// Speaks HTTP/1.1 over a fresh stream to `vetted`.
    pub(crate) async fn start<S>(stream: S, vetted: Vetted) -> Result<Self, Fault>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let progress = Arc::<Progress>::default();
        let stream = Watched { stream, progress: Arc::clone(&progress) };
        let (sender, driver) = Builder::new()
            .title_case_headers(true)
            .max_buf_size(MAX_BUFFERED)
            .max_header_size(MAX_HEADER_BYTES)
            .max_headers(MAX_HEADER_FIELDS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| answer::explain(&error))?;
        // Errors of the connection reach whoever waits for a response on it.
        let driver = tokio::spawn(async move { drop(driver.await) }).abort_handle();
        Ok(Self { sender, vetted, interim: Arc::default(), progress, driver })
    }

    /// The address that this connection leads to.
    pub(crate) fn vetted(&self) -> Vetted {
        self.vetted
    }

    /// Whether it is of no more use: the receiver has closed it, has sent something that nobody asked
    /// for, or has flooded us.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed() || self.interim.seen.load(Ordering::Relaxed) > MOST_INTERIM
    }

    /// Sends a request and waits for the headers of its response.
    pub(crate) async fn send(&mut self, mut request: Request<Full<Bytes>>, deadline: Deadline) -> Sent {
        self.progress.begin();
        let phase = || self.progress.phase();
        match deadline.bound_in(phase, self.sender.ready()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Sent::Unsent(request),
            Err(fault) => return Sent::Failed(fault),
        }
        self.interim.seen.store(0, Ordering::Relaxed);
        let interim = Arc::clone(&self.interim);
        hyper::ext::on_informational(&mut request, move |_| interim.count());

        let response = self.sender.try_send_request(request);
        let flooded = self.interim.too_many.notified();
        let outcome = deadline.bound_in(phase, async {
            tokio::select! {
                response = response => Some(response),
                () = flooded => None,
            }
        });
        match outcome.await {
            Err(fault) => Sent::Failed(fault),
            Ok(None) => Sent::Failed(Fault::new(
                FaultClass::Protocol,
                "the receiver sends interim (1xx) responses without end",
            )),
            Ok(Some(Ok(response))) => Sent::Answered(response),
            Ok(Some(Err(mut error))) => match error.take_message() {
                Some(request) => Sent::Unsent(request),
                None => Sent::Failed(answer::explain(error.error())),
            },
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
