//! The real executable, as its users meet it: exit codes, words, files and signals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests measure time, and a fault of theirs may end them"
)]

mod auth;
mod check_url;
mod configuration;
mod copy;
mod demo;
mod deploy;
mod leaks;
mod listen;
mod profile;
mod rekey;
mod send;
mod serve;
mod support;
mod tokens;
mod usage;
mod verify;
