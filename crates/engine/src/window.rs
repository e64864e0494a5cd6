//! How many attempts one webhook may have in flight: it grows while the receiver is fast
//! and halves when it is overwhelmed.

use std::time::Duration;

/// What an attempt said about the receiver's capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feedback {
    /// Accepted, after this time.
    Accepted(Duration),
    /// 429, 5xx, or a timeout.
    Overloaded,
    /// Refused for another reason, or nothing was learned.
    Neutral,
}

/// The window of one webhook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    size: f32,
    /// Above this the window grows by one per round instead of one per success.
    threshold: f32,
    most: f32,
    /// Outcomes to ignore after a halving: those of attempts that were already in flight.
    settling: usize,
}

impl Window {
    /// Where a webhook without a history starts.
    const START: f32 = 4.0;
    /// An answer faster than this means that more can be asked.
    const FAST: Duration = Duration::from_secs(1);

    pub(crate) fn new(most: usize) -> Self {
        // Ceilings are thousands at most: exact in f32.
        let most = most.max(1) as f32;
        Self { size: Self::START.min(most), threshold: most, most, settling: 0 }
    }

    /// After a pause: from the smallest on, growing by one per round.
    pub(crate) fn ramp(most: usize) -> Self {
        Self { size: 1.0, threshold: 1.0, ..Self::new(most) }
    }

    /// How many attempts may be in flight.
    pub(crate) fn size(&self) -> usize {
        // At least one by construction, so the cut is between 1 and `most`.
        self.size as usize
    }

    /// Takes one attempt's outcome into account; `in_flight` counts the others.
    pub(crate) fn learn(&mut self, feedback: Feedback, in_flight: usize) {
        self.settling = self.settling.saturating_sub(1);
        match feedback {
            Feedback::Accepted(took) if took < Self::FAST => {
                let step = if self.size < self.threshold { 1.0 } else { 1.0 / self.size };
                self.size = (self.size + step).min(self.most);
            }
            Feedback::Overloaded if self.settling == 0 => {
                self.size = (self.size / 2.0).max(1.0);
                self.threshold = self.size;
                self.settling = in_flight + 1;
            }
            Feedback::Accepted(_) | Feedback::Overloaded | Feedback::Neutral => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAST: Feedback = Feedback::Accepted(Duration::from_millis(5));

    #[test]
    fn grows_on_fast_success_up_to_the_ceiling() {
        let mut window = Window::new(32);
        for _ in 0..100 {
            window.learn(FAST, 3);
        }
        assert_eq!(window.size(), 32);
        window.learn(Feedback::Accepted(Duration::from_secs(2)), 3);
        assert_eq!(window.size(), 32);
    }

    #[test]
    fn one_wave_of_overload_halves_once() {
        let mut window = Window::new(32);
        for _ in 0..100 {
            window.learn(FAST, 0);
        }
        for others in (0..32).rev() {
            window.learn(Feedback::Overloaded, others);
        }
        assert_eq!(window.size(), 16);
    }

    #[test]
    fn recovers_slowly_after_an_outage() {
        let mut window = Window::new(32);
        for _ in 0..100 {
            window.learn(Feedback::Overloaded, 0);
        }
        assert_eq!(window.size(), 1);
        for _ in 0..16 {
            window.learn(FAST, 0);
        }
        assert!(window.size() < 8, "{window:?}");
    }

    #[test]
    fn after_a_pause_it_grows_from_one() {
        let mut window = Window::ramp(32);
        let mut sizes = vec![window.size()];
        for _ in 0..6 {
            window.learn(FAST, 0);
            sizes.push(window.size());
        }
        assert_eq!(sizes, [1, 2, 2, 2, 3, 3, 3]);
    }

    proptest! {
        #[test]
        fn stays_between_one_and_the_ceiling(
            most in 0_usize..200,
            steps in proptest::collection::vec((0..4_u8, 0_usize..64), 0..300),
        ) {
            let mut window = Window::new(most);
            for (kind, in_flight) in steps {
                let feedback = match kind {
                    0 => Feedback::Overloaded,
                    1 => Feedback::Neutral,
                    2 => Feedback::Accepted(Duration::from_secs(3)),
                    _ => FAST,
                };
                window.learn(feedback, in_flight);
                prop_assert!(1 <= window.size() && window.size() <= most.max(1));
            }
        }
    }
}
