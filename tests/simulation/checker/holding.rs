//! What a paused webhook keeps (rule 6): no more than `hold.max_events`, nothing that is older than
//! `hold.max_age`.

use std::collections::{BTreeMap, BTreeSet};

use stayhook_core::{EventId, Next, Span, Status, UnixMs, WebhookId};
use stayhook_store::{Fate, TargetFate};

use super::book::{Book, Kind};
use super::{Violation, violation};
use crate::history::{Entry, What};

/// So long after more is held than may be, the rest has to be gone.
const SOON: Span = Span::seconds(2);
/// The same after a pause began: the sweeper naps for up to a minute.
const AFTER_PAUSE: Span = Span::seconds(62);

/// A webhook that is paused.
struct Pause {
    since: UnixMs,
    /// When something came to be held for the last time.
    grown: UnixMs,
    told: bool,
}

struct Watch<'a, 'b> {
    book: &'b Book<'a>,
    waiting: BTreeMap<WebhookId, BTreeSet<EventId>>,
    paused: BTreeMap<WebhookId, Pause>,
    found: Vec<Violation>,
}

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    // When something expired is told by the clock of the node that saw to it.
    if !book.clocks_agree() {
        return Vec::new();
    }
    let mut watch = Watch { book, waiting: BTreeMap::new(), paused: BTreeMap::new(), found: Vec::new() };
    let mut before = UnixMs(0);
    for (place, entry) in book.entries.iter().enumerate() {
        if entry.at > before {
            watch.pass(place, entry.at);
            before = entry.at;
        }
        watch.read(entry);
    }
    watch.found
}

impl Watch<'_, '_> {
    fn read(&mut self, entry: &Entry) {
        match &entry.what {
            What::Accepted(event) => {
                for (webhook, fate) in &event.targets {
                    if !matches!(fate, TargetFate::Skip(_)) {
                        self.hold(*webhook, event.event, entry.at);
                    }
                }
            }
            What::Sent(sent) => self.let_go(sent.webhook, sent.event),
            What::Written(it) => match it.fate {
                Fate::Spilled | Fate::Written(Next::Retry { .. }) => {
                    self.hold(it.webhook, it.event, entry.at);
                }
                Fate::Written(_) => self.let_go(it.webhook, it.event),
                Fate::Stale => {}
            },
            What::Applied(it) => match &it.webhook.status {
                Status::Paused { .. } => {
                    let pause = Pause { since: entry.at, grown: entry.at, told: false };
                    self.paused.entry(it.webhook.id).or_insert(pause);
                }
                _ => _ = self.paused.remove(&it.webhook.id),
            },
            What::Gone { webhook } => _ = self.paused.remove(webhook),
            _ => {}
        }
    }

    fn hold(&mut self, webhook: WebhookId, event: EventId, at: UnixMs) {
        self.waiting.entry(webhook).or_default().insert(event);
        if let Some(pause) = self.paused.get_mut(&webhook) {
            pause.grown = at;
        }
    }

    fn let_go(&mut self, webhook: WebhookId, event: EventId) {
        if let Some(waiting) = self.waiting.get_mut(&webhook) {
            waiting.remove(&event);
        }
    }

    /// Until this moment nothing more is seen.
    fn pass(&mut self, place: usize, at: UnixMs) {
        use Kind::{Clock, Crash, Freeze, Outage, Stop};
        let limits = self.book.plan.settings.hold;
        for (webhook, pause) in self.paused.iter_mut().filter(|(_, it)| !it.told) {
            let known = pause.since.after(AFTER_PAUSE);
            if at <= known {
                continue;
            }
            let waiting = self.waiting.get(webhook).into_iter().flatten();
            let held: Vec<EventId> = waiting
                .filter(|event| self.book.had_ended((*webhook, **event), at) == Some(false))
                .copied()
                .collect();
            let too_many = held.len() as u64 > limits.max_events && pause.grown.after(SOON) < at;
            let oldest = held.first().map(|it| it.accepted_at().after(limits.max_age).after(SOON));
            let too_old = oldest.is_some_and(|it| it < at);
            let from = pause.grown.max(oldest.unwrap_or(UnixMs(0)).min(at));
            if (too_many || too_old) && !self.book.troubled(&[Clock, Crash, Freeze, Outage, Stop], from, at) {
                pause.told = true;
                let words = format!("webhook {webhook} holds {}, the oldest {:?}", held.len(), held.first());
                let rule =
                    if too_old { "rule 6: held for too long" } else { "rule 6: more is held than may be" };
                self.found.push(violation(rule, place, words));
            }
        }
    }
}
