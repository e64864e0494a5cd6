//! The API as its callers see it: the real router over a real engine and a real database,
//! with receivers that only record.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

mod access;
mod actions;
mod administration;
mod audit;
mod batch;
mod catalogue;
mod deliveries;
mod described;
mod entitlements;
mod events;
mod house;
mod introspection;
mod issuer;
mod jwt;
mod listing;
mod openapi;
mod operations;
mod protocol;
mod rates;
mod registry;
mod validation;
mod versions;
