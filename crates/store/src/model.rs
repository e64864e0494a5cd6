//! The specification in code: the simplest store that is right. One lock, ordered maps, every
//! call one change of them from beginning to end. Nothing survives the process; many nodes may
//! share it, each with a handle of its own, so that tests can let nodes die and come back.
//!
//! It passes the same conformance suite as the databases, which is what makes a simulation on
//! it speak for them.

mod change;
mod claim;
mod cluster;
mod conclude;
mod hold;
mod intake;
mod log;
mod order;
mod records;
mod release;
mod requeue;
mod state;
mod stats;
mod store;
mod sweep;
mod take_over;
mod webhooks;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stayhook_core::{Span, UnixMs};
use tokio::sync::mpsc;

use crate::Signal;
use state::{State, Time};

/// What time it is for a store that many nodes share.
pub type StoreClock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// A store in memory. Clones are the same store.
#[derive(Clone)]
pub struct Model(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// `None` where one process uses the store at a time, whose clock counts.
    clock: Option<StoreClock>,
}

/// A process's way to the store.
pub struct ModelStore {
    model: Model,
    node: AtomicI64,
    /// It was swept by this process before.
    swept_before: AtomicBool,
}

impl Model {
    /// A store that one process uses at a time: whoever opens it takes over from the one before.
    pub fn alone() -> Self {
        Self(Arc::new(Shared { state: Mutex::new(State::new(Span::ZERO)), clock: None }))
    }

    /// A store that nodes share. Its own clock counts, and what one node does the others hear
    /// `hearsay` later, once [`Model::tick`] comes by.
    pub fn shared(clock: StoreClock, hearsay: Span) -> Self {
        Self(Arc::new(Shared { state: Mutex::new(State::new(hearsay)), clock: Some(clock) }))
    }

    /// A process opens the store.
    pub fn open(&self) -> ModelStore {
        let node = self.lock().register();
        ModelStore { model: self.clone(), node: AtomicI64::new(node), swept_before: AtomicBool::new(false) }
    }

    /// Whether nodes share it.
    fn has_neighbours(&self) -> bool {
        self.0.clock.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A holder that panicked failed its test.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment of a call by the caller's clock, and how far the store's is from it.
    fn time(&self, now: UnixMs) -> Time {
        let shift = self.0.clock.as_ref().map_or(0, |clock| clock().0.saturating_sub(now.0));
        Time { now, shift }
    }
}

impl ModelStore {
    /// The number under which this process holds what it holds.
    pub fn node(&self) -> i64 {
        self.node.load(Ordering::Acquire)
    }

    /// Starts anew under another number where the others took this node for dead.
    fn come_back(&self, state: &mut State) -> i64 {
        let node = self.node();
        if !self.model.has_neighbours() || state.nodes.contains_key(&node) {
            return node;
        }
        let node = state.register();
        self.node.store(node, Ordering::Release);
        node
    }

    fn listen(&self) -> mpsc::Receiver<Signal> {
        let (sender, receiver) = mpsc::channel(64);
        if self.model.has_neighbours() {
            self.model.lock().listeners.push(sender);
        }
        receiver
    }
}
