//! The description of this API (OpenAPI 3.1), and the page that shows it to people.
//!
//! Every endpoint has an [`Operation`] beside its code. Routes are made from operations and
//! from nothing else, the scopes that callers need and the query parameters that are known are
//! read from them, and the tests hold every answer against them: what is described is what is.

mod document;
mod endpoints;
mod operation;
mod page;
mod routes;
mod schema;
pub(crate) mod shapes;

pub(crate) use self::endpoints::{Description, routes};
pub(crate) use self::operation::{Answer, Body, Header, Operation, Parameter, Tag, Verb};
pub(crate) use self::routes::Routes;
pub(crate) use self::schema::{Component, Schema};
