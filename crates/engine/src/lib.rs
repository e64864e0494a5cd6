//! When it happens: events are accepted, dispatched, attempted, settled and swept.
//!
//! The way of a delivery: [`Engine::enqueue`] fans out and waits for `intake`, which commits
//! and hands over to `dispatch`, which starts an `attempt` as soon as its webhook's turn
//! comes, whose outcome `settle` writes. What must wait lies in the store until `feed` claims
//! it; what the clock demands, `upkeep` does.

mod administration;
mod attempt;
mod catalogue;
mod clock;
mod config;
mod dispatch;
mod engine;
mod exchange;
mod fanout;
mod feed;
mod handoffs;
mod intake;
mod neighbours;
mod orders;
mod pass;
mod pickup;
mod profiles;
mod queues;
mod registry;
mod sender;
mod settle;
mod shares;
mod tallies;
mod tokens;
mod trial;
mod unmade;
mod upkeep;
mod window;

pub use clock::{Clock, Dice};
pub use config::{EngineConfig, Roles};
pub use engine::{Engine, Parts};
pub use intake::Enqueued;
pub use orders::{By, Registration, Rotated};
pub use profiles::ProfileSet;
pub use trial::{TestError, Tested};
