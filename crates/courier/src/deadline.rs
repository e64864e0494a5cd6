//! The one time limit of an attempt.

use std::future::Future;

use stayhook_core::{Fault, FaultClass, Span};
use tokio::time::{Instant, sleep, timeout_at};

/// What an attempt is waiting for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    Lookup,
    Connect,
    Handshake,
    Request,
    Response,
    Headers,
    Body,
}

impl Phase {
    const fn words(self) -> &'static str {
        match self {
            Self::Lookup => "looking up the receiver's name",
            Self::Connect => "connecting to the receiver",
            Self::Handshake => "agreeing on TLS with the receiver",
            Self::Request => "sending the request, which the receiver does not take in",
            Self::Response => "waiting for the receiver's response",
            Self::Headers => "reading the headers of the receiver's response",
            Self::Body => "reading the receiver's response",
        }
    }
}

/// The moment at which an attempt ends, whatever it is waiting for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Span,
}

impl Deadline {
    /// A deadline `limit` from now. A sleep knows when it would end, so that the runtime's timer is the
    /// only clock here.
    pub(crate) fn after(limit: Span) -> Self {
        Self { at: sleep(limit.as_duration()).deadline(), limit }
    }

    /// Waits for `work`, but not beyond the deadline.
    pub(crate) async fn bound<F: Future>(self, phase: Phase, work: F) -> Result<F::Output, Fault> {
        self.bound_in(|| phase, work).await
    }

    /// Waits for `work` of several phases. `phase` says which of them it is in at the deadline.
    pub(crate) async fn bound_in<F: Future>(
        self,
        phase: impl FnOnce() -> Phase,
        work: F,
    ) -> Result<F::Output, Fault> {
        timeout_at(self.at, work).await.map_err(|_| {
            let words = format!("the {} for one attempt ran out while {}", self.limit, phase().words());
            Fault::new(FaultClass::Timeout, words)
        })
    }
}
