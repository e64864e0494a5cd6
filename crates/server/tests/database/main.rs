//! The real executable on PostgreSQL, and what happens to databases and nodes in operation:
//! restarts, outages, replacements, nodes that sleep.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests measure time, and a fault of theirs may end them"
)]

mod enqueue;
mod ingest;
mod node;
mod order;
mod outage;
mod poison;
mod pooler;
mod profiles;
mod refusal;
mod replaced;
mod roles;
mod sleep;
mod stopping;
