//! What goes on the wire under each built-in profile, compared with the platforms' documents and
//! judged by receivers that others wrote.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "../../../core/tests/arbitrary/mod.rs"]
mod arbitrary;
mod hostile;
mod nowistay;
mod pages;
mod platforms;
mod rotation;
mod sample;
mod verifiers;
