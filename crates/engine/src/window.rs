//! How many attempts one webhook may have in flight, and how soon after one another: more while
//! the receiver is fast, half of it when it is overwhelmed.
//!
//! One attempt at a time can still be too much for a receiver that refuses within a millisecond.
//! So where even that is refused again and again, attempts are started at a pace, which rises
//! slowly: a receiver that comes back to thousands of deliveries is not knocked over by them.

use std::time::Duration;

use crate::pace::Pace;

/// What an attempt said about the receiver's capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feedback {
    /// Accepted, after this time.
    Accepted(Duration),
    /// 429, 5xx, a timeout, or no connection.
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
    /// How often in a row one attempt at a time was too much.
    strikes: u8,
    /// Once even that has been refused again and again.
    pace: Option<Pace>,
}

impl Window {
    /// Where a webhook without a history starts.
    const START: f32 = 4.0;
    /// An answer faster than this means that more can be asked.
    const FAST: Duration = Duration::from_secs(1);
    /// After so many strikes attempts are paced.
    const STRIKES: u8 = 8;

    pub(crate) fn new(most: usize) -> Self {
        // Ceilings are thousands at most: exact in f32.
        let most = most.max(1) as f32;
        let size = Self::START.min(most);
        Self { size, threshold: most, most, settling: 0, strikes: 0, pace: None }
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

    /// How long after an attempt has started the next one may.
    pub(crate) fn gap(&self) -> Duration {
        self.pace.map_or(Duration::ZERO, Pace::gap)
    }

    /// Takes one attempt's outcome into account; `in_flight` counts the others.
    pub(crate) fn learn(&mut self, feedback: Feedback, in_flight: usize) {
        self.settling = self.settling.saturating_sub(1);
        match feedback {
            Feedback::Accepted(took) => {
                self.strikes = 0;
                if took < Self::FAST {
                    self.widen();
                }
            }
            Feedback::Overloaded if self.settling == 0 => {
                self.settling = in_flight + 1;
                self.narrow();
            }
            Feedback::Overloaded | Feedback::Neutral => {}
        }
    }

    fn widen(&mut self) {
        if let Some(pace) = self.pace.filter(|it| !it.is_lifted()) {
            self.pace = Some(pace.faster());
            return;
        }
        let step = if self.size < self.threshold { 1.0 } else { 1.0 / self.size };
        self.size = (self.size + step).min(self.most);
    }

    fn narrow(&mut self) {
        let free = self.pace.is_none_or(Pace::is_lifted);
        if free && self.size > 1.0 {
            self.size = (self.size / 2.0).max(1.0);
            self.threshold = self.size;
        } else if let Some(pace) = self.pace {
            self.pace = Some(pace.slower());
        } else {
            self.strikes += 1;
            if self.strikes == Self::STRIKES {
                (self.strikes, self.pace) = (0, Some(Pace::start()));
            }
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
    fn who_refuses_even_one_at_a_time_is_asked_at_a_pace_that_rises_slowly() {
        let mut window = Window::new(32);
        for _ in 0..2 + 7 {
            window.learn(Feedback::Overloaded, 0);
        }
        assert_eq!((window.size(), window.gap()), (1, Duration::ZERO));
        for _ in 0..6 {
            window.learn(Feedback::Overloaded, 0);
        }
        assert_eq!(window.gap(), Duration::from_millis(200));
        for _ in 0..20 {
            window.learn(FAST, 0);
        }
        assert_eq!((window.size(), window.gap()), (1, Duration::from_millis(100)));
        for _ in 0..4_000 {
            window.learn(FAST, 0);
        }
        assert_eq!(window.gap(), Duration::ZERO);
    }

    #[test]
    fn one_success_takes_all_strikes_away() {
        let mut window = Window::ramp(32);
        for _ in 0..100 {
            window.learn(Feedback::Overloaded, 0);
            window.learn(Feedback::Accepted(Duration::from_secs(2)), 0);
        }
        assert_eq!(window.gap(), Duration::ZERO);
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
                prop_assert!(window.gap() <= Duration::from_millis(200));
            }
        }
    }
}
