//! Whether a webhook may be sent to, and for how long it has been failing.

use crate::{Span, UnixMs};

/// What its owner, an administrator, or 72 hours of failure has made of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Events are delivered.
    Active {
        /// The run of failures under way, if there is one.
        failing: Option<Failing>,
    },
    /// Events are held.
    Paused {
        /// Since when.
        since: UnixMs,
    },
    /// Events are skipped until somebody reactivates the webhook.
    Disabled {
        /// Since when; for the 72-hour rule exactly 72 hours after the run began.
        at: UnixMs,
        /// Why, in a word or a sentence.
        reason: DisabledReason,
    },
}

/// An unbroken run of failed attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// End of the first failed attempt after the last success.
    pub since: UnixMs,
    /// End of the latest failed attempt.
    pub last: UnixMs,
}

/// Why a webhook is disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// Every attempt failed for longer than `disable.after`.
    Failing,
    /// The receiver answered that it wants nothing more.
    Gone,
    /// An administrator's own words.
    Admin(String),
}

/// The rule that turns a long run of failures into [`Status::Disabled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisableRule {
    /// A run longer than this disables.
    pub after: Span,
    /// So long without a failed attempt breaks the run: two caps of the backoff and one
    /// attempt's timeout, since nothing that is being retried pauses for longer.
    pub quiet: Span,
}

impl Default for DisableRule {
    fn default() -> Self {
        Self { after: Span::hours(72), quiet: Span::millis(2 * Span::hours(6).as_millis() + 10_000) }
    }
}

/// What an attempt means for its webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Nothing: the attempt says nothing about the receiver.
    Nothing,
    /// The receiver accepted.
    Succeeded,
    /// The receiver failed, at this moment.
    Failed(UnixMs),
    /// The receiver wants nothing more, since this moment.
    Gone(UnixMs),
}

/// What the clock says about a failing webhook when no attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Not failing, or not long enough: look again then.
    NotYet(Option<UnixMs>),
    /// Nothing has failed for a while: the run is over.
    Clear,
    /// Disable, dated then.
    Disable(UnixMs),
}

impl Status {
    /// Switched on with a clean slate: on creation, reactivation, resumption, change of URL.
    pub const ACTIVE: Self = Self::Active { failing: None };

    /// The status after an attempt. Paused and disabled webhooks do not change: an attempt
    /// that was in flight at that moment is recorded, but starts no clock.
    #[must_use]
    pub fn touched(&self, touch: Touch, rule: DisableRule) -> Self {
        let Self::Active { failing } = self else { return self.clone() };
        match (failing, touch) {
            (_, Touch::Nothing) => self.clone(),
            (_, Touch::Succeeded) => Self::ACTIVE,
            (_, Touch::Gone(at)) => Self::Disabled { at, reason: DisabledReason::Gone },
            (Some(run), Touch::Failed(at)) if at.since(run.last) <= rule.quiet => {
                if at.since(run.since) > rule.after {
                    return Self::failed_too_long(run.since, rule);
                }
                Self::Active { failing: Some(Failing { since: run.since, last: run.last.max(at) }) }
            }
            (_, Touch::Failed(at)) => Self::Active { failing: Some(Failing { since: at, last: at }) },
        }
    }

    /// What is due at `now` although no attempt falls due.
    pub fn overdue(&self, now: UnixMs, rule: DisableRule) -> Overdue {
        let Self::Active { failing: Some(run) } = self else { return Overdue::NotYet(None) };
        let limit = run.since.after(rule.after);
        if now <= limit {
            Overdue::NotYet(Some(UnixMs(limit.0.saturating_add(1))))
        } else if now.since(run.last) > rule.quiet {
            Overdue::Clear
        } else {
            Overdue::Disable(limit)
        }
    }

    /// The status that [`Status::overdue`] asks for at `now`, where it asks for one.
    pub fn swept(&self, now: UnixMs, rule: DisableRule) -> Option<Self> {
        match self.overdue(now, rule) {
            Overdue::NotYet(_) => None,
            Overdue::Clear => Some(Self::ACTIVE),
            Overdue::Disable(at) => Some(Self::Disabled { at, reason: DisabledReason::Failing }),
        }
    }

    /// The run under way, if there is one.
    pub fn failing(&self) -> Option<Failing> {
        match self {
            Self::Active { failing } => *failing,
            Self::Paused { .. } | Self::Disabled { .. } => None,
        }
    }

