//! Events as they are accepted and read.

use std::sync::Arc;

use bytes::Bytes;
use stayhook_core::{
    BookingId, ClientId, EventId, EventType, IdempotencyKey, PropertyId, Reason, Span, State, UnixMs,
    WebhookId,
};

use crate::HandoffId;

/// Events of one group commit.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// The events, in order of acceptance.
    pub events: Vec<NewRow>,
    /// Of the copy of the webhooks by which the fan-out was decided, see
    /// [`crate::RegistryChanges`]; 0 where that need not be checked.
    pub registry_generation: i64,
    /// Those of the events that were collected: they leave the inbox with the same commit. One
    /// that another node accepted meanwhile is an [`Accepted::Duplicate`] of itself.
    pub collected: Vec<EventId>,
}

/// An event to be written.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// Made by the node; carries the moment of acceptance.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// At which property.
    pub property: PropertyId,
    /// To which booking.
    pub booking: Option<BookingId>,
    /// When it happened, by the producer.
    pub created_at: UnixMs,
    /// Who reported it.
    pub client: ClientId,
    /// The client whose action caused it.
    pub origin: Option<ClientId>,
    /// The producer's key and what it must come with again.
    pub idempotency: Option<IdempotencyClaim>,
    /// What to send, one per distinct body; at most 256, none without targets that need one.
    pub bodies: Vec<Body>,
    /// Every webhook of the property at this moment, and what it is to get.
    pub targets: Vec<Target>,
}

/// What a webhook gets of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The wire profile by which it was made, whose method, headers and signature fit to it:
    /// letters, digits, `-` and `_`, behind a `?` where the caller makes it later.
    pub profile: Arc<str>,
    /// The exact bytes to send.
    pub bytes: Bytes,
}

/// A key claimed for an event, per reporting client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// The key.
    pub key: IdempotencyKey,
    /// See [`stayhook_core::NewEvent::content_hash`].
    pub content: [u8; 32],
}

/// A webhook in the fan-out of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The webhook.
    pub webhook: WebhookId,
    /// Which of the event's bodies it gets.
    pub body: u8,
    /// What is to become of it.
    pub fate: TargetFate,
}

/// What fan-out decides for one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFate {
    /// Sent at once by this node: named in the handoff.
    Send,
    /// Waits in `pending`, due at once (held while the webhook is paused).
    Wait,
    /// Waits in `pending`, due so long after acceptance, for newer events of the same type and
    /// booking to take its place: then it is cancelled (`superseded`), and the newest is due when
    /// the first would have been. Stored as `Wait`.
    Gather(Span),
    /// Not sent. [`Reason::Unsubscribed`] is remembered in the event alone; any other reason
    /// gets a final row.
    Skip(Reason),
}

impl TargetFate {
    /// How long after acceptance a delivery that waits is due; `None` if it does not wait.
    pub(crate) fn wait(self) -> Option<Span> {
        match self {
            Self::Wait => Some(Span::ZERO),
            Self::Gather(window) => Some(window),
            Self::Send | Self::Skip(_) => None,
        }
    }
}

/// What became of an [`Intake`].
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The handoff that names everything to be sent at once; `None` if that is nothing.
    pub handoff: Option<HandoffId>,
    /// One for each event, in order. Only what is [`Accepted::New`] is in the handoff.
    pub results: Vec<Accepted>,
}

/// What became of one event of an intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Written.
    New,
    /// The key was used before with the same content: this is the first event's id, and how
    /// many deliveries it had.
    Duplicate {
        /// The first event.
        id: EventId,
        /// What was sent or held of it.
        deliveries: u32,
    },
    /// The key was used before with other content; nothing was written.
    Conflict,
}

/// An event as it is stored, with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLine {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// At which property.
    pub property: PropertyId,
    /// To which booking.
    pub booking: Option<BookingId>,
    /// When it happened.
    pub created_at: UnixMs,
    /// Who reported it.
    pub client: ClientId,
    /// Every webhook that the property had at acceptance.
    pub targets: Vec<TargetLine>,
}

/// What became of an event at one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetLine {
    /// The webhook, which may have been deleted since.
    pub webhook: WebhookId,
    /// Where its delivery stands.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
}
