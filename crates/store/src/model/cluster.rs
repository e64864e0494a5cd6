//! Nodes that share a store: who is there, and what they hear of one another.

use std::collections::BTreeSet;

use stayhook_core::{Span, Status, UnixMs, WebhookId};

use super::Model;
use super::state::{State, Time};
use super::take_over::DEAD_AFTER;
use crate::{RegistryChanges, Signal, Sweep};

impl Model {
    /// The node says nothing from now on: it died, or stands still.
    pub fn falls_silent(&self, node: i64, now: UnixMs) {
        if let Some(silent) = self.lock().nodes.get_mut(&node) {
            *silent = Some(now);
        }
    }

    /// The node is heard again, if it was not given up meanwhile.
    pub fn is_heard(&self, node: i64) {
        if let Some(silent) = self.lock().nodes.get_mut(&node) {
            *silent = None;
        }
    }

    /// What a shared store does by itself: signals arrive, and nodes that were silent for too
    /// long lose what they held.
    pub fn tick(&self) {
        let Some(clock) = &self.0.clock else { return };
        let time = Time { now: clock(), shift: 0 };
        let mut state = self.lock();
        let silent = state.nodes.values().any(|it| it.is_some_and(|at| time.now.since(at) >= DEAD_AFTER));
        // Somebody has to be there who looks.
        if silent && state.nodes.values().any(Option::is_none) {
            state.bury(0, time.now);
            state.rescue(time);
        }
        state.deliver_signals(time.now);
    }

    /// The earliest moment at which somebody who asks the store gets something to do, by the
    /// store's clock; `sweep` says what is asked for.
    pub fn next_due(&self, sweep: &Sweep) -> Option<UnixMs> {
        let state = self.lock();
        let time = Time { now: sweep.now, shift: 0 };
        let claims = state.pending.iter().filter(|((id, _), _)| state.may_be_claimed(*id));
        // A look at what is held is nothing to do unless something has to go then.
        let held = state.next_surplus(sweep);
        claims.filter_map(|(_, it)| it.claimable()).chain(state.next_but_looks(sweep, time)).chain(held).min()
    }

    /// When a node hears something next, or a silent one is given up.
    pub fn next_signal(&self) -> Option<UnixMs> {
        if !self.has_neighbours() {
            return None;
        }
        let state = self.lock();
        // Somebody has to be there who looks.
        let watched = state.nodes.values().any(Option::is_none);
        let deaths = state.nodes.values().flatten().map(|since| since.after(DEAD_AFTER));
        deaths.filter(|_| watched).chain(state.signals.iter().map(|(at, _)| *at)).min()
    }

    /// Whether anything may still happen to a delivery by itself.
    pub fn is_settled(&self) -> bool {
        let state = self.lock();
        state.pending.is_empty() && state.handoffs.is_empty()
    }

    /// The webhook's status, for whoever watches.
    pub fn status(&self, id: WebhookId) -> Option<Status> {
        self.lock().status(id).cloned()
    }
}

impl State {
    /// Gives back what no living node holds.
    pub(super) fn rescue(&mut self, time: Time) -> u64 {
        let living: BTreeSet<i64> = self.nodes.keys().copied().collect();
        let given_back = self.give_back(&living, time);
        if given_back > 0 {
            self.signal(Signal::Due, time);
        }
        given_back
    }

    /// The number of changes so far; one more, so that 0 stands for no copy at all.
    pub(super) fn generation(&self) -> i64 {
        i64::try_from(self.changes.len()).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// A webhook was changed, or the event types were.
    pub(super) fn changed(&mut self, webhook: Option<WebhookId>, time: Time) {
        self.changes.push(webhook);
        self.signal(Signal::Registry, time);
    }

    pub(super) fn changes_since(&self, since: i64) -> RegistryChanges {
        let generation = self.generation();
        let known = usize::try_from(since.saturating_sub(1)).ok();
        let later = known.and_then(|known| self.changes.get(known..));
        let ids = |later: &[Option<WebhookId>]| {
            later.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect()
        };
        RegistryChanges {
            generation,
            changed: later.map(ids),
            event_types: later.is_none_or(|it| it.iter().any(Option::is_none)),
        }
    }

    pub(super) fn signal(&mut self, signal: Signal, time: Time) {
        if self.listeners.is_empty() || self.signals.iter().any(|(_, it)| *it == signal) {
            return;
        }
        let at = time.there(time.now).after(self.hearsay);
        self.signals.push_back((at, signal));
        if self.hearsay == Span::ZERO {
            self.deliver_signals(at);
        }
    }

    fn deliver_signals(&mut self, now: UnixMs) {
        while let Some((_, signal)) = self.signals.front().copied().filter(|(at, _)| *at <= now) {
            self.signals.pop_front();
            // A listener that is full will look anyway; one that is gone is forgotten.
            self.listeners.retain(|it| !it.is_closed());
            for listener in &self.listeners {
                let _ = listener.try_send(signal);
            }
        }
    }
}
