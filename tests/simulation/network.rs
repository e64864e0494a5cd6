//! The simulated network: requests arrive at receivers, which answer when and as they like.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use stayhook_core::{EventId, FaultClass, Span, UnixMs, WebhookId};
use stayhook_courier::{Answer, Outbound, Transport};

use crate::clock::{TRUE, Timeline};
use crate::dice::Luck;
use crate::history::{History, Sent, What};
use crate::receivers::{Behaviour, Receiver};
use crate::rng::mix;

/// What all nodes share outside of the engine.
pub(crate) struct Outside {
    pub(crate) seed: u64,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) history: History,
    pub(crate) luck: Arc<Luck>,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) timeout: Span,
    /// From then on every receiver is well.
    pub(crate) calm_at: AtomicI64,
    /// How often each delivery was sent.
    pub(crate) sends: Mutex<BTreeMap<(WebhookId, EventId), u64>>,
    /// Of every event, the place among those that were accepted.
    pub(crate) places: Mutex<BTreeMap<EventId, u64>>,
    pub(crate) sent: AtomicUsize,
}

impl Outside {
    pub(crate) fn note(&self, node: usize, what: What) {
        self.history.push(self.timeline.now(), node, what);
    }

    /// An event was accepted. It is known by its place among all of them: its id may be made
    /// twice, where a node has to look at the webhooks again.
    pub(crate) fn accepted(&self, event: EventId) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.len() as u64;
        places.insert(event, place);
    }

    /// A number for this attempt that does not depend on what else happens.
    fn luck_of(&self, webhook: WebhookId, event: EventId) -> u64 {
        let mut sends = self.sends.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sends.entry((webhook, event)).or_insert(0);
        *count += 1;
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.get(&event).copied().unwrap_or(u64::MAX);
        mix(&[self.seed, webhook.0.unsigned_abs(), place, *count])
    }

    fn behaviour(&self, url: &str, at: UnixMs) -> Behaviour {
        if at.0 >= self.calm_at.load(Ordering::Relaxed) {
            return Behaviour::Healthy;
        }
        let number = url.trim_start_matches("https://r").split('.').next().and_then(|it| it.parse().ok());
        let receiver = number.and_then(|it: usize| self.receivers.get(it));
        receiver.map_or(Behaviour::Healthy, |it| it.behaviour(at))
    }
}

/// Where a receiver is found.
pub(crate) fn url_of(receiver: usize) -> String {
    format!("https://r{receiver}.example.com/hooks")
}

/// The network as one node sees it.
pub(crate) struct Network {
    pub(crate) outside: Arc<Outside>,
    pub(crate) node: usize,
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, outbound: Outbound) -> Answer {
        let outside = &self.outside;
        outside.timeline.beat();
        let sent = self.read(&outbound);
        let luck = outside.luck_of(sent.webhook, sent.event);
        let send = sent.send;
        let behaviour = outside.behaviour(&sent.url, outside.timeline.now());
        outside.note(self.node, What::Sent(sent));
        let flight = Flight { network: self, send, landed: false };
        let reaction = behaviour.react(luck, outside.timeout);
        let until = outside.timeline.now().after(reaction.after);
        outside.timeline.sleep(TRUE, until).await;
        flight.land(&reaction.answer);
        outside.luck.turn_to(luck);
        reaction.answer
    }

    fn forget(&self, _webhook: WebhookId) {}
}

impl Network {
    fn read(&self, outbound: &Outbound) -> Sent {
        let header = |name: &str| {
            let found = outbound.headers.iter().find(|(it, _)| it.as_str() == name);
            found.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let text = |name: &str| header(name).unwrap_or_default();
        Sent {
            send: self.outside.sent.fetch_add(1, Ordering::Relaxed),
            webhook: outbound.webhook,
            event: EventId::parse(&text("nowistay-webhook-event-id")).unwrap(),
            kind: text("nowistay-webhook-event-type"),
            url: outbound.url.as_str().to_owned(),
            body: outbound.body.clone(),
            wall: outbound.now,
            timestamp: text("nowistay-webhook-timestamp").parse().unwrap(),
            signature: text("nowistay-webhook-signature"),
            next_signature: header("nowistay-webhook-signature-next"),
        }
    }
}

/// A request that is under way.
struct Flight<'a> {
    network: &'a Network,
    send: usize,
    landed: bool,
}

impl Flight<'_> {
    fn land(mut self, answer: &Answer) {
        self.landed = true;
        let (status, retry_after, ours) = match answer {
            Answer::Replied(reply) => (Some(reply.status), reply.retry_after, false),
            Answer::Failed(fault) => (None, None, fault.class == FaultClass::Interrupted),
        };
        let ended = What::Ended { send: self.send, status, retry_after, ours };
        self.network.outside.timeline.beat();
        self.network.outside.note(self.network.node, ended);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed {
            self.network.outside.note(self.network.node, What::Lost { send: self.send });
        }
    }
}
