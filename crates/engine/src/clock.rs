//! Time and randomness as the engine is handed them.

use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use stayhook_core::{EventId, Roll, UnixMs};

/// What time it is, and a way to wait.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, in UTC.
    fn now(&self) -> UnixMs;

    /// Time since some fixed moment, never set back: to measure durations with.
    fn monotonic(&self) -> Duration;

    /// Ends when [`Clock::now`] has reached `at`.
    fn sleep_until(&self, at: UnixMs) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Where randomness comes from.
pub trait Dice: Send + Sync + 'static {
    /// A throw for jitter.
    fn roll(&self) -> Roll;

    /// Unguessable bits for ids.
    fn entropy(&self) -> u128;

    /// 32 bytes from the operating system, for secrets.
    fn secret(&self) -> [u8; 32];
}

/// Makes event ids that grow from each to the next, also within a millisecond and when the
/// wall clock is set back.
#[derive(Debug, Default)]
pub(crate) struct EventIds(Mutex<(i64, u32)>);

impl EventIds {
    /// How many ids fit into a millisecond: 12 bits of a UUIDv7 count.
    const PER_MS: u32 = 1 << 12;

    pub(crate) fn next(&self, now: UnixMs, entropy: u128) -> EventId {
        let (ms, count) = {
            // A holder that panicked left two plain numbers behind, which are fine as they are.
            let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *last = match *last {
                (ms, count) if now.0 <= ms && count + 1 < Self::PER_MS => (ms, count + 1),
                (ms, _) if now.0 <= ms => (ms + 1, 0),
                _ => (now.0, 0),
            };
            *last
        };
        let random = entropy & ((1 << 62) - 1);
        EventId::new(UnixMs(ms), u128::from(count) << 62 | random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_whatever_the_clock_does() {
        let ids = EventIds::default();
        let clock = [5, 5, 9, 3, 9].into_iter().chain(std::iter::repeat_n(9, 10_000));
        let made: Vec<EventId> = clock.map(|ms| ids.next(UnixMs(ms), u128::MAX)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made[10_004].accepted_at() <= UnixMs(12), "a full millisecond borrows from the next");
    }
}
