//! What follows from what is stored about a delivery. Its state is derived: what waits in
//! `pending` waits, else its last attempt says how it ended, else it is in a handoff, that is,
//! in flight.

use stayhook_core::{BookingId, End, EventId, EventType, Reason, State, UnixMs, WebhookId};

use crate::DeliveryLine;

/// What holds for all deliveries of a webhook.
#[derive(Default)]
pub(crate) struct Lane {
    pub(crate) held: bool,
    /// What waits is cancelled for this reason since then, though not every row says so yet.
    pub(crate) closing: Option<(Reason, UnixMs)>,
}

/// What is stored about one delivery.
pub(crate) struct Facts {
    pub(crate) waiting: Option<Waiting>,
    /// Attempts made.
    pub(crate) attempts: u32,
    pub(crate) ended: Option<(State, UnixMs)>,
}

/// A row of `pending`.
pub(crate) struct Waiting {
    pub(crate) due: UnixMs,
    pub(crate) leased: bool,
}

impl Facts {
    /// Where the delivery stands, and since when if it has ended.
    pub(crate) fn state(&self, lane: &Lane) -> (State, Option<UnixMs>) {
        match (&self.waiting, &lane.closing, self.ended) {
            (Some(Waiting { leased: true, .. }), _, _) => (State::Delivering, None),
            (Some(_), Some((reason, since)), _) => (State::Ended(End::Cancelled(*reason)), Some(*since)),
            (Some(_), None, _) if lane.held => (State::Held, None),
            (Some(_), None, _) => (State::Pending, None),
            (None, _, Some((state, at))) => (state, Some(at)),
            (None, _, None) => (State::Delivering, None),
        }
    }

    /// Where the delivery stands if its webhook was deleted: what had not ended is cancelled,
    /// unless an attempt is still under way.
    pub(crate) fn state_of_deleted(&self) -> State {
        let deleted = Lane { held: false, closing: Some((Reason::WebhookDeleted, UnixMs(0))) };
        match self.state(&deleted).0 {
            State::Delivering if self.waiting.is_none() => {
                State::Ended(End::Cancelled(Reason::WebhookDeleted))
            }
            state => state,
        }
    }
}

/// What an event says about all of its deliveries.
pub(crate) struct Head {
    pub(crate) kind: EventType,
    pub(crate) booking: Option<BookingId>,
}

/// The delivery as the log shows it.
pub(crate) fn line(
    webhook: WebhookId,
    event: EventId,
    head: Head,
    facts: &Facts,
    lane: &Lane,
) -> DeliveryLine {
    let (state, completed_at) = facts.state(lane);
    let waits = state == State::Pending;
    DeliveryLine {
        webhook,
        event,
        kind: head.kind,
        booking: head.booking,
        state,
        attempts: facts.attempts,
        next_attempt_at: facts.waiting.as_ref().map(|it| it.due).filter(|due| waits && due.0 < i64::MAX),
        completed_at,
        profile: None,
    }
}

/// Where deliveries of a state are to be found.
pub(crate) struct Places {
    pub(crate) attempts: bool,
    pub(crate) pending: bool,
    pub(crate) handoffs: bool,
}

impl Places {
    pub(crate) fn of(state: Option<&str>) -> Self {
        let Some(state) = state else { return Self { attempts: true, pending: true, handoffs: true } };
        let delivering = state == State::Delivering.as_str();
        let waits = delivering || [State::Pending, State::Held].iter().any(|it| it.as_str() == state);
        Self { attempts: !waits, pending: waits, handoffs: delivering }
    }
}
