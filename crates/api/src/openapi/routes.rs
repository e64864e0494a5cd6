//! Routes that are described: there is no other way to make one.

use axum::Router;
use axum::handler::Handler;
use axum::routing::on;

use super::Operation;
use crate::Shared;

/// Endpoints and their descriptions.
pub(crate) struct Routes {
    pub(crate) router: Router<Shared>,
    pub(crate) operations: Vec<&'static Operation>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), operations: Vec::new() }
    }

    /// Answers an operation's method at its path.
    pub(crate) fn add<H, T>(mut self, operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.router = self.router.route(operation.path, on(operation.verb.filter(), handler));
        self.operations.push(operation);
        self
    }

    /// These and those.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }
}
