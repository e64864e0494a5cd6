//! What other nodes did that this one should know of.

use stayhook_core::WebhookId;

/// Something happened elsewhere. Signals may be repeated, and several may become one; none
/// stays away for longer than half a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Deliveries fell due: claim.
    Due,
    /// More may be held for paused webhooks than they keep, or a cancellation in pieces is to go
    /// on: sweep.
    Held,
    /// Webhooks changed: see [`crate::Store::registry_changes`].
    Registry,
    /// Events were enqueued by SQL: collect.
    Inbox,
}

/// Which webhooks changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryChanges {
    /// The generation that a copy has which follows these changes; 0 where there is no other
    /// node, so that nothing has to be followed.
    pub generation: i64,
    /// The webhooks that changed or were deleted since; `None` if that is too long ago to be
    /// known, so that all have to be loaded again.
    pub changed: Option<Vec<WebhookId>>,
    /// Whether event types changed since.
    pub event_types: bool,
}
