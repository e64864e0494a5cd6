//! Who asks for a change, when, and on what condition.

use stayhook_core::{ClientId, UnixMs};

/// A change that somebody asks for. It is written into the audit log with what it changed, in
/// the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who asks.
    pub by: Author,
    /// When.
    pub at: UnixMs,
    /// Only while the webhook has one of these versions (`If-Match`); whatever it has if `None`.
    pub versions: Option<Vec<i64>>,
}

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A caller of the API.
    Client(ClientId),
    /// An administrator through the API.
    Admin(ClientId),
    /// Whoever has the command line on the machine.
    Operator,
    /// The rules of delivery themselves, such as the 72-hour rule.
    Engine,
}

impl Order {
    /// An unconditional order.
    pub fn new(by: Author, at: UnixMs) -> Self {
        Self { by, at, versions: None }
    }

    /// Whether a webhook of that version may be changed.
    pub fn allows(&self, version: i64) -> bool {
        self.versions.as_ref().is_none_or(|it| it.contains(&version))
    }
}
