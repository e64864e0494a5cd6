//! Rows of `attempts`: what was tried, and how deliveries ended.

use stayhook_core::{End, EventId, Fault, FaultClass, Next, Progress, Span, State, UnixMs, WebhookId};

use crate::Tried;

/// What an interrupted attempt says.
const MAY_HAVE_BEEN_SENT: &str =
    "the engine lost this attempt before it wrote an outcome; it may have been sent";

/// One row of `attempts`.
pub(crate) struct Record<'a> {
    pub(crate) webhook: WebhookId,
    pub(crate) event: EventId,
    pub(crate) n: u32,
    pub(crate) at: UnixMs,
    pub(crate) duration: Span,
    /// Which URL was called; none for an end that came without an attempt.
    pub(crate) url_number: Option<u32>,
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<(FaultClass, &'a str)>,
    pub(crate) body: &'a [u8],
    pub(crate) next_at: Option<UnixMs>,
    pub(crate) end: Option<State>,
}

impl<'a> Record<'a> {
    /// An attempt that was made, and what follows from it.
    pub(crate) fn tried(
        webhook: WebhookId,
        event: EventId,
        progress: Progress,
        tried: &'a Tried,
        next: Next,
    ) -> Self {
        let reply = &tried.reply;
        let (next_at, end) = match next {
            Next::Delivered => (None, Some(State::Delivered)),
            Next::Ended(end) => (None, Some(State::Ended(end))),
            Next::Retry { due, .. } => (Some(due), None),
        };
        Self {
            webhook,
            event,
            n: progress.attempts.saturating_add(1),
            at: tried.started_at,
            duration: tried.duration,
            url_number: Some(tried.url_number),
            status: reply.status,
            fault: reply.fault.as_ref().map(|Fault { class, words }| (*class, words.as_str())),
            body: &reply.body,
            next_at,
            end,
        }
    }

    /// An end that came without an attempt, after `attempts` of them.
    pub(crate) fn ended(webhook: WebhookId, event: EventId, attempts: u32, at: UnixMs, end: End) -> Self {
        Self {
            webhook,
            event,
            n: attempts.saturating_add(1),
            at,
            duration: Span::ZERO,
            url_number: None,
            status: None,
            fault: None,
            body: &[],
            next_at: None,
            end: Some(State::Ended(end)),
        }
    }

    /// An attempt whose outcome nobody wrote: it may have been made. Without an `end`
    /// another one is due at once.
    pub(crate) fn interrupted(
        webhook: WebhookId,
        event: EventId,
        attempts: u32,
        at: UnixMs,
        url_number: u32,
        end: Option<End>,
    ) -> Self {
        Self {
            webhook,
            event,
            n: attempts.saturating_add(1),
            at,
            duration: Span::ZERO,
            url_number: Some(url_number),
            status: None,
            fault: Some((FaultClass::Interrupted, MAY_HAVE_BEEN_SENT)),
            body: &[],
            next_at: end.is_none().then_some(at),
            end: end.map(State::Ended),
        }
    }
}
