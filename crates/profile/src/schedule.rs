//! How long a profile waits between attempts, where it differs from the deployment.

use stayhook_core::{Backoff, Ratio, Span};

use crate::ProfileError;
use crate::read::Section;

/// What a profile changes about `retry.*`; what it leaves out stays the deployment's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Delay after the first failure.
    pub base: Option<Span>,
    /// Growth from one delay to the next.
    pub factor: Option<Ratio>,
    /// No delay is longer.
    pub cap: Option<Span>,
    /// Largest cut, as a part of the delay.
    pub jitter: Option<Ratio>,
}

impl Schedule {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ProfileError> {
        let span = |key| section.get(key).map(|it| it.span(Span::millis(1), Span::days(365))).transpose();
        let ratio = |key, range| section.get(key).map(|field| field.ratio(range)).transpose();
        let schedule = Self {
            base: span("base")?,
            factor: ratio("factor", 1_000..=1_000_000)?,
            cap: span("cap")?,
            jitter: ratio("jitter", 0..=1_000)?,
        };
        match (schedule.base, schedule.cap, section.get("cap")) {
            (Some(base), Some(cap), Some(field)) if cap < base => {
                Err(field.error(format!("is {cap}, shorter than base, {base}: make it at least as long")))
            }
            _ => Ok(schedule),
        }
    }

    /// The delays of a webhook under this profile.
    pub fn over(self, deployment: Backoff) -> Backoff {
        Backoff {
            base: self.base.unwrap_or(deployment.base),
            factor: self.factor.unwrap_or(deployment.factor),
            cap: self.cap.unwrap_or(deployment.cap),
            jitter: self.jitter.unwrap_or(deployment.jitter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Schedule, String> {
        let table: toml::Table = text.parse().unwrap();
        Schedule::read(&Section::root(&table)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_stays_the_deployments() {
        let schedule = read("base = '10s'\njitter = 0.25").unwrap();
        let expected = Backoff { base: Span::seconds(10), jitter: Ratio(250), ..Backoff::default() };
        assert_eq!(schedule.over(Backoff::default()), expected);
        assert_eq!(read("").unwrap().over(Backoff::default()), Backoff::default());
    }

    #[test]
    fn impossible_delays_are_refused() {
        for (text, reason) in [
            ("base = '2m'\ncap = '1m'", "cap: is 1m, shorter than base, 2m"),
            ("factor = 0.5", "factor: expected a number from 1 to 1000"),
            ("jitter = 1.5", "jitter: expected a number from 0 to 1"),
            ("base = '0s'", "base: 0s is out of bounds"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
