//! How often a token may be used: a bucket for each, filled at a steady rate.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use stayhook_core::{Span, UnixMs};
use stayhook_store::TokenHash;

use crate::error::Problem;

/// A bucket holds what comes in within so many seconds: short bursts pass.
const BURST_SECONDS: i64 = 10;
/// The most buckets. Only tokens that count have one.
const MOST: usize = 16_384;

/// The buckets of one kind of use.
pub(crate) struct Rate {
    /// Uses per second, which is thousandths of a use per millisecond; none means no limit.
    per_second: Option<i64>,
    buckets: Mutex<HashMap<TokenHash, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// Thousandths of a use that are left; below zero after a batch that took more.
    left: i64,
    at: UnixMs,
}

impl Rate {
    pub(crate) fn new(per_second: Option<u32>) -> Self {
        Self { per_second: per_second.map(|rate| i64::from(rate.max(1))), buckets: Mutex::default() }
    }

    /// Takes `uses` out of a token's bucket. A batch passes as soon as there is room for one
    /// use, and what it takes beyond that must come in again before the next.
    ///
    /// # Errors
    /// 429 with the seconds until there is room.
    pub(crate) fn take(&self, token: &TokenHash, uses: usize, now: UnixMs) -> Result<(), Problem> {
        let Some(rate) = self.per_second else { return Ok(()) };
        let full = rate.saturating_mul(1_000 * BURST_SECONDS);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST && !buckets.contains_key(token) {
            make_room(&mut buckets, rate, full, now);
        }
        let bucket = buckets.entry(*token).or_insert(Bucket { left: full, at: now });
        *bucket = bucket.filled(rate, full, now);
        if bucket.left < 1_000 {
            let wait = (1_000 - bucket.left).unsigned_abs().div_ceil(rate.unsigned_abs());
            return Err(Problem::rate_limited(Span::millis(wait)));
        }
        bucket.left -= i64::try_from(uses).unwrap_or(i64::MAX / 1_000).saturating_mul(1_000);
        Ok(())
    }
}

impl Bucket {
    /// The bucket at `now`. A clock that was set back fills nothing, and takes nothing.
    fn filled(self, rate: i64, full: i64, now: UnixMs) -> Self {
        let since = i64::try_from(now.since(self.at).as_millis()).unwrap_or(i64::MAX);
        Self { left: self.left.saturating_add(since.saturating_mul(rate)).min(full), at: now }
    }
}

/// Forgets the buckets that are full again, which nobody will miss; all of them if there are
/// none.
fn make_room(buckets: &mut HashMap<TokenHash, Bucket>, rate: i64, full: i64, now: UnixMs) {
    buckets.retain(|_, bucket| bucket.filled(rate, full, now).left < full);
    if buckets.len() >= MOST {
        buckets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(number: u32) -> TokenHash {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        TokenHash(bytes)
    }

    fn passed(rate: &Rate, uses: usize, at: i64) -> bool {
        rate.take(&token(1), uses, UnixMs(at)).is_ok()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_counts() {
        let rate = Rate::new(Some(10));
        assert_eq!((0..130).filter(|_| passed(&rate, 1, 0)).count(), 100);
        assert!(!passed(&rate, 1, 99) && passed(&rate, 1, 100) && !passed(&rate, 1, 100));
        assert!(rate.take(&token(2), 1, UnixMs(100)).is_ok(), "another token has its own");
        assert_eq!((0..130).filter(|_| passed(&rate, 1, 3_600_000)).count(), 100, "no more than a burst");
    }

    #[test]
    fn a_batch_is_paid_for_afterwards() {
        let rate = Rate::new(Some(10));
        assert!(passed(&rate, 1_000, 0) && !passed(&rate, 1, 90_000) && passed(&rate, 1, 90_100));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let rate = Rate::new(Some(10));
        while passed(&rate, 1, 3_600_000) {}
        assert!(!passed(&rate, 1, 0) && passed(&rate, 1, 100));
    }

    #[test]
    fn without_a_limit_everything_passes() {
        let rate = Rate::new(None);
        assert!((0..100_000).all(|_| passed(&rate, 1_000, 0)));
    }

    #[test]
    fn buckets_are_bounded() {
        let rate = Rate::new(Some(1));
        for number in 0..50_000 {
            assert!(rate.take(&token(number), 1, UnixMs(0)).is_ok());
        }
        assert!(rate.buckets.lock().unwrap().len() <= MOST);
    }

    proptest! {
        /// Never more than a burst and what has come in since.
        #[test]
        fn the_rate_is_kept(rate in 1_u32..1_000, steps in prop::collection::vec((0_i64..500, 1_usize..50), 1..200)) {
            let buckets = Rate::new(Some(rate));
            let (mut now, mut used) = (0, 0);
            for (pause, calls) in steps {
                now += pause;
                used += (0..calls).filter(|_| passed(&buckets, 1, now)).count() as i64;
            }
            prop_assert!(used * 1_000 <= i64::from(rate) * (10_000 + now));
        }
    }
}
