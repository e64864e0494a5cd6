//! The conformance suite on PostgreSQL, and what only PostgreSQL has: many nodes, partitions,
//! connections that break.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it needs has to panic")]

mod administration;
mod catalogue;
mod database;
mod doubt;
mod figures;
mod inbox;
mod nodes;
mod partitions;
mod pooler;
mod privileges;
mod support;
mod takeover;
mod upgrade;

use std::sync::Arc;

use stayhook_store::{Store, Timing};
use stayhook_testkit::Postgres;

async fn open() -> (Arc<dyn Store>, Postgres) {
    let database = Postgres::create().unwrap();
    // The suite moves the clock by hand.
    let store = support::try_open(&database, Timing::Caller).await.unwrap();
    (Arc::new(store), database)
}

stayhook_store::conformance::stamp!(open);
