//! When it happens: events are accepted, dispatched, attempted, settled and swept.
//!
//! The way of a delivery: [`Engine::enqueue`] fans out and waits for `intake`, which commits
//! and hands over to `dispatch`, which starts an `attempt` as soon as its webhook's turn
//! comes, whose outcome `settle` writes. What must wait lies in the store until `feed` claims
//! it; what the clock demands, `upkeep` does.

mod attempt;
mod clock;
mod dispatch;
mod engine;
mod fanout;
mod feed;
mod handoffs;
mod intake;
mod neighbours;
mod pickup;
mod queues;
mod registry;
mod settle;
mod shares;
mod upkeep;
mod window;
mod wire;

pub use clock::{Clock, Dice};
pub use engine::{Engine, EngineConfig, Parts, Registration, Roles};
pub use intake::Enqueued;
