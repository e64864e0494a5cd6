//! One event on its way to one webhook, and the decision after each attempt.

use std::fmt;

use crate::{Backoff, DisableRule, Roll, Span, Status, Touch, UnixMs};

/// How far a delivery has come before the attempt in question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Attempts made so far; the next one bears this number plus one.
    pub attempts: u32,
    /// Failures that the backoff counts; faults of the engine are not among them.
    pub steps: u32,
}

/// What an attempt showed, in the terms that the decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver accepted.
    Accepted,
    /// The receiver failed: any answer but success, or none.
    Failed {
        /// The receiver's own wish, already parsed and bounded.
        retry_after: Option<Span>,
    },
    /// The attempt failed at a URL that was replaced while it was under way: says nothing about
    /// the new one, which is tried within the first delay of the backoff.
    Moved,
    /// The receiver asked to come back, by the profile's status policy: no failure, no step.
    Again {
        /// How long to wait.
        after: Span,
    },
    /// The receiver wants nothing more, by the profile's status policy: its webhook is disabled.
    Gone,
    /// A fault of the engine itself (shutdown, its resolver, its database): says nothing
    /// about the receiver. Whether the request was sent is not known.
    Interrupted,
}

/// An outcome with the moment it was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended.
    pub outcome: Outcome,
    /// When it ended.
    pub finished_at: UnixMs,
}

/// What becomes of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Done.
    Delivered,
    /// Wait until `due`, then try again.
    Retry {
        /// When the next attempt may start.
        due: UnixMs,
        /// Failures counted by the backoff, this one included where it counts.
        steps: u32,
    },
    /// Over without having been accepted.
    Ended(End),
}

/// How a delivery ends without having been accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Called off before it was accepted.
    Cancelled(Reason),
    /// Waited until nobody keeps it any longer.
    Expired(Reason),
    /// Never tried.
    Skipped(Reason),
}

/// Why a delivery ended without having been accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The webhook is, or was at that time, disabled.
    WebhookDisabled,
    /// The webhook was deleted.
    WebhookDeleted,
    /// The webhook does not, or no longer, want events of this type.
    Unsubscribed,
    /// The property has no subscription to the platform's service.
    NotEntitled,
    /// The event comes from the webhook's own client, which asked not to hear itself.
    OwnEvent,
    /// A newer event of the same booking took its place.
    Superseded,
    /// More was held than `hold.*` allows.
    HoldLimit,
    /// The owner discarded what was held.
    Discarded,
    /// Older than `retention.keep`.
    Retention,
}

/// Where a delivery stands, as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for its first or next attempt.
    Pending,
    /// Waits for its webhook to be resumed.
    Held,
    /// Is being attempted.
    Delivering,
    /// Was accepted.
    Delivered,
    /// Ended otherwise.
    Ended(End),
}

/// The retry policy of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The delays.
    pub backoff: Backoff,
    /// The 72-hour rule.
    pub disable: DisableRule,
    /// Wait after a fault of the engine itself.
    pub interrupted: Span,
}

impl Default for Policy {
    fn default() -> Self {
        Self { backoff: Backoff::default(), disable: DisableRule::default(), interrupted: Span::seconds(1) }
    }
}

/// What becomes of the delivery and of its webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The delivery's next state.
    pub next: Next,
    /// The webhook's next status; `None` where the webhook is gone.
    pub status: Option<Status>,
}

/// The whole retry policy of the engine, in one place and without IO.
///
/// `status` is the webhook's at the moment of writing, `None` if it was deleted since: what
/// is in flight when a webhook is switched off finishes and is recorded, but is not retried.
pub fn decide(
    progress: Progress,
    status: Option<&Status>,
    attempt: Attempt,
    policy: &Policy,
    roll: Roll,
) -> Verdict {
    let now = attempt.finished_at;
    let (touch, wait, steps) = match attempt.outcome {
        Outcome::Accepted => {
            let status = status.map(|it| it.touched(Touch::Succeeded, policy.disable));
            return Verdict { next: Next::Delivered, status };
        }
        Outcome::Failed { retry_after } => {
            let steps = progress.steps.saturating_add(1);
            let ours = policy.backoff.delay(steps, roll);
            let theirs = retry_after.unwrap_or_default().min(policy.backoff.cap);
            (Touch::Failed(now), ours.max(theirs), steps)
        }
        Outcome::Moved => (Touch::Nothing, policy.backoff.delay(1, roll), progress.steps),
        Outcome::Again { after } => (Touch::Nothing, after.min(policy.backoff.cap), progress.steps),
        Outcome::Gone => {
            let steps = progress.steps.saturating_add(1);
            (Touch::Gone(now), policy.backoff.delay(steps, roll), steps)
        }
        Outcome::Interrupted => (Touch::Nothing, policy.interrupted, progress.steps),
    };
    let status = status.map(|it| it.touched(touch, policy.disable));
    let next = match &status {
        None => Next::Ended(End::Cancelled(Reason::WebhookDeleted)),
        Some(Status::Disabled { .. }) => Next::Ended(End::Cancelled(Reason::WebhookDisabled)),
        Some(Status::Active { .. } | Status::Paused { .. }) => Next::Retry { due: now.after(wait), steps },
    };
    Verdict { next, status }
}

