//! Moving deployments between databases, in every direction and through every interruption.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it needs has to panic")]

mod content;
mod house;
mod moved;
mod refused;
