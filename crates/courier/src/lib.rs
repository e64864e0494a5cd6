//! The only door out: the crate that talks to receivers.
//!
//! An attempt walks through the rooms in order: `resolve` asks for the receiver's addresses,
//! `connect` judges every one of them and opens a connection to one that was judged, `request`
//! writes the request, `answer` reads what comes back within bounds. One deadline covers all of it.
//! Nothing follows redirects, decompresses, or looks at proxy variables.

mod answer;
mod config;
mod connect;
mod connection;
mod courier;
mod deadline;
#[cfg(fuzzing)]
pub mod fuzzing;
mod page;
mod pool;
mod request;
mod resolve;
mod retry_after;
mod tls;
mod trust;
mod watched;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use stayhook_core::{UnixMs, WebhookId, WebhookUrl};

pub use answer::{Answer, MAX_BODY_KEPT, MAX_BODY_READ, MAX_HEADER_BYTES, MAX_HEADER_FIELDS, Reply};
pub use config::{CourierConfig, CourierError};
pub use courier::Courier;
pub use page::Page;

/// What carries a request to a receiver and brings back what became of it.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Makes one attempt. Ends within the attempt's time limit, whatever the receiver does.
    async fn send(&self, outbound: Outbound) -> Answer;

    /// Drops what is kept for a webhook between its attempts.
    fn forget(&self, webhook: WebhookId);
}

/// One request to a receiver. It has no `Debug`: headers hold credentials, and bodies guests' data.
#[derive(Clone)]
pub struct Outbound {
    /// Whose request it is: connections are not shared among webhooks.
    pub webhook: WebhookId,
    /// The moment of the attempt, to which a `Retry-After` date is compared.
    pub now: UnixMs,
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: WebhookUrl,
    /// The headers in the order in which they are sent. `Host`, `Content-Length` and the other headers
    /// that frame a message are the courier's own; those given here are left out.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// How much of the response's body is kept, in bytes: [`MAX_BODY_KEPT`], or up to
    /// [`MAX_BODY_READ`] where the response is needed for more than the log.
    pub keep: usize,
}