    fn failed_too_long(since: UnixMs, rule: DisableRule) -> Self {
        Self::Disabled { at: since.after(rule.after), reason: DisabledReason::Failing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: DisableRule =
        DisableRule { after: Span::hours(72), quiet: Span::millis(12 * 3_600_000 + 10_000) };

    fn failing(since: i64, last: i64) -> Status {
        Status::Active { failing: Some(Failing { since: UnixMs(since), last: UnixMs(last) }) }
    }

    fn hours(n: i64) -> i64 {
        n * 3_600_000
    }

    /// Rule 4: on time even if no attempt falls due then.
    #[test]
    fn disabled_on_time_without_an_attempt() {
        let status = failing(0, hours(71));
        assert_eq!(status.overdue(UnixMs(hours(72)), RULE), Overdue::NotYet(Some(UnixMs(hours(72) + 1))));
        assert_eq!(status.overdue(UnixMs(hours(72) + 1), RULE), Overdue::Disable(UnixMs(hours(72))));
    }

    /// Rule 4: two caps without a failed attempt break the run.
    #[test]
    fn silence_clears_the_clock() {
        assert_eq!(failing(0, hours(50)).overdue(UnixMs(hours(73)), RULE), Overdue::Clear);
        let later = failing(0, 0).touched(Touch::Failed(UnixMs(hours(13))), RULE);
        assert_eq!(later, failing(hours(13), hours(13)));
    }

    /// Rule 4: time spent paused never counts.
    #[test]
    fn a_paused_webhook_is_never_disabled() {
        let paused = Status::Paused { since: UnixMs(0) };
        assert_eq!(paused.touched(Touch::Failed(UnixMs(hours(100))), RULE), paused);
        assert_eq!(paused.overdue(UnixMs(i64::MAX), RULE), Overdue::NotYet(None));
    }

    fn statuses() -> impl Strategy<Value = Status> {
        prop_oneof![
            Just(Status::ACTIVE),
            (any::<i64>(), any::<i64>()).prop_map(|(a, b)| failing(a.min(b), a.max(b))),
            any::<i64>().prop_map(|at| Status::Paused { since: UnixMs(at) }),
            any::<i64>().prop_map(|at| Status::Disabled { at: UnixMs(at), reason: DisabledReason::Failing }),
        ]
    }

    proptest! {
        /// No input, however hostile, makes a transition panic or overflow.
        #[test]
        fn total(status in statuses(), at: i64) {
            let _ = status.touched(Touch::Failed(UnixMs(at)), RULE);
            let _ = status.swept(UnixMs(at), RULE);
        }

        /// A success forgives, whatever came before.
        #[test]
        fn a_success_forgives(status in statuses()) {
            let after = status.touched(Touch::Succeeded, RULE);
            prop_assert!(after == Status::ACTIVE || after == status);
            prop_assert_eq!(after.failing(), None);
        }

        /// Disabling is dated exactly `after` from the start of the run, and never early.
        #[test]
        fn disabled_exactly_after_72_hours(gaps in proptest::collection::vec(1_i64..hours(12), 1..200)) {
            let mut now = 0;
            let mut status = Status::ACTIVE.touched(Touch::Failed(UnixMs(0)), RULE);
            for gap in gaps {
                now += gap;
                status = status.touched(Touch::Failed(UnixMs(now)), RULE);
                match &status {
                    Status::Disabled { at, .. } => {
                        prop_assert_eq!(*at, UnixMs(hours(72)));
                        prop_assert!(now > hours(72));
                        return Ok(());
                    }
                    other => {
                        prop_assert!(now <= hours(72));
                        prop_assert_eq!(other, &failing(0, now));
                    }
                }
            }
        }

        /// With a success at least every 72 hours nothing disables the webhook.
        #[test]
        fn isolated_incidents_never_disable(steps in proptest::collection::vec((0_i64..71, any::<bool>()), 1..200)) {
            let mut now = 0;
            let mut last_success = 0;
            let mut status = Status::ACTIVE;
            for (gap, ok) in steps {
                now += hours(gap);
                let ok = ok || now - last_success >= hours(72);
                if ok {
                    last_success = now;
                }
                let touch = if ok { Touch::Succeeded } else { Touch::Failed(UnixMs(now)) };
                status = status.touched(touch, RULE);
                let active = matches!(status, Status::Active { .. });
                prop_assert!(active);
            }
        }
    }
}
