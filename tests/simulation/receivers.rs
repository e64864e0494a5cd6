//! Receivers that behave as the seed says: they answer, hang, fail, die and come back.

use bytes::Bytes;
use stayhook_core::{Fault, FaultClass, Span, UnixMs};
use stayhook_courier::{Answer, Reply};

use crate::clock::START;
use crate::rng::mix;

/// A receiver's life: what it does from which moment on (since the start) until the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receiver(pub(crate) Vec<(Span, Behaviour)>);

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Accepts within milliseconds.
    Healthy,
    /// Fails so many times out of a hundred.
    Flaky(u64),
    /// Accepts, after seconds.
    Slow(u64),
    /// Never answers.
    Hangs,
    /// No connection comes about.
    Dead,
    /// Answers this status at once.
    Says(u16),
    /// Asks to be left alone for so many seconds, with 429 or 503.
    Busy(u16, u64),
    /// Well, but the engine's own resolver fails now and then.
    Unresolved,
}

/// What a request leads to.
pub(crate) struct Reaction {
    /// After so long.
    pub(crate) after: Span,
    pub(crate) answer: Answer,
}

impl Receiver {
    pub(crate) fn behaviour(&self, at: UnixMs) -> Behaviour {
        let age = at.since(START);
        let phases = self.0.iter().take_while(|(from, _)| *from <= age);
        phases.last().map_or(Behaviour::Healthy, |(_, it)| *it)
    }
}

impl Behaviour {
    /// What a request leads to that comes with this luck.
    pub(crate) fn react(self, luck: u64, timeout: Span) -> Reaction {
        let quick = Span::millis(1 + mix(&[luck, 1]) % 40);
        let (after, answer) = match self {
            Self::Healthy => (quick, says(200 + (mix(&[luck, 2]) % 5) as u16)),
            Self::Flaky(chance) if mix(&[luck, 3]) % 100 < chance => {
                (quick, says([500, 404, 502, 401][(luck % 4) as usize]))
            }
            Self::Flaky(_) => (quick, says(200)),
            Self::Slow(seconds) => (Span::millis(seconds * 1_000 + luck % 1_000), says(200)),
            Self::Hangs => (timeout, failed(FaultClass::Timeout)),
            Self::Dead => (quick, failed(FaultClass::Connect)),
            Self::Says(status) => (quick, says(status)),
            Self::Busy(status, seconds) => (quick, busy(status, seconds)),
            Self::Unresolved if mix(&[luck, 4]) % 100 < 40 => (quick, failed(FaultClass::Interrupted)),
            Self::Unresolved => (quick, says(200)),
        };
        if after < timeout {
            return Reaction { after, answer };
        }
        Reaction { after: timeout, answer: failed(FaultClass::Timeout) }
    }
}

fn says(status: u16) -> Answer {
    let body = Bytes::from_static(b"simulated");
    Answer::Replied(Reply { status, retry_after: None, location: None, body, page: None, reused: false })
}

fn busy(status: u16, seconds: u64) -> Answer {
    let retry_after = Some(Span::seconds(seconds));
    Answer::Replied(Reply {
        status,
        retry_after,
        location: None,
        body: Bytes::new(),
        page: None,
        reused: false,
    })
}

fn failed(class: FaultClass) -> Answer {
    Answer::Failed(Fault::new(class, "simulated"))
}