impl State {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Delivering => "delivering",
            Self::Delivered => "delivered",
            Self::Ended(End::Cancelled(_)) => "cancelled",
            Self::Ended(End::Expired(_)) => "expired",
            Self::Ended(End::Skipped(_)) => "skipped",
        }
    }

    /// Why it ended, where it ended without having been accepted.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Ended(end) => Some(end.reason()),
            Self::Pending | Self::Held | Self::Delivering | Self::Delivered => None,
        }
    }

    /// Whether nothing more happens by itself.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Ended(_))
    }
}

impl End {
    /// Why it ended.
    pub fn reason(self) -> Reason {
        match self {
            Self::Cancelled(reason) | Self::Expired(reason) | Self::Skipped(reason) => reason,
        }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::WebhookDisabled,
        Self::WebhookDeleted,
        Self::Unsubscribed,
        Self::NotEntitled,
        Self::OwnEvent,
        Self::Superseded,
        Self::HoldLimit,
        Self::Discarded,
        Self::Retention,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebhookDisabled => "webhook_disabled",
            Self::WebhookDeleted => "webhook_deleted",
            Self::Unsubscribed => "unsubscribed",
            Self::NotEntitled => "not_entitled",
            Self::OwnEvent => "own_event",
            Self::Superseded => "superseded",
            Self::HoldLimit => "hold_limit",
            Self::Discarded => "discarded",
            Self::Retention => "retention",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DisabledReason, Failing};
    use proptest::prelude::*;

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Accepted),
            proptest::option::of(any::<u64>())
                .prop_map(|ms| Outcome::Failed { retry_after: ms.map(Span::millis) }),
            Just(Outcome::Moved),
            any::<u64>().prop_map(|ms| Outcome::Again { after: Span::millis(ms) }),
            Just(Outcome::Gone),
            Just(Outcome::Interrupted),
        ]
    }

    fn statuses() -> impl Strategy<Value = Option<Status>> {
        let failing = |since, last| Failing { since: UnixMs(since), last: UnixMs(last) };
        proptest::option::of(prop_oneof![
            Just(Status::ACTIVE),
            (any::<i64>(), any::<i64>())
                .prop_map(move |(a, b)| Status::Active { failing: Some(failing(a.min(b), a.max(b))) }),
            any::<i64>().prop_map(|at| Status::Paused { since: UnixMs(at) }),
            any::<i64>().prop_map(|at| Status::Disabled { at: UnixMs(at), reason: DisabledReason::Failing }),
        ])
    }

    fn run(steps: u32, status: Option<&Status>, outcome: Outcome, at: i64, roll: u32) -> Verdict {
        let progress = Progress { attempts: steps, steps };
        let attempt = Attempt { outcome, finished_at: UnixMs(at) };
        decide(progress, status, attempt, &Policy::default(), Roll(roll))
    }

    /// Rule 3: `Retry-After` can lengthen a delay, up to the cap, and is not jittered.
    #[test]
    fn retry_after_lengthens_up_to_the_cap() {
        let due =
            |retry_after| match run(0, Some(&Status::ACTIVE), Outcome::Failed { retry_after }, 0, 7).next {
                Next::Retry { due, .. } => due,
                other => panic!("{other:?}"),
            };
        assert_eq!(due(Some(Span::minutes(5))), UnixMs(300_000));
        assert_eq!(due(Some(Span::seconds(1))), due(None));
        assert_eq!(due(Some(Span::days(9000))), UnixMs(0).after(Span::hours(6)));
    }

    /// Faults of the engine itself consume no step and start no clock.
    #[test]
    fn an_interruption_is_nobodys_failure() {
        let verdict = run(3, Some(&Status::ACTIVE), Outcome::Interrupted, 0, 0);
        assert_eq!(verdict.next, Next::Retry { due: UnixMs(1_000), steps: 3 });
        assert_eq!(verdict.status, Some(Status::ACTIVE));
    }

    /// A receiver that wants nothing more gets nothing more.
    #[test]
    fn who_wants_nothing_more_is_disabled_at_once() {
        let verdict = run(0, Some(&Status::ACTIVE), Outcome::Gone, 7, 0);
        assert_eq!(verdict.next, Next::Ended(End::Cancelled(Reason::WebhookDisabled)));
        let disabled = Status::Disabled { at: UnixMs(7), reason: DisabledReason::Gone };
        assert_eq!(verdict.status, Some(disabled));
        let paused = Status::Paused { since: UnixMs(1) };
        assert_eq!(run(0, Some(&paused), Outcome::Gone, 7, 0).status, Some(paused));
    }

    /// Rules 4 and 8: what fails at the old URL does not count against the new one.
    #[test]
    fn a_failure_at_a_url_that_was_replaced_does_not_count() {
        let verdict = run(9, Some(&Status::ACTIVE), Outcome::Moved, 0, 0);
        assert_eq!(verdict.next, Next::Retry { due: UnixMs(60_000), steps: 9 });
        assert_eq!(verdict.status, Some(Status::ACTIVE));
    }

    /// Rule 4: a receiver that never answers is disabled, dated 72 hours after the first
    /// failure, whatever the dice, and after 20 attempts when they show nothing.
    #[test]
    fn twenty_attempts_fit_into_72_hours() {
        let (attempts, at) = until_disabled(&[0; 64]);
        assert_eq!(at, UnixMs(0).after(Span::hours(72)));
        assert_eq!(attempts, 21, "twenty attempts, and the one that comes after 72 hours");
    }

    fn until_disabled(rolls: &[u32]) -> (u32, UnixMs) {
        let mut now = 0;
        let mut status = Status::ACTIVE;
        for (steps, roll) in (0..).zip(rolls) {
            let verdict = run(steps, Some(&status), Outcome::Failed { retry_after: None }, now, *roll);
            status = verdict.status.unwrap();
            match (verdict.next, &status) {
                (Next::Retry { due, .. }, Status::Active { .. }) => now = due.0,
                (Next::Ended(End::Cancelled(Reason::WebhookDisabled)), Status::Disabled { at, .. }) => {
                    return (steps + 1, *at);
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("never disabled");
    }

    #[test]
    fn reasons_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::parse("because"), None);
    }

    proptest! {
        /// No input, however hostile, makes the decision panic or overflow.
        #[test]
        fn total(n: u32, status in statuses(), outcome in outcomes(), at: i64, roll: u32) {
            run(n, status.as_ref(), outcome, at, roll);
        }

        /// A retry is never in the past and never further off than the cap.
        #[test]
        fn retries_are_near(n: u32, status in statuses(), outcome in outcomes(), at in 0_i64..1 << 50, roll: u32) {
            if let Next::Retry { due, .. } = run(n, status.as_ref(), outcome, at, roll).next {
                prop_assert!(UnixMs(at) <= due && due <= UnixMs(at).after(Span::hours(6)));
            }
        }

        #[test]
        fn dead_receiver_is_disabled_in_time(rolls in proptest::collection::vec(any::<u32>(), 64)) {
            let (attempts, at) = until_disabled(&rolls);
            prop_assert_eq!(at, UnixMs(0).after(Span::hours(72)));
            prop_assert!((20..=24).contains(&attempts), "{}", attempts);
        }

        /// What is accepted is delivered, even when the webhook was switched off meanwhile.
        #[test]
        fn accepted_means_delivered(n: u32, status in statuses(), at: i64, roll: u32) {
            prop_assert_eq!(run(n, status.as_ref(), Outcome::Accepted, at, roll).next, Next::Delivered);
        }

        /// A paused or disabled webhook is not changed by what was still in flight.
        #[test]
        fn late_attempts_do_not_change_what_was_switched_off(outcome in outcomes(), at: i64, roll: u32) {
            for status in [
                Status::Paused { since: UnixMs(5) },
                Status::Disabled { at: UnixMs(5), reason: DisabledReason::Failing },
            ] {
                prop_assert_eq!(run(1, Some(&status), outcome, at, roll).status, Some(status));
            }
        }
    }
}
