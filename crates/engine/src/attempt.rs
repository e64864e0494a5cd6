//! One attempt: look at the webhook as it is now, sign, send, say what it means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stayhook_core::{End, Fault, FaultClass, Ordering, Outcome, Progress, Reason, Span, Status, UnixMs};
use stayhook_store::{Conclusion, Origin, Reply, Step, Tried};

use crate::engine::Shared;
use crate::exchange::{self, meaning, no_answer};
use crate::lane::Item;
use crate::registry::Entry;
use crate::sender::Message;
use crate::unmade::{self, Known};
use crate::window::Feedback;

/// How long a delivery waits before it is looked for anew whether the configuration has its profile
/// again.
const UNTIL_PUT_BACK: Span = Span::minutes(1);

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
            // It was accepted while its order did not matter: the store says when it is its turn.
            Status::Active { .. }
                if webhook.options.ordering != Ordering::None
                    && item.booking.is_some()
                    && item.origin != Origin::Claim =>
            {
                Standing::Not(spilled(item, now))
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
    let (profile, _) = unmade::name(&item.body.profile);
    let heard = match body(entry, item) {
        Ok(body) => {
            let (event, kind, attempt) = (item.event, &item.kind, number(item.progress));
            let message = Message { event, kind, profile, body: &body, attempt };
            exchange::send(shared, entry, &message, wall).await
        }
        Err(fault) => Err(fault),
    };
    let took = shared.clock.monotonic().saturating_sub(monotonic);
    let (outcome, reply, feedback) = meaning(heard, took);
    alert(item, &reply);
    let schedule = entry.sender.profile_of(profile).ok().map(|profile| profile.schedule());
    let outcome = match outcome {
        // The deployment's own fault: nobody was asked.
        Outcome::Failed { .. } if schedule.is_none() => Outcome::Again { after: UNTIL_PUT_BACK },
        other => other,
    };
    let tried = Tried {
        started_at: wall,
        duration: Span::from_duration(took),
        outcome,
        roll: shared.dice.roll(),
        backoff: schedule.map(|schedule| schedule.over(shared.config.policy.backoff)),
        url_number: entry.url_number,
        reply,
    };
    (Step::Tried(tried), feedback)
}

/// The bytes to send: those that were stored, unless they could not be made then.
fn body(entry: &Entry, item: &Item) -> Result<Bytes, Fault> {
    let (name, put_off) = unmade::name(&item.body.profile);
    if !put_off {
        return Ok(item.body.bytes.clone());
    }
    let Item { event, kind, booking, .. } = item;
    let known = Known { id: *event, kind, property: entry.webhook.property, booking: booking.as_ref() };
    let made = unmade::make(entry.sender.profile_of(name)?, &item.body.bytes, known);
    made.ok_or_else(|| Fault::new(FaultClass::Config, "what is stored of the event is no body"))
}

/// Somebody must look at a registration that its receiver, or this deployment, cannot work with.
fn alert(item: &Item, reply: &Reply) {
    if let Some(fault) = reply.fault.as_ref().filter(|fault| fault.class == FaultClass::Config) {
        metrics::counter!("stayhook_configuration_faults_total").increment(1);
        tracing::error!(webhook = %item.webhook, event = %item.event, fault = %fault.words, "a webhook's configuration is wrong");
    }
}

/// The number of the attempt that is made next.
pub(crate) fn number(progress: Progress) -> u32 {
    progress.attempts.saturating_add(1)
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
            backoff: None,
            url_number: self.shared.registry.get(item.webhook).map_or(1, |entry| entry.url_number),
            reply: no_answer(fault),
        };
        self.end(item, Step::Tried(tried), Feedback::Neutral);
    }
}
