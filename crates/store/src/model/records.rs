//! Rows of the delivery log: attempts, and ends that came without one.

use stayhook_core::{
    End, EventId, Fault, FaultClass, Next, Progress, Span, State as Stands, UnixMs, WebhookId,
};

use super::state::State;
use crate::{Reply, Tried};

/// What was tried, or how a delivery ended without.
#[derive(Clone)]
pub(super) struct Row {
    /// From 1 within a delivery, ends counted.
    pub(super) n: u32,
    pub(super) at: UnixMs,
    pub(super) duration: Span,
    /// Which URL was called; none for an end without an attempt.
    pub(super) url_number: Option<u32>,
    pub(super) reply: Reply,
    pub(super) next_at: Option<UnixMs>,
    /// How the delivery ended, if it did.
    pub(super) end: Option<Stands>,
}

impl Row {
    pub(super) fn tried(progress: Progress, tried: &Tried, next: Next) -> Self {
        let (next_at, end) = match next {
            Next::Delivered => (None, Some(Stands::Delivered)),
            Next::Ended(end) => (None, Some(Stands::Ended(end))),
            Next::Retry { due, .. } => (Some(due), None),
        };
        Self {
            n: progress.attempts.saturating_add(1),
            at: tried.started_at,
            duration: tried.duration,
            url_number: Some(tried.url_number),
            reply: tried.reply.clone(),
            next_at,
            end,
        }
    }

    pub(super) fn ended(attempts: u32, at: UnixMs, end: End) -> Self {
        Self {
            n: attempts.saturating_add(1),
            at,
            duration: Span::ZERO,
            url_number: None,
            reply: Reply::default(),
            next_at: None,
            end: Some(Stands::Ended(end)),
        }
    }

    /// An attempt of which nobody wrote the outcome.
    pub(super) fn interrupted(attempts: u32, at: UnixMs, url_number: u32, end: Option<End>) -> Self {
        let words =
            "the engine lost this attempt before it wrote an outcome; it may have been sent".to_owned();
        Self {
            n: attempts.saturating_add(1),
            at,
            duration: Span::ZERO,
            url_number: Some(url_number),
            reply: Reply { fault: Some(Fault { class: FaultClass::Interrupted, words }), ..Reply::default() },
            next_at: end.is_none().then_some(at),
            end: end.map(Stands::Ended),
        }
    }
}

impl State {
    pub(super) fn record(&mut self, webhook: WebhookId, event: EventId, row: Row) {
        self.attempts.entry((webhook, event)).or_default().push(row);
    }

    pub(super) fn rows(&self, webhook: WebhookId, event: EventId) -> &[Row] {
        self.attempts.get(&(webhook, event)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The number of the last row: what the next attempt counts on from.
    pub(super) fn last_row(&self, webhook: WebhookId, event: EventId) -> u32 {
        self.rows(webhook, event).last().map_or(0, |row| row.n)
    }
}
