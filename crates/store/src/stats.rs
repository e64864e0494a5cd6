//! Figures about webhooks, by the hour.

use stayhook_core::{Span, UnixMs, WebhookId};

/// What a node counted for one webhook within one hour; added to what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Whose.
    pub webhook: WebhookId,
    /// Any moment of the hour.
    pub at: UnixMs,
    /// Deliveries accepted to be sent or held.
    pub accepted: u64,
    /// Attempts that the receiver accepted.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// How long these attempts took together.
    pub duration: Span,
}

/// Which figures to sum up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsRequest {
    /// Only of this webhook; of all if `None`.
    pub webhook: Option<WebhookId>,
    /// From the hour of this moment on.
    pub since: UnixMs,
    /// Up to the hour of this moment, that one included.
    pub until: UnixMs,
}

/// Figures of one webhook or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Active webhooks now.
    pub active: u64,
    /// Paused webhooks now.
    pub paused: u64,
    /// Disabled webhooks now.
    pub disabled: u64,
    /// Active webhooks that are failing now.
    pub failing: u64,
    /// Deliveries that wait now, for their next attempt or for a free place.
    pub pending: u64,
    /// Deliveries held now.
    pub held: u64,
    /// When the first of the waiting ones was or will be due.
    pub next_due: Option<UnixMs>,
    /// Within the window: see [`Tally::accepted`].
    pub accepted: u64,
    /// Within the window: see [`Tally::delivered`].
    pub delivered: u64,
    /// Within the window: see [`Tally::failed`].
    pub failed: u64,
    /// Within the window: see [`Tally::duration`].
    pub duration: Span,
}

const HOUR: i64 = 3_600_000;

/// The hour of a moment: whole hours since the Unix epoch.
pub(crate) fn hour_of(at: UnixMs) -> i64 {
    at.0.div_euclid(HOUR)
}

/// The last moment of an hour.
pub(crate) fn end_of(hour: i64) -> UnixMs {
    UnixMs(hour.saturating_add(1).saturating_mul(HOUR).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_ends_before_the_next_one_begins() {
        for at in [0, HOUR - 1, HOUR, 5 * HOUR + 7, -1] {
            let hour = hour_of(UnixMs(at));
            assert_eq!(hour_of(end_of(hour)), hour);
            assert_eq!(hour_of(UnixMs(end_of(hour).0 + 1)), hour + 1);
        }
    }
}
