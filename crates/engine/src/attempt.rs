//! One attempt: look at the webhook as it is now, sign, send, say what it means.

use std::sync::Arc;
use std::time::Duration;

use stayhook_core::{End, Fault, FaultClass, Outcome, Reason, Span, Status, UnixMs};
use stayhook_courier::{Answer, Outbound};
use stayhook_store::{Conclusion, Reply, Step, Tried};

use crate::engine::Shared;
use crate::queues::Item;
use crate::registry::Entry;
use crate::window::Feedback;
use crate::wire::{self, Message};

/// A delivery whose attempt has started. Whatever happens to it, also a panic or the end of
/// its task, it is concluded exactly once and its place is given back.
pub(crate) struct Ticket {
    shared: Arc<Shared>,
    item: Option<Item>,
    started: Started,
}

/// When the attempt began, on both clocks.
#[derive(Clone, Copy)]
struct Started {
    wall: UnixMs,
    monotonic: Duration,
}

/// Makes the attempt.
pub(crate) async fn run(ticket: Ticket) {
    let Some(item) = &ticket.item else { return };
    let entry = ticket.shared.registry.get(item.webhook);
    let (step, feedback) = if !is_held(&ticket.shared, item) {
        (spilled(item, ticket.started.wall), Feedback::Neutral)
    } else {
        match ticket.shared.standing(entry.as_deref(), item, ticket.started.wall) {
            Standing::Send(entry) => make(&ticket, entry, item).await,
            Standing::Not(step) => (step, Feedback::Neutral),
        }
    };
    ticket.conclude(step, feedback);
}

/// Whether the delivery is still this node's: the process may have been stopped, or cut off
/// from the database, for so long that others have taken it over. What is given back then is
/// written only if they have not.
fn is_held(shared: &Shared, item: &Item) -> bool {
    shared.store.holds(item.webhook, item.event, item.origin, item.progress.attempts)
}

/// What may be done with a delivery at this moment.
pub(crate) enum Standing<'a> {
    /// It may be sent.
    Send(&'a Entry),
    /// It may not; this becomes of it instead.
    Not(Step),
}

impl Shared {
    /// Looks at the webhook and its property as they are now: fan-out may be hours ago.
    pub(crate) fn standing<'a>(&self, entry: Option<&'a Entry>, item: &Item, now: UnixMs) -> Standing<'a> {
        if item.event.accepted_at().after(self.config.keep) <= now {
            return Standing::Not(Step::Ended(End::Expired(Reason::Retention)));
        }
        let cancelled = |reason| Standing::Not(Step::Ended(End::Cancelled(reason)));
        let Some(entry) = entry else { return cancelled(Reason::WebhookDeleted) };
        let webhook = &entry.webhook;
        match webhook.status {
            Status::Disabled { .. } => cancelled(Reason::WebhookDisabled),
            Status::Paused { .. } => Standing::Not(spilled(item, now)),
            Status::Active { .. } if !webhook.events.matches(&item.kind) => cancelled(Reason::Unsubscribed),
            Status::Active { .. } if !self.registry.entitled(webhook.property) => {
                cancelled(Reason::NotEntitled)
            }
            Status::Active { .. } => Standing::Send(entry),
        }
    }
}

/// Gives a delivery back to the store, due at once. One that was never tried is due since its
/// acceptance, so that it comes back before newer ones that went to the store directly.
pub(crate) fn spilled(item: &Item, now: UnixMs) -> Step {
    let fresh = item.progress.attempts == 0;
    Step::Spilled { due: if fresh { item.event.accepted_at().min(now) } else { now } }
}

async fn make(ticket: &Ticket, entry: &Entry, item: &Item) -> (Step, Feedback) {
    let shared = &ticket.shared;
    let Started { wall, monotonic } = ticket.started;
    let message = Message {
        event: item.event,
        kind: &item.kind,
        body: &item.body,
        attempt: wire::number(item.progress),
    };
    let answer = send(shared, entry, &message, wall).await;
    let took = shared.clock.monotonic().saturating_sub(monotonic);
    let (outcome, reply, feedback) = meaning(answer, took);
    let tried = Tried {
        started_at: wall,
        duration: Span::from_duration(took),
        outcome,
        roll: shared.dice.roll(),
        url_number: entry.url_number,
        reply,
    };
    (Step::Tried(tried), feedback)
}

