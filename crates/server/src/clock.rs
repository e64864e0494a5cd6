//! The wall clock and the randomness of the operating system: nobody else asks for either.

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::RngExt as _;
use stayhook_core::{Roll, Span, UnixMs};
use stayhook_engine::{Clock, Dice};

/// The clock on the wall.
pub(crate) struct WallClock {
    started: Instant,
}

impl WallClock {
    /// The longest sleep before the clock is looked at again: it may have been set meanwhile.
    const LONGEST_SLEEP: Span = Span::seconds(10);

    #[expect(clippy::disallowed_methods, reason = "this is the clock that others are handed")]
    pub(crate) fn new() -> Self {
        Self { started: Instant::now() }
    }
}

/// What time it is, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the clock that others are handed")]
pub(crate) fn now() -> UnixMs {
    // A clock set to before 1970 reads as 1970.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(0).after(Span::from_duration(since))
}

impl Clock for WallClock {
    fn now(&self) -> UnixMs {
        now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep_until(&self, at: UnixMs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            loop {
                match at.since(now()) {
                    Span::ZERO => return,
                    left => tokio::time::sleep(left.min(Self::LONGEST_SLEEP).as_duration()).await,
                }
            }
        })
    }
}

/// Randomness from a generator that the operating system seeds: fit for secrets.
pub(crate) struct SystemDice;

impl Dice for SystemDice {
    fn roll(&self) -> Roll {
        Roll(throw())
    }

    fn entropy(&self) -> u128 {
        throw()
    }

    fn secret(&self) -> [u8; 32] {
        throw()
    }
}

#[expect(clippy::disallowed_methods, reason = "these are the dice that others are handed")]
fn throw<T>() -> T
where
    rand::distr::StandardUniform: rand::distr::Distribution<T>,
{
    rand::rng().random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleeping_ends_when_the_clock_has_reached_the_moment() {
        let clock = WallClock::new();
        let (at, before) = (clock.now().after(Span::millis(30)), clock.monotonic());
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
        assert!(clock.monotonic() > before);
        clock.sleep_until(UnixMs(0)).await;
    }

    #[test]
    fn secrets_differ() {
        assert_ne!(SystemDice.secret(), SystemDice.secret());
        assert_ne!(SystemDice.entropy(), SystemDice.entropy());
    }
}
