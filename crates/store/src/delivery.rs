//! Deliveries as they are claimed, concluded, swept and read.

use std::sync::Arc;

use bytes::Bytes;
use stayhook_core::{
    Backoff, BookingId, DisableRule, End, EventId, EventType, Fault, Next, Outcome, Policy, Progress,
    PropertyId, Reason, Roll, Span, State, Status, UnixMs, WebhookId,
};

use crate::{Body, Entitlement};

/// A group commit's deliveries that are in memory of the node that accepted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandoffId(pub i64);

/// What became of a batch of deliveries.
#[derive(Clone, Debug)]
pub struct Conclude {
    /// Each delivery's fate, in the order in which they ended.
    pub conclusions: Vec<Conclusion>,
    /// Handoffs whose last delivery is concluded by this batch.
    pub finished: Vec<HandoffId>,
    /// The moment of writing.
    pub now: UnixMs,
    /// The rules to decide by.
    pub policy: Policy,
}

/// What became of one delivery that this node held.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// To whom.
    pub webhook: WebhookId,
    /// What.
    pub event: EventId,
    /// The event's booking, for the pending row.
    pub booking: Option<BookingId>,
    /// Where it came from.
    pub origin: Origin,
    /// How far it had come when it was taken: the fence.
    pub progress: Progress,
    /// What happened.
    pub step: Step,
}

/// Where a node has a delivery from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It accepted the event itself.
    Handoff(HandoffId),
    /// It claimed the pending row.
    Claim,
}

/// What happened to a delivery in the hands of a node.
#[derive(Clone, Debug)]
pub enum Step {
    /// An attempt was made: [`stayhook_core::decide`] says what follows.
    Tried(Tried),
    /// It was called off without an attempt.
    Ended(End),
    /// It goes back to `pending`, without an attempt, due then.
    Spilled {
        /// When it is due.
        due: UnixMs,
    },
}

/// An attempt that was made.
#[derive(Clone, Debug)]
pub struct Tried {
    /// When it began.
    pub started_at: UnixMs,
    /// How long it took.
    pub duration: Span,
    /// What it showed.
    pub outcome: Outcome,
    /// The throw of the dice for the delay.
    pub roll: Roll,
    /// The delays of the webhook's profile, where they are not the deployment's.
    pub backoff: Option<Backoff>,
    /// Which of the webhook's URLs was called.
    pub url_number: u32,
    /// What came back.
    pub reply: Reply,
}

impl Tried {
    /// The rules to decide by what follows.
    pub(crate) fn policy(&self, deployment: &Policy) -> Policy {
        Policy { backoff: self.backoff.unwrap_or(deployment.backoff), ..*deployment }
    }

    /// What the attempt showed about a webhook whose URL now has this number.
    pub(crate) fn outcome_at(&self, url_number: Option<u32>) -> Outcome {
        let moved = url_number.is_some_and(|it| it != self.url_number);
        let blamed = matches!(self.outcome, Outcome::Failed { .. } | Outcome::Gone);
        if moved && blamed { Outcome::Moved } else { self.outcome }
    }
}

/// What came back from a receiver, or what went wrong instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// Why the attempt failed, if it did; or what is suspicious about its success.
    pub fault: Option<Fault>,
    /// The beginning of the body, at most 1 KiB.
    pub body: Bytes,
}

/// What a [`Conclude`] did.
#[derive(Clone, Debug, Default)]
pub struct Concluded {
    /// One for each conclusion, in order.
    pub fates: Vec<Fate>,
    /// Webhooks whose status changed by it.
    pub statuses: Vec<StatusChanged>,
}

/// What a conclusion led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Written; this is what follows.
    Written(Next),
    /// Given back to `pending`.
    Spilled,
    /// Too late: somebody else had taken the delivery over, or it had ended. Nothing written.
    Stale,
}

/// A webhook's new status, for the nodes' copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChanged {
    /// Whose.
    pub webhook: WebhookId,
    /// What it is now.
    pub status: Status,
    /// The webhook's version now: copies with a higher one are newer.
    pub version: i64,
}

/// What to claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What is due by then.
    pub now: UnixMs,
    /// How long the caller keeps it without concluding it.
    pub lease: Span,
    /// At most so many webhooks.
    pub lanes: usize,
    /// At most so many deliveries of each.
    pub per_lane: usize,
    /// Not of these webhooks: their windows are full.
    pub skip: Vec<WebhookId>,
    /// Where more is due than one claim takes, clients take turns: first those after this one.
    pub after: Option<String>,
}

/// What was claimed.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// The deliveries, by webhook, each in order of due time and acceptance.
    pub due: Vec<Due>,
    /// When the next delivery of a webhook that was not skipped falls due; `None` if none
    /// waits. At or before `now` if more is due already.
    pub next: Option<UnixMs>,
    /// The last client whose turn it was: [`Claim::after`] of the next claim.
    pub last: Option<String>,
}

