//! How long to wait before the next attempt.

use crate::Span;

/// Growing delays from `base` up to `cap`, each shortened by up to `jitter`, so that a
/// thousand failed deliveries do not return as one.
///
/// Jitter shortens rather than stretches: a stretched delay would have to be cut at the cap,
/// and deliveries that reached the cap would move in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub base: Span,
    /// Growth from one delay to the next.
    pub factor: Ratio,
    /// No delay is longer.
    pub cap: Span,
    /// Largest cut, as a part of the delay; at most the whole.
    pub jitter: Ratio,
}

/// A ratio in thousandths: exact, comparable, and the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(pub u32);

impl Ratio {
    /// One to one.
    pub const ONE: Self = Self(1_000);
}

/// One throw of the dice, made by the caller: a fraction in `[0, 1)` of 2³².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roll(pub u32);

/// The schedule of the reference document: about 1, 2, 4, 8 … minutes, at most 6 hours.
impl Default for Backoff {
    fn default() -> Self {
        Self { base: Span::minutes(1), factor: Ratio(2_000), cap: Span::hours(6), jitter: Ratio(100) }
    }
}

impl Backoff {
    /// The delay after `failures` failed attempts in a row (1 for the first), counted from
    /// the end of the failed attempt: `min(cap, base · factorⁿ⁻¹) · U[1 − jitter, 1]`.
    pub fn delay(&self, failures: u32, roll: Roll) -> Span {
        let whole = self.without_jitter(failures).as_millis();
        let reach = u128::from(whole) * u128::from(self.jitter.min(Ratio::ONE).0) / u128::from(Ratio::ONE.0);
        let cut = (reach * u128::from(roll.0)) >> u32::BITS;
        Span::millis(whole.saturating_sub(u64::try_from(cut).unwrap_or(whole)))
    }

    /// The delay with the dice left out: `min(cap, base · factorⁿ⁻¹)`.
    pub fn without_jitter(&self, failures: u32) -> Span {
        let cap = u128::from(self.cap.as_millis());
        let mut delay = u128::from(self.base.as_millis()).min(cap);
        if self.factor > Ratio::ONE && delay > 0 {
            for _ in 1..failures {
                if delay >= cap {
                    break;
                }
                // Rounded up, so that every step grows and the loop ends.
                delay = (delay * u128::from(self.factor.0)).div_ceil(u128::from(Ratio::ONE.0));
            }
        }
        Span::millis(u64::try_from(delay.min(cap)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn follows_the_published_schedule() {
        let minutes: Vec<u64> =
            (1..=11).map(|n| Backoff::default().without_jitter(n).as_millis() / 60_000).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
    }

    #[test]
    fn makes_twenty_attempts_within_72_hours() {
        let ends = |roll| {
            let mut at = Span::ZERO;
            (1_u32..)
                .take_while(|n| {
                    at = Span::millis(at.as_millis() + Backoff::default().delay(*n, Roll(roll)).as_millis());
                    at <= Span::hours(72)
                })
                .count()
        };
        // The first attempt, and the retries whose delays add up to no more than 72 hours.
        assert_eq!(1 + ends(0), 20);
    }

    #[test]
    fn jitter_cuts_its_part_and_no_more() {
        let half = Roll(1 << 31);
        assert_eq!(Backoff::default().delay(1, half), Span::millis(57_000));
        assert_eq!(Backoff::default().delay(3, half), Span::millis(228_000));
        assert_eq!(Backoff::default().delay(1, Roll(0)), Span::minutes(1));
        let whole = Backoff { jitter: Ratio::ONE, ..Backoff::default() };
        assert_eq!(whole.delay(1, half), Span::seconds(30));
        let beyond = Backoff { jitter: Ratio(5_000), ..Backoff::default() };
        assert_eq!(beyond.delay(1, half), Span::seconds(30));
        let steep = Backoff { factor: Ratio(1_500), ..Backoff::default() };
        assert_eq!(steep.without_jitter(3), Span::seconds(135));
    }

    #[test]
    fn a_factor_of_one_keeps_the_base() {
        let steady = Backoff { factor: Ratio::ONE, ..Backoff::default() };
        assert_eq!(steady.without_jitter(u32::MAX), Span::minutes(1));
    }

    fn backoffs() -> impl Strategy<Value = Backoff> {
        (1_u64..10_000_000, 1_000_u32..10_000, 1_u64..100_000_000, 0_u32..=1_000).prop_map(
            |(base, factor, cap, jitter)| Backoff {
                base: Span::millis(base),
                factor: Ratio(factor),
                cap: Span::millis(cap),
                jitter: Ratio(jitter),
            },
        )
    }

    proptest! {
        #[test]
        fn stays_between_first_and_cap(failures in 1_u32.., roll: u32) {
            let delay = Backoff::default().delay(failures, Roll(roll));
            prop_assert!(Span::seconds(54) <= delay && delay <= Span::hours(6));
        }

        #[test]
        fn never_exceeds_the_cap(backoff in backoffs(), failures: u32, roll: u32) {
            prop_assert!(backoff.delay(failures, Roll(roll)) <= backoff.cap);
        }

        #[test]
        fn never_shrinks_with_more_failures(backoff in backoffs(), failures in 1_u32..u32::MAX, roll: u32) {
            prop_assert!(backoff.delay(failures, Roll(roll)) <= backoff.delay(failures + 1, Roll(roll)));
        }

        /// The cap does not swallow the jitter.
        #[test]
        fn capped_delays_still_spread(failures in 10_u32.., roll in 1_u32 << 31..) {
            let backoff = Backoff::default();
            prop_assert!(backoff.delay(failures, Roll(roll)) < backoff.cap);
        }
    }
}
