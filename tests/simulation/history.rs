//! What happened, in order: everything that can be seen from outside, and what the store was
//! told.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use stayhook_core::{
    BookingId, EventId, EventType, Fault, PropertyId, Secrets, Span, State, Status, UnixMs, Webhook,
    WebhookId,
};
use stayhook_engine::Enqueued;
use stayhook_store::{AttemptLine, Fate, TargetFate};

use crate::plan::Call;

/// Everything that happened in one simulation.
#[derive(Default)]
pub(crate) struct History(Mutex<Vec<Entry>>);

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// By the true time.
    pub(crate) at: UnixMs,
    /// Where.
    pub(crate) node: usize,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
#[expect(dead_code, reason = "what is told of a failure is all of it")]
pub(crate) enum What {
    /// A call of the API began.
    Asked {
        step: usize,
        call: Call,
        webhook: Option<WebhookId>,
        event: Option<EventId>,
    },
    /// It was answered.
    Answered {
        step: usize,
        answer: Answered,
    },
    /// A request went out.
    Sent(Sent),
    /// It ended.
    Ended {
        send: usize,
        status: Option<u16>,
        retry_after: Option<Span>,
        ours: bool,
    },
    /// Its sender lost interest: nobody knows what became of it.
    Lost {
        send: usize,
    },
    /// The store was told what became of a delivery, and took it.
    Written(Written),
    /// A webhook's status changed by an attempt or by the clock.
    Status {
        webhook: WebhookId,
        status: Status,
    },
    /// The store has a webhook like this from now on, because somebody asked for it.
    Applied(Applied),
    /// The webhook is deleted.
    Gone {
        webhook: WebhookId,
    },
    /// The property may be served, or may not.
    Entitled {
        property: PropertyId,
        entitled: bool,
    },
    /// A delivery that had ended, or waited, is due; where many were asked for, none is named.
    Requeued {
        webhook: WebhookId,
        event: Option<EventId>,
    },
    /// The store has taken an event.
    Accepted(Accepted),
    Started,
    Crashed,
    Stopping,
    Stopped,
    Frozen,
    Thawed,
    ClockSet {
        by_ms: i64,
    },
    /// The database does not answer the node, until then.
    Outage {
        until: UnixMs,
    },
    /// From now on every receiver is well.
    Calm,
    /// It does not come to an end: what goes on.
    Stuck(String),
    /// Somebody looked at an event, at the end of its time or of the simulation.
    Looked {
        event: EventId,
        targets: Option<Vec<Target>>,
    },
}

#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) send: usize,
    pub(crate) webhook: WebhookId,
    pub(crate) event: EventId,
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) body: Bytes,
    /// By the node's clock.
    pub(crate) wall: UnixMs,
    pub(crate) timestamp: i64,
    pub(crate) signature: String,
    pub(crate) next_signature: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) webhook: WebhookId,
    pub(crate) event: EventId,
    pub(crate) step: WrittenStep,
    pub(crate) fate: Fate,
}

#[derive(Clone, Debug)]
pub(crate) enum WrittenStep {
    /// An attempt: by the node's clock, when it began and ended.
    Tried {
        began: UnixMs,
        ended: UnixMs,
        accepted: bool,
        counts: bool,
        /// The receiver wants nothing more.
        gone: bool,
        url_number: u32,
    },
    Ended,
    Spilled,
}

/// A webhook as the store has it.
#[derive(Clone)]
pub(crate) struct Applied {
    pub(crate) webhook: Webhook,
    pub(crate) url_number: u32,
    pub(crate) secrets: Secrets,
}

/// An event as the store took it.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) event: EventId,
    pub(crate) kind: EventType,
    pub(crate) property: PropertyId,
    pub(crate) booking: Option<BookingId>,
    /// Comes from the webhooks' own client.
    pub(crate) own: bool,
    pub(crate) targets: Vec<(WebhookId, TargetFate)>,
}

/// What a call came to.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "what is told of a failure is all of it")]
pub(crate) enum Answered {
    Created {
        webhook: WebhookId,
    },
    Enqueued(Vec<Enqueued>),
    Changed {
        status: Status,
    },
    Deleted,
    Rotated {
        until: UnixMs,
    },
    Entitled,
    Retried,
    Recovered(u64),
    /// In words.
    Refused(String),
}

/// One delivery of an event as the log shows it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) webhook: WebhookId,
    pub(crate) state: State,
    pub(crate) completed_at: Option<UnixMs>,
    /// `None` where the webhook is gone, or never had it in its log.
    pub(crate) attempts: Option<Vec<Attempt>>,
}

/// One attempt as the log shows it.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) began: UnixMs,
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<Fault>,
    pub(crate) url: String,
}

impl From<&AttemptLine> for Attempt {
    fn from(line: &AttemptLine) -> Self {
        let reply = &line.reply;
        Self {
            began: line.started_at,
            status: reply.status,
            fault: reply.fault.clone(),
            url: line.url.clone(),
        }
    }
}

impl History {
    pub(crate) fn push(&self, at: UnixMs, node: usize, what: What) {
        self.lock().push(Entry { at, node, what });
    }

    /// Reads what was added since so many entries; returns how many there are now.
    pub(crate) fn read_from(&self, known: usize, mut read: impl FnMut(&Entry)) -> usize {
        let entries = self.lock();
        entries[known..].iter().for_each(&mut read);
        entries.len()
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { send, webhook, event, kind, url, .. } = self;
        write!(f, "#{send} {kind} {event} to webhook {webhook} at {url}")
    }
}

/// Secrets do not print.
impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Webhook { id, url, status, events, version, .. } = &self.webhook;
        let patterns: Vec<&str> = events.patterns().iter().map(stayhook_core::EventPattern::as_str).collect();
        write!(f, "webhook {id} v{version} {status:?} {url} {patterns:?}")
    }
}