/// A delivery that is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// To whom.
    pub webhook: WebhookId,
    /// What.
    pub event: EventId,
    /// What happened.
    pub kind: EventType,
    /// To which booking.
    pub booking: Option<BookingId>,
    /// How far it has come: the fence.
    pub progress: Progress,
    /// The exact bytes to send.
    pub body: Body,
}

/// What the clock demands.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The moment.
    pub now: UnixMs,
    /// `retention.keep`: what was accepted longer ago and still waits, expires.
    pub keep: Span,
    /// What was accepted longer ago is pruned; at least `keep`.
    pub prune: Span,
    /// The 72-hour rule.
    pub disable: DisableRule,
    /// What paused webhooks keep.
    pub hold: HoldLimits,
    /// At most so many rows in one transaction.
    pub batch: usize,
}

/// What a paused webhook keeps: `hold.*`. The oldest deliveries beyond it expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldLimits {
    /// For how long after the acceptance of its event a delivery is held.
    pub max_age: Span,
    /// How many deliveries are held.
    pub max_events: u64,
}

impl Default for HoldLimits {
    fn default() -> Self {
        Self { max_age: Span::hours(72), max_events: 10_000 }
    }
}

/// What a sweep did.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// Webhooks whose status changed by it.
    pub statuses: Vec<StatusChanged>,
    /// Deliveries that expired.
    pub expired: u64,
    /// Events pruned, each with its records.
    pub pruned: u64,
    /// When to sweep again; at or before `now` if a bound cut this sweep short; `None` if
    /// nothing is stored that the clock could change.
    pub next: Option<UnixMs>,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only in this state, by its name in the API (`pending`, `cancelled`, …).
    pub state: Option<String>,
    /// Only of this type.
    pub kind: Option<EventType>,
    /// Only of this booking: its number or text, however it was written.
    pub booking: Option<String>,
    /// Only accepted at or after.
    pub since: Option<UnixMs>,
    /// Only accepted before.
    pub until: Option<UnixMs>,
}

/// Which deliveries to list across webhooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliverySearch {
    /// Only of this webhook.
    pub webhook: Option<WebhookId>,
    /// Only of this property.
    pub property: Option<PropertyId>,
    /// And as in a webhook's own log.
    pub filter: DeliveryFilter,
}

/// Which ended deliveries of a webhook to requeue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recover {
    /// Of events accepted at or after.
    pub since: UnixMs,
    /// Of events accepted before.
    pub until: UnixMs,
    /// Those that were `cancelled` or `expired`.
    pub failed: bool,
    /// Those that were `skipped` because the webhook was disabled.
    pub missed: bool,
    /// Whether properties may be served about which nothing was set.
    pub entitled_by_default: bool,
}

/// What came of a recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// So many deliveries are due now.
    pub requeued: u64,
    /// So many stay as they are, since the webhook does not subscribe to their types any more.
    pub unsubscribed: u64,
    /// So many stay as they are, since the property is not entitled.
    pub not_entitled: u64,
}

impl Recovered {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            requeued: self.requeued + other.requeued,
            unsubscribed: self.unsubscribed + other.unsubscribed,
            not_entitled: self.not_entitled + other.not_entitled,
        }
    }
}

impl Recover {
    /// Whether a delivery that stands so is to be requeued.
    pub(crate) fn wants(&self, state: State) -> bool {
        match state {
            // What a newer event took the place of would arrive after it.
            State::Ended(End::Cancelled(Reason::Superseded)) => false,
            State::Ended(End::Cancelled(_) | End::Expired(_)) => self.failed,
            State::Ended(End::Skipped(Reason::WebhookDisabled)) => self.missed,
            State::Ended(End::Skipped(_)) | State::Delivered => false,
            State::Pending | State::Held | State::Delivering => false,
        }
    }

    /// Whether the property of which this was set may be served.
    pub(crate) fn serves(&self, entitlement: Entitlement) -> bool {
        entitlement.set.unwrap_or(self.entitled_by_default)
    }
}

/// A delivery as the log shows it. It was created when its event was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryLine {
    /// To whom.
    pub webhook: WebhookId,
    /// What.
    pub event: EventId,
    /// What happened.
    pub kind: EventType,
    /// To which booking.
    pub booking: Option<BookingId>,
    /// Where it stands.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
    /// When the next attempt may start, where one waits.
    pub next_attempt_at: Option<UnixMs>,
    /// When it ended, where it has.
    pub completed_at: Option<UnixMs>,
    /// The profile of what is sent, where one delivery is read; a list leaves it out.
    pub profile: Option<Arc<str>>,
}

/// An attempt as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptLine {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub started_at: UnixMs,
    /// How long it took.
    pub duration: Span,
    /// The URL that was called, as it was given.
    pub url: String,
    /// What came back.
    pub reply: Reply,
    /// When the next attempt was planned, where one was.
    pub next_attempt_at: Option<UnixMs>,
}
