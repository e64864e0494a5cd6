//! The 72-hour rule (rule 4): who fails for too long is disabled, exactly then and never
//! otherwise; successes, changes of URL, resumption and reactivation forgive.

use std::collections::BTreeMap;

use stayhook_core::{DisabledReason, Span, Status, UnixMs, WebhookId};
use stayhook_store::Fate;

use super::book::Book;
use super::{Violation, violation};
use crate::history::{Applied, What, Written, WrittenStep};

/// What a webhook is, worked out anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    /// Since the end of the first failure, and until that of the last.
    Failing {
        since: UnixMs,
        last: UnixMs,
    },
    Paused,
    /// Its receiver wants nothing more, since then.
    Gone(UnixMs),
    Disabled,
}

struct Watch<'a, 'b> {
    book: &'b Book<'a>,
    health: BTreeMap<WebhookId, Health>,
    urls: BTreeMap<WebhookId, (u32, String)>,
    found: Vec<Violation>,
}

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut watch = Watch { book, health: BTreeMap::new(), urls: BTreeMap::new(), found: Vec::new() };
    for (place, entry) in book.entries.iter().enumerate() {
        match &entry.what {
            What::Applied(applied) => watch.apply(applied),
            What::Gone { webhook } => {
                watch.health.remove(webhook);
            }
            What::Written(written) => watch.tried(written),
            What::Status { webhook, status } => watch.status(place, entry.at, *webhook, status),
            _ => {}
        }
        if let What::Looked { .. } = &entry.what {
            watch.overdue(place, entry.at);
        }
    }
    watch.found
}

impl Watch<'_, '_> {
    fn apply(&mut self, applied: &Applied) {
        let webhook = &applied.webhook;
        let before = self.health.get(&webhook.id).copied();
        let moved = self.urls.insert(webhook.id, (applied.url_number, webhook.url.clone()));
        let moved = moved.is_some_and(|(number, _)| number != applied.url_number);
        let health = match (&webhook.status, before) {
            (Status::Paused { .. }, _) => Health::Paused,
            (Status::Disabled { .. }, _) => Health::Disabled,
            (Status::Active { .. }, Some(run @ Health::Failing { .. })) if !moved => run,
            (Status::Active { .. }, _) => Health::Well,
        };
        self.health.insert(webhook.id, health);
    }

    /// An attempt was written: what it means by the rule alone.
    fn tried(&mut self, written: &Written) {
        let rule = self.book.plan.settings.policy.disable;
        let WrittenStep::Tried { ended, accepted, counts, gone, url_number, .. } = written.step else {
            return;
        };
        let Fate::Written(_) = written.fate else { return };
        let moved = self.urls.get(&written.webhook).is_some_and(|(number, _)| *number != url_number);
        let Some(health) = self.health.get_mut(&written.webhook) else { return };
        *health = match *health {
            Health::Well | Health::Failing { .. } if accepted => Health::Well,
            Health::Well | Health::Failing { .. } if gone && !moved => Health::Gone(ended),
            Health::Well if counts && !moved => Health::Failing { since: ended, last: ended },
            Health::Failing { last, .. } if counts && !moved && ended.since(last) > rule.quiet => {
                Health::Failing { since: ended, last: ended }
            }
            Health::Failing { since, last } if counts && !moved => {
                Health::Failing { since, last: last.max(ended) }
            }
            other => other,
        };
    }

    /// A status that came of an attempt or of the clock.
    fn status(&mut self, place: usize, at: UnixMs, webhook: WebhookId, status: &Status) {
        let rule = self.book.plan.settings.policy.disable;
        let known = self.health.get(&webhook).copied();
        let fine = match (status, known) {
            (
                Status::Disabled { at: dated, reason: DisabledReason::Failing },
                Some(Health::Failing { since, .. }),
            ) => {
                self.on_time(place, at, since, webhook);
                *dated == since.after(rule.after)
            }
            (Status::Disabled { at: dated, reason: DisabledReason::Gone }, Some(Health::Gone(at))) => {
                *dated == at
            }
            (Status::Active { failing: Some(run) }, Some(Health::Failing { since, .. })) => {
                run.since == since
            }
            (Status::Active { failing: None }, Some(Health::Well)) => true,
            // Silence: nothing failed for a while, and the time is over.
            (Status::Active { failing: None }, Some(Health::Failing { since, last })) => {
                at.since(last) > rule.quiet && at.since(since) > rule.after
            }
            _ => false,
        };
        if !fine && !self.clocks_differ() {
            let words = format!("webhook {webhook}: {status:?}, where the history shows {known:?}");
            self.found.push(violation("rule 4: a status that the history does not justify", place, words));
        }
        let health = match status {
            Status::Disabled { .. } => Health::Disabled,
            Status::Paused { .. } => Health::Paused,
            Status::Active { failing: Some(run) } => Health::Failing { since: run.since, last: run.last },
            Status::Active { failing: None } => Health::Well,
        };
        self.health.insert(webhook, health);
    }

    fn on_time(&mut self, place: usize, at: UnixMs, since: UnixMs, webhook: WebhookId) {
        let rule = self.book.plan.settings.policy.disable;
        let limit = since.after(rule.after);
        let late = at > limit.after(Span::seconds(1)) && !self.excused(limit, at);
        if (at <= limit || late) && !self.clocks_differ() {
            let words = format!("webhook {webhook}: failing since {}", since.rfc3339_millis());
            let rule = if late { "rule 4: disabled too late" } else { "rule 4: disabled too early" };
            self.found.push(violation(rule, place, words));
        }
    }

    /// Nobody fails for longer than the rule allows.
    fn overdue(&mut self, place: usize, at: UnixMs) {
        let rule = self.book.plan.settings.policy.disable;
        let overdue: Vec<_> = self
            .health
            .iter()
            .filter_map(|(webhook, health)| match health {
                Health::Failing { since, .. } if at > since.after(rule.after).after(Span::seconds(1)) => {
                    Some((*webhook, *since))
                }
                _ => None,
            })
            .collect();
        for (webhook, since) in overdue {
            if !self.excused(since.after(rule.after), at) && !self.clocks_differ() {
                let words = format!("webhook {webhook}: failing since {}", since.rfc3339_millis());
                self.found.push(violation("rule 4: not disabled", place, words));
                self.health.insert(webhook, Health::Disabled);
            }
        }
    }

    fn excused(&self, from: UnixMs, until: UnixMs) -> bool {
        use super::book::Kind::{Clock, Crash, Freeze, Outage, Stop};
        self.book.troubled(&[Crash, Freeze, Stop, Outage, Clock], from, until)
    }

    /// Runs are dated by the nodes' clocks: where those were set, nothing exact can be said.
    fn clocks_differ(&self) -> bool {
        self.book.troubled(&[super::book::Kind::Clock], UnixMs(0), UnixMs(i64::MAX))
    }
}
