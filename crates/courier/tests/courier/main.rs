//! The courier over real sockets, with receivers and name servers that do as they are told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod bounds;
mod desk;
mod faults;
mod keep_alive;
mod names;
mod pages;
mod phases;
mod proxies;
mod tls;
mod wire;
