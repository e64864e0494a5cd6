//! A clock that stands still until the test moves it, and dice that always show the same.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stayhook_core::{Roll, Span, UnixMs};
use stayhook_engine::{Clock, Dice};
use tokio::sync::watch;

/// When every story begins: the reference's example time.
pub(crate) const START: UnixMs = UnixMs(1_779_900_000_000);

pub(crate) struct ManualClock(watch::Sender<UnixMs>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(START))
    }

    /// Sets it, before anything has happened.
    pub(crate) fn set(&self, to: UnixMs) {
        self.0.send_replace(to);
    }

    pub(crate) fn advance(&self, by: Span) {
        self.0.send_modify(|now| *now = now.after(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMs {
        *self.0.borrow()
    }

    fn monotonic(&self) -> Duration {
        self.now().since(UnixMs(0)).as_duration()
    }

    fn sleep_until(&self, at: UnixMs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            // The clock outlives every engine that sleeps by it; if not, the test is over.
            if now.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Dice without jitter: every delay is whole.
pub(crate) struct FixedDice;

/// Over all houses, so that no two processes make the same id at the same time.
static THROWS: AtomicU64 = AtomicU64::new(0);

impl Dice for FixedDice {
    fn roll(&self) -> Roll {
        Roll(0)
    }

    fn entropy(&self) -> u128 {
        u128::from(THROWS.fetch_add(1, Ordering::Relaxed)) << 20
    }

    fn secret(&self) -> [u8; 32] {
        let number = THROWS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&number);
        secret
    }
}
