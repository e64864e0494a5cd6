//! Events that were enqueued inside other programs' transactions.

use stayhook_core::{EventId, NewEvent};

/// An event that was enqueued by SQL and is to be accepted.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Given when it was enqueued; a new one where that was too long ago for its record to be kept.
    pub event: EventId,
    /// What was reported. Its key was claimed already, so that there is none here.
    pub new: NewEvent,
}
