//! Test events: one attempt, whole and signed, at once and for its caller's eyes alone.
//!
//! An owner who asks for one wants to see their receiver work before, or while, nothing is sent
//! to it: a test is made whatever the webhook's status, subscription and property's
//! entitlement. Nothing of it is stored or counted, and it takes no place among deliveries.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use stayhook_core::{EventId, EventType, Fault, Json, Outcome, Span, UnixMs, Webhook, WebhookId};
use stayhook_profile::{EventFacts, Profile};
use stayhook_store::{Scope, StoreError};

use crate::engine::{Engine, Shared};
use crate::exchange::{meaning, send};
use crate::registry::Entry;
use crate::sender::Message;

/// Tests at once on this node, and of one webhook: a test holds a socket and a caller for as
/// long as a receiver likes to hang.
const OF_NODE: usize = 16;
const OF_WEBHOOK: usize = 2;

/// What became of a test event.
#[derive(Clone, Debug)]
pub struct Tested {
    /// Whether the receiver accepted it.
    pub delivered: bool,
    /// Its id, which is in no log.
    pub event: EventId,
    /// The receiver's HTTP status, if it answered.
    pub status: Option<u16>,
    /// How long the attempt took.
    pub duration: Span,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The beginning of the receiver's answer, at most 1 KiB.
    pub body: Bytes,
}

/// A test event could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// The scope does not see such a webhook.
    #[error("there is no such webhook")]
    NotFound,
    /// As many tests as may be are under way.
    #[error("other test events are under way: wait for their outcome")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Sends a test event to a webhook, under the rules of any attempt: of this type, or of the one
    /// that its profile has for tests.
    ///
    /// # Errors
    /// When the scope does not see the webhook, too many tests are under way, or the store fails.
    pub async fn test(
        &self,
        scope: &Scope,
        id: WebhookId,
        kind: Option<&EventType>,
    ) -> Result<Tested, TestError> {
        let shared = &self.shared;
        if !self.accepting() {
            return Err(StoreError::Unavailable("the engine is shutting down".to_owned()).into());
        }
        // As it is stored: another node may have just changed it.
        let found = shared.store.registered(&[id]).await?.pop();
        let found = found.filter(|it| scope.sees(&it.webhook.client, it.webhook.property));
        let entry = shared.registry.entry(&found.ok_or(TestError::NotFound)?);
        let _place = shared.trials.enter(id).ok_or(TestError::Busy)?;
        Ok(shared.try_out(&entry, kind).await)
    }
}

impl Shared {
    async fn try_out(&self, entry: &Entry, kind: Option<&EventType>) -> Tested {
        let (now, began) = (self.clock.now(), self.clock.monotonic());
        let event = self.ids.next(now, self.dice.entropy());
        let heard = match entry.sender.profile_of(&entry.profile) {
            Ok(profile) => {
                let kind = kind.unwrap_or(profile.test_type());
                let body = test_body(profile, &entry.webhook, event, kind, now);
                let message = Message { event, kind, profile: &entry.profile, body: &body, attempt: 1 };
                send(self, entry, &message, now).await
            }
            Err(fault) => Err(fault),
        };
        let took = self.clock.monotonic().saturating_sub(began);
        let (outcome, reply, _) = meaning(heard, took);
        Tested {
            delivered: outcome == Outcome::Accepted,
            event,
            status: reply.status,
            duration: Span::from_duration(took),
            error: reply.fault.as_ref().map(Fault::to_string),
            body: reply.body,
        }
    }
}

/// The body of a test event goes the way of every other, so that its receiver parses what it
/// will get.
fn test_body(profile: &Profile, webhook: &Webhook, id: EventId, kind: &EventType, now: UnixMs) -> Bytes {
    let property = webhook.property;
    let facts = EventFacts { id, kind, created_at: now, property, booking: None };
    let data = test_data(kind, property.get());
    let include = webhook.options.include_custom_parameters;
    profile.compose(&facts, &data, &data.to_stable_bytes(), include).body
}

/// Says that it is a test. Events of bookings hold a booking and nothing else: theirs has an id
/// and a status that no real one has.
fn test_data(kind: &EventType, property: i64) -> Json {
    if kind.as_str().starts_with("booking.") {
        let booking =
            [("id", Json::from(0)), ("propertyId", Json::from(property)), ("status", Json::from("test"))];
        return Json::object([("booking", Json::object(booking))]);
    }
    let message = "This event was sent on request, to try the webhook out.";
    Json::object([("test", Json::from(true)), ("message", Json::from(message))])
}

/// Tests under way, by webhook.
#[derive(Default)]
pub(crate) struct Trials(Mutex<HashMap<WebhookId, usize>>);

/// The place of one test, given back when dropped.
struct Place<'a> {
    trials: &'a Trials,
    webhook: WebhookId,
}

impl Trials {
    /// A place for a test of this webhook; none while all are taken.
    fn enter(&self, webhook: WebhookId) -> Option<Place<'_>> {
        let mut under_way = self.lock();
        let of_node: usize = under_way.values().sum();
        let of_webhook = under_way.get(&webhook).copied().unwrap_or(0);
        if of_node >= OF_NODE || of_webhook >= OF_WEBHOOK {
            return None;
        }
        under_way.insert(webhook, of_webhook + 1);
        Some(Place { trials: self, webhook })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WebhookId, usize>> {
        // Plain counts: whole after every line.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut under_way = self.trials.lock();
        match under_way.get_mut(&self.webhook) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                under_way.remove(&self.webhook);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_few_at_once_and_give_their_places_back() {
        let trials = Trials::default();
        let mut places: Vec<Place<'_>> = Vec::new();
        for webhook in (0..8).map(WebhookId) {
            assert!(trials.enter(webhook).is_some(), "given back at once");
            places.extend((0..OF_WEBHOOK).map(|_| trials.enter(webhook).unwrap()));
            assert!(trials.enter(webhook).is_none());
        }
        assert_eq!(places.len(), OF_NODE);
        assert!(trials.enter(WebhookId(9)).is_none());
        places.pop();
        assert!(trials.enter(WebhookId(9)).is_some());
        drop(places);
        assert!(trials.lock().is_empty());
    }
}
