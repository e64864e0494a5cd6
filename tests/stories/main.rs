//! End-to-end stories, named after the rules of delivery (CONTRACT, section 7).

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "patience is measured on the real clock")]

mod clock;
mod house;

mod crash;
mod delivery;
mod disable;
mod registry;
mod retention;
mod retries;
mod safety;
