//! How many attempts a second start at a receiver that refuses even one at a time.

use std::time::Duration;

/// The pace of one webhook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Attempts a second.
    rate: f32,
    /// What the receiver bore before: up to there the rate rises fast.
    borne: f32,
    /// The last attempt was refused.
    refused: bool,
}

impl Pace {
    const FIRST: f32 = 50.0;
    /// Still tries 100,000 deliveries within the longest delay of the schedule.
    const SLOWEST: f32 = 5.0;
    /// From here on nothing is held back.
    const FASTEST: f32 = 1_000.0;
    /// What each success adds: twice as much every second, or a quarter more.
    const RISES: [f32; 2] = [1.0, 0.25];

    /// After refusals of one attempt at a time.
    pub(crate) fn start() -> Self {
        Self { rate: Self::FIRST, borne: Self::SLOWEST, refused: true }
    }

    /// How long after an attempt has started the next one may.
    pub(crate) fn gap(self) -> Duration {
        if self.is_lifted() {
            return Duration::ZERO;
        }
        // Between 1 and 200 milliseconds.
        Duration::from_micros((1e6 / self.rate) as u64)
    }

    /// Whether nothing is held back any more.
    pub(crate) fn is_lifted(self) -> bool {
        self.rate >= Self::FASTEST
    }

    /// After a fast success.
    pub(crate) fn faster(self) -> Self {
        let [fast, slow] = Self::RISES;
        let rate = self.rate + if self.rate < self.borne { fast } else { slow };
        Self { rate: rate.min(Self::FASTEST), refused: false, ..self }
    }

    /// After a refusal: half, but at first not far below what was borne a moment ago. With each
    /// refusal that follows at once that says less.
    pub(crate) fn slower(self) -> Self {
        let borne = if self.refused { self.borne * 0.97 } else { self.rate * 0.75 };
        Self { rate: (self.rate / 2.0).max(borne / 8.0).max(Self::SLOWEST), borne, refused: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(pace: &mut Pace, times: usize, step: impl Fn(Pace) -> Pace) -> Vec<u128> {
        (0..times)
            .map(|_| {
                *pace = step(*pace);
                pace.gap().as_millis()
            })
            .collect()
    }

    #[test]
    fn half_as_fast_with_every_refusal_down_to_the_slowest() {
        let mut pace = Pace::start();
        assert_eq!(pace.gap(), Duration::from_millis(20));
        assert_eq!(gaps(&mut pace, 5, Pace::slower), [40, 80, 160, 200, 200]);
    }

    #[test]
    fn fast_up_to_what_was_borne_and_slowly_beyond() {
        let mut pace = Pace { rate: 80.0, borne: 5.0, refused: false };
        gaps(&mut pace, 4, Pace::slower);
        let rates = gaps(&mut pace, 70, Pace::faster);
        // By ones to about two thirds of what was too much, then by quarters.
        assert_eq!((rates[0], rates[47], rates[69]), (127, 18, 16));
        assert!((pace.rate - 60.345).abs() < 0.01, "{pace:?}");
    }

    #[test]
    fn beyond_the_fastest_nothing_is_held_back() {
        let fast = Pace { rate: 999.9, borne: 5.0, refused: false };
        assert_eq!(fast.faster().gap(), Duration::ZERO);
        assert_eq!(fast.faster().slower().gap(), Duration::from_millis(2));
    }
}