/// Says something to a webhook's receiver. Broken off when the engine stops.
pub(crate) async fn send(shared: &Shared, entry: &Entry, message: &Message<'_>, now: UnixMs) -> Answer {
    let url = match &entry.url {
        Ok(url) => url.clone(),
        Err(refused) => {
            return Answer::Failed(Fault::new(FaultClass::BlockedAddress, refused.to_string()));
        }
    };
    let outbound = Outbound {
        webhook: entry.webhook.id,
        now,
        method: http::Method::POST,
        url,
        headers: wire::headers(entry, message, now),
        body: message.body.clone(),
    };
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        biased;
        answer = shared.transport.send(outbound) => answer,
        _ = stopping.wait_for(|stop| *stop) => Answer::Failed(Fault::new(
            FaultClass::Interrupted,
            "the engine was stopped during the attempt; the request may have been sent",
        )),
    }
}

/// What an answer means for the delivery, the log, and the webhook's window.
pub(crate) fn meaning(answer: Answer, took: Duration) -> (Outcome, Reply, Feedback) {
    match answer {
        Answer::Replied(reply) => {
            let fault = reply.fault();
            let feedback = match &fault {
                None => Feedback::Accepted(took),
                Some(_) if reply.is_overloaded() => Feedback::Overloaded,
                Some(_) => Feedback::Neutral,
            };
            let outcome = match &fault {
                None => Outcome::Accepted,
                Some(_) => Outcome::Failed { retry_after: reply.retry_after },
            };
            (outcome, Reply { status: Some(reply.status), fault, body: reply.body }, feedback)
        }
        Answer::Failed(fault) if fault.class == FaultClass::Interrupted => {
            (Outcome::Interrupted, no_answer(fault), Feedback::Neutral)
        }
        Answer::Failed(fault) => {
            let feedback =
                if fault.class == FaultClass::Timeout { Feedback::Overloaded } else { Feedback::Neutral };
            (Outcome::Failed { retry_after: None }, no_answer(fault), feedback)
        }
    }
}

fn no_answer(fault: Fault) -> Reply {
    Reply { fault: Some(fault), ..Reply::default() }
}

impl Ticket {
    /// Takes over a delivery that [`crate::queues::Queues::start`] counted as in flight.
    pub(crate) fn new(shared: Arc<Shared>, item: Item) -> Self {
        let started = Started { wall: shared.clock.now(), monotonic: shared.clock.monotonic() };
        Self { shared, item: Some(item), started }
    }

    fn conclude(mut self, step: Step, feedback: Feedback) {
        if let Some(item) = self.item.take() {
            self.end(item, step, feedback);
            self.shared.dispatch.pump(&self.shared);
        }
    }

    fn end(&self, item: Item, step: Step, feedback: Feedback) {
        let took = self.shared.clock.monotonic().saturating_sub(self.started.monotonic);
        self.shared.dispatch.ended(&item, feedback, took);
        self.shared.feed.room();
        self.shared.settle.add(conclusion(item, step));
    }
}

/// What is to be written about a delivery.
pub(crate) fn conclusion(item: Item, step: Step) -> Conclusion {
    Conclusion {
        webhook: item.webhook,
        event: item.event,
        booking: item.booking,
        origin: item.origin,
        progress: item.progress,
        step,
    }
}

/// Reached with a delivery only when the attempt's task was ended or panicked. Starts nothing
/// new: the runtime may be ending, and would drop the next one in here as well.
impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(item) = self.item.take() else { return };
        let fault = Fault::new(
            FaultClass::Interrupted,
            "the attempt was ended by a fault of the engine; the request may have been sent",
        );
        let took = self.shared.clock.monotonic().saturating_sub(self.started.monotonic);
        let tried = Tried {
            started_at: self.started.wall,
            duration: Span::from_duration(took),
            outcome: Outcome::Interrupted,
            roll: self.shared.dice.roll(),
            url_number: self.shared.registry.get(item.webhook).map_or(1, |entry| entry.url_number),
            reply: no_answer(fault),
        };
        self.end(item, Step::Tried(tried), Feedback::Neutral);
    }
}
