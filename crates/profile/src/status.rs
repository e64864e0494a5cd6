//! What the status of an answer means.

use std::collections::BTreeMap;

use stayhook_core::{Outcome, Span};

use crate::ProfileError;
use crate::read::{Field, Section};

/// The longest delay that an answer may stand for.
const RETRY_IN_MAX: Span = Span::hours(24);

/// What a profile makes of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Accepted.
    Success,
    /// Failed: tried again by the schedule.
    Retry,
    /// The receiver asks to come back then: no failure, and no step of the schedule.
    RetryIn(Span),
    /// The registration is wrong: somebody must be told. Tried again by the schedule.
    ConfigFault,
    /// The receiver wants nothing any more: the webhook is disabled.
    Disable,
}

/// An answer in the terms of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// What [`stayhook_core::decide`] takes.
    Outcome(Outcome),
    /// As `Outcome::Failed`, and somebody must be told that the registration is wrong.
    ConfigFault {
        /// The receiver's own wish, already parsed and bounded.
        retry_after: Option<Span>,
    },
    /// The webhook is to be disabled.
    Disable,
}

/// The meanings of all statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusPolicy {
    codes: BTreeMap<u16, Meaning>,
    /// 2xx, 3xx, 4xx, 5xx
    classes: [Meaning; 4],
}

impl StatusPolicy {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ProfileError> {
        let mut policy = Self {
            codes: BTreeMap::new(),
            classes: [Meaning::Success, Meaning::Retry, Meaning::Retry, Meaning::Retry],
        };
        for (key, field) in section.fields() {
            let meaning = Meaning::read(&field)?;
            match (key.as_bytes(), key.parse::<u16>()) {
                ([class @ b'2'..=b'5', b'x', b'x'], _) => policy.classes[usize::from(class - b'2')] = meaning,
                ([b'2'..=b'5', _, _], Ok(code)) => _ = policy.codes.insert(code, meaning),
                _ => {
                    return Err(
                        field.error("is no status: write a code from 200 to 599 or a class such as \"4xx\"")
                    );
                }
            }
        }
        Ok(policy)
    }

    /// The meaning of a status: its own, else that of its class. What is no final status of
    /// HTTP's failed.
    pub(crate) fn meaning(&self, status: u16) -> Meaning {
        let class = || usize::from(status / 100).checked_sub(2).and_then(|class| self.classes.get(class));
        self.codes.get(&status).or_else(class).copied().unwrap_or(Meaning::Retry)
    }
}

impl Meaning {
    fn read(field: &Field<'_>) -> Result<Self, ProfileError> {
        const WORDS: &[(&str, Meaning)] = &[
            ("success", Meaning::Success),
            ("retry", Meaning::Retry),
            ("config_fault", Meaning::ConfigFault),
            ("disable", Meaning::Disable),
        ];
        const EXPECTED: &str =
            "\"success\", \"retry\", { retry_in = \"60s\" }, \"config_fault\" or \"disable\"";
        if field.value().is_str() {
            return field.word(WORDS);
        }
        let section = field.section(EXPECTED)?.only(&["retry_in"])?;
        let delay = section.need("retry_in", "a duration, such as { retry_in = \"60s\" }")?;
        delay.span(Span::millis(1), RETRY_IN_MAX).map(Self::RetryIn)
    }

    /// The meaning for the engine; `retry_after` is what the receiver asked for itself.
    pub(crate) fn judged(self, retry_after: Option<Span>) -> Judged {
        match self {
            Self::Success => Judged::Outcome(Outcome::Accepted),
            Self::Retry => Judged::Outcome(Outcome::Failed { retry_after }),
            Self::RetryIn(after) => {
                Judged::Outcome(Outcome::Again { after: retry_after.map_or(after, |asked| asked.max(after)) })
            }
            Self::ConfigFault => Judged::ConfigFault { retry_after },
            Self::Disable => Judged::Disable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<StatusPolicy, String> {
        let table: toml::Table = text.parse().unwrap();
        StatusPolicy::read(&Section::root(&table)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_code_counts_more_than_its_class() {
        let policy =
            read("409 = { retry_in = '60s' }\n4xx = 'config_fault'\n410 = 'disable'\n3xx = 'success'")
                .unwrap();
        for (status, meaning) in [
            (200, Meaning::Success),
            (204, Meaning::Success),
            (302, Meaning::Success),
            (400, Meaning::ConfigFault),
            (409, Meaning::RetryIn(Span::seconds(60))),
            (410, Meaning::Disable),
            (503, Meaning::Retry),
            (100, Meaning::Retry),
            (600, Meaning::Retry),
        ] {
            assert_eq!(policy.meaning(status), meaning, "{status}");
        }
    }

    #[test]
    fn a_receivers_own_wish_lengthens_a_delay() {
        let after = |span| Judged::Outcome(Outcome::Again { after: span });
        let minute = Meaning::RetryIn(Span::seconds(60));
        assert_eq!(minute.judged(None), after(Span::seconds(60)));
        assert_eq!(minute.judged(Some(Span::seconds(90))), after(Span::seconds(90)));
        assert_eq!(minute.judged(Some(Span::seconds(9))), after(Span::seconds(60)));
        let retry_after = Some(Span::seconds(5));
        assert_eq!(Meaning::Retry.judged(retry_after), Judged::Outcome(Outcome::Failed { retry_after }));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for (text, reason) in [
            ("600 = 'retry'", "600: is no status"),
            ("1xx = 'retry'", "1xx: is no status"),
            ("4XX = 'retry'", "4XX: is no status"),
            ("+20 = 'retry'", "is no status"),
            ("409 = 'retrry'", "409: \"retrry\" is not one of"),
            ("409 = { retry = '1s' }", "409.retry: unknown key: did you mean `retry_in`?"),
            ("409 = { retry_in = '60' }", "409.retry_in: a duration needs one of the units"),
            ("409 = { retry_in = '0s' }", "409.retry_in: 0s is out of bounds"),
            ("409 = {}", "409.retry_in: is missing"),
            ("409 = 5", "409: expected \"success\""),
        ] {
            let text = text.replace("+20", "'+20'");
            let error = read(&text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_status_means_something(status: u16) {
            let policy = read("").unwrap();
            let expected = if (200..300).contains(&status) { Meaning::Success } else { Meaning::Retry };
            prop_assert_eq!(policy.meaning(status), expected);
        }
    }
}
