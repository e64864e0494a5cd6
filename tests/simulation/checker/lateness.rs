//! Nothing that is due waits while its webhook has nothing else to do (rules 1, 3 and 10):
//! neither because it was forgotten, nor because of other webhooks.

use std::collections::{BTreeMap, BTreeSet};

use stayhook_core::{BookingId, EventId, Held, Next, Ordering, PropertyId, Span, Status, UnixMs, WebhookId};
use stayhook_store::{Fate, HoldLimits, TargetFate};

use super::book::{Book, Delivery};
use super::{Violation, violation};
use crate::history::{Accepted, Entry, What, Written};
use crate::plan::Call;

/// So long a due delivery of a webhook may wait that has nothing in flight and is known to be
/// quick, on a node that is alone.
const PROMPT: Span = Span::millis(100);
/// The same with neighbours, who have to hear of it.
const HEARD: Span = Span::millis(1_200);
/// The same for a webhook that takes its time: those share a part of the node.
const SLOW: Span = Span::seconds(60);
/// At the least so often something starts at a receiver that refuses even one attempt at a time.
const PACED: Span = Span::millis(200);
/// After so many attempts in a row that were not accepted, attempts may be paced.
const REFUSALS: u32 = 8;
/// An attempt that takes longer is slow.
const QUICK: Span = Span::seconds(1);

struct Watch<'a, 'b> {
    book: &'b Book<'a>,
    waiting: BTreeMap<Delivery, Wait>,
    in_flight: BTreeMap<WebhookId, usize>,
    may_send: BTreeMap<WebhookId, bool>,
    refused: BTreeSet<PropertyId>,
    slow: BTreeSet<WebhookId>,
    /// How many attempts in a row were not accepted, and when the last one started.
    refusals: BTreeMap<WebhookId, u32>,
    started: BTreeMap<WebhookId, UnixMs>,
    /// Webhooks whose attempts may be paced from now on.
    paced: BTreeSet<WebhookId>,
    paused: BTreeSet<WebhookId>,
    /// Webhooks whose order is strict.
    strict: BTreeSet<WebhookId>,
    /// The calls that resume something, by step.
    resumes: BTreeMap<usize, (WebhookId, Held)>,
    found: Vec<Violation>,
}

/// A delivery that waits.
struct Wait {
    due: UnixMs,
    late: Span,
    told: bool,
    /// Newer ones of its kind take its place for as long as it is not due.
    gathered: bool,
}

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut watch = Watch {
        book,
        waiting: BTreeMap::new(),
        in_flight: BTreeMap::new(),
        may_send: BTreeMap::new(),
        refused: BTreeSet::new(),
        slow: BTreeSet::new(),
        refusals: BTreeMap::new(),
        started: BTreeMap::new(),
        paced: BTreeSet::new(),
        paused: BTreeSet::new(),
        strict: BTreeSet::new(),
        resumes: BTreeMap::new(),
        found: Vec::new(),
    };
    let mut before = UnixMs(0);
    for (place, entry) in book.entries.iter().enumerate() {
        if entry.at > before {
            watch.pass(place, before, entry.at);
            before = entry.at;
        }
        watch.read(place, entry);
    }
    watch.found
}

impl Watch<'_, '_> {
    /// Time passes in which nothing is seen.
    fn pass(&mut self, place: usize, from: UnixMs, until: UnixMs) {
        let from = self.excused_until(from);
        if from >= until {
            return;
        }
        let keep = self.book.plan.settings.keep;
        let blocked = self.blocked();
        let short_holds = self.book.plan.settings.hold != HoldLimits::default();
        for ((webhook, event), wait) in &mut self.waiting {
            // What was held too long is known by its record alone.
            let ended = || {
                self.book
                    .had_ended((*webhook, *event), until)
                    .unwrap_or(short_holds || !self.book.knows_the_end((*webhook, *event)))
            };
            let busy = self.in_flight.get(webhook).is_some_and(|it| *it > 0);
            let served =
                self.book.events.get(event).is_none_or(|(_, it)| !self.refused.contains(&it.property));
            let kept = event.accepted_at().after(keep) > until;
            if busy || !served || !kept || !self.may_send.get(webhook).copied().unwrap_or(false) {
                continue;
            }
            let free = blocked.get(&(*webhook, *event)).copied().unwrap_or(from);
            let paced = self.started.get(webhook).filter(|_| self.paced.contains(webhook));
            let free = paced.map_or(free, |at| free.max(at.after(PACED)));
            let late = until.since(wait.due.max(from).max(free));
            wait.late = crate::plan::sum(wait.late, late);
            let most = match (self.slow.contains(webhook), self.book.plan.settings.nodes) {
                (true, _) => SLOW,
                (false, 1) => PROMPT,
                (false, _) => HEARD,
            };
            if wait.late > most && !wait.told && !ended() {
                wait.told = true;
                let words = format!(
                    "webhook {webhook} {event}, due {}, waited {}",
                    wait.due.rfc3339_millis(),
                    wait.late
                );
                self.found.push(violation("rule 10: due, free to go, and not sent", place, words));
            }
        }
    }

    /// Until when nobody is to be blamed.
    fn excused_until(&self, from: UnixMs) -> UnixMs {
        let troubles = self.book.troubles.iter().filter(|it| it.from <= from && from < it.until);
        troubles.map(|it| it.until).max().unwrap_or(from)
    }

    fn read(&mut self, place: usize, entry: &Entry) {
        match &entry.what {
            What::Accepted(event) => self.accept(place, event, entry.at),
            What::Sent(sent) => {
                self.waiting.remove(&(sent.webhook, sent.event));
                *self.in_flight.entry(sent.webhook).or_default() += 1;
                self.started.insert(sent.webhook, entry.at);
            }
            What::Ended { send, .. } | What::Lost { send } => self.land(*send, entry.at),
            What::Written(written) => {
                self.write(place, entry, written);
                self.supersede(written.webhook, place);
            }
            What::Applied(it) => {
                let webhook = &it.webhook;
                let active = matches!(webhook.status, Status::Active { .. });
                let was_paused = self.paused.remove(&webhook.id);
                if matches!(webhook.status, Status::Paused { .. }) {
                    self.paused.insert(webhook.id);
                }
                self.may_send.insert(webhook.id, active);
                self.retain(webhook.id, |event, book| wants(book, webhook.id, event, place));
                if matches!(webhook.status, Status::Disabled { .. }) {
                    self.retain(webhook.id, |_, _| false);
                }
                self.pull_forward(webhook.id, place, entry.at);
                self.supersede(webhook.id, place);
                self.resumed(place, was_paused);
            }
            What::Status { webhook, status: Status::Disabled { .. } } | What::Gone { webhook } => {
                self.may_send.insert(*webhook, false);
                self.retain(*webhook, |_, _| false);
            }
            What::Entitled { property, entitled: true } => {
                self.refused.remove(property);
            }
            What::Entitled { property, .. } => {
                self.refused.insert(*property);
            }
            What::Requeued { webhook, event: Some(event) } => {
                self.wait((*webhook, *event), entry.at);
                self.supersede(*webhook, place);
            }
            What::Asked { step, call: Call::Resume { held, .. }, webhook: Some(webhook), .. } => {
                self.resumes.insert(*step, (*webhook, *held));
            }
            _ => {}
        }
    }

    fn wait(&mut self, delivery: Delivery, due: UnixMs) {
        let wait = self.waiting.entry(delivery).or_insert(Wait {
            due,
            late: Span::ZERO,
            told: false,
            gathered: false,
        });
        wait.due = wait.due.min(due);
    }

    fn accept(&mut self, place: usize, event: &Accepted, at: UnixMs) {
        for (webhook, fate) in &event.targets {
            match fate {
                TargetFate::Skip(_) => continue,
                TargetFate::Send | TargetFate::Wait => self.wait((*webhook, event.event), at),
                TargetFate::Gather(window) => self.gather(*webhook, event, at, at.after(*window)),
            }
            self.supersede(*webhook, place);
        }
    }

    /// The newest takes the place of those that are not due yet, and is due when the first of
    /// them was.
    fn gather(&mut self, webhook: WebhookId, event: &Accepted, at: UnixMs, mut due: UnixMs) {
        let book = self.book;
        let same = |id: EventId| {
            let of = book.events.get(&id).map(|(_, it)| (&it.kind, it.booking.as_ref().map(BookingId::key)));
            of == Some((&event.kind, event.booking.as_ref().map(BookingId::key)))
        };
        self.waiting.retain(|(id, other), wait| {
            let gives_way = *id == webhook && wait.gathered && wait.due > at && same(*other);
            due = if gives_way { due.min(wait.due) } else { due };
            !gives_way
        });
        let wait = Wait { due, late: Span::ZERO, told: false, gathered: true };
        self.waiting.insert((webhook, event.event), wait);
    }

    /// Until when deliveries are not to be blamed: in strict order, while others of their booking
    /// are before them, or may be.
    fn blocked(&self) -> BTreeMap<Delivery, UnixMs> {
        let strict: BTreeSet<Delivery> =
            self.waiting.keys().filter(|it| self.strict.contains(&it.0)).copied().collect();
        let mut blocked = BTreeMap::new();
        for (webhook, event) in &strict {
            let Some(booking) = self.book.booking(*event) else { continue };
            let others = strict.iter().filter(|(id, it)| {
                id == webhook && it != event && self.book.booking(*it).as_ref() == Some(&booking)
            });
            let free = others.map(|other| match self.waiting.get(other) {
                Some(wait) if self.book.is_newer(other.1, *event) => wait.due,
                _ => UnixMs(i64::MAX),
            });
            blocked.extend(free.max().map(|free| ((*webhook, *event), free)));
        }
        blocked
    }

    /// With the order `newest`, of a booking only the newest waits.
    fn supersede(&mut self, webhook: WebhookId, place: usize) {
        let ordering =
            self.book.form(webhook, place).map_or(Ordering::None, |it| it.webhook.options.ordering);
        if ordering == Ordering::None {
            self.strict.remove(&webhook);
        } else {
            self.strict.insert(webhook);
        }
        if ordering == Ordering::Newest {
            self.keep_latest(webhook);
        }
    }

    fn keep_latest(&mut self, webhook: WebhookId) {
        let of_webhook = self.waiting.keys().filter(|(id, _)| *id == webhook);
        let waiting: Vec<EventId> = of_webhook.map(|(_, event)| *event).collect();
        let book = self.book;
        let newest = |event: EventId| {
            let booking = book.booking(event);
            !waiting.iter().any(|it| book.is_newer(*it, event) && book.booking(*it) == booking)
        };
        self.retain(webhook, |event, _| newest(event));
    }

    fn land(&mut self, send: usize, at: UnixMs) {
        let flight = &self.book.flights[send];
        let count = self.in_flight.entry(flight.sent.webhook).or_default();
        *count = count.saturating_sub(1);
        let refusals = self.refusals.entry(flight.sent.webhook).or_default();
        *refusals = if flight.landing.is_some_and(|it| it.accepted()) { 0 } else { *refusals + 1 };
        if *refusals >= REFUSALS {
            self.paced.insert(flight.sent.webhook);
        }
        if at.since(flight.at) >= QUICK {
            self.slow.insert(flight.sent.webhook);
        } else {
            self.slow.remove(&flight.sent.webhook);
        }
    }

    fn write(&mut self, place: usize, entry: &Entry, written: &Written) {
        let delivery = (written.webhook, written.event);
        match written.fate {
            Fate::Written(Next::Retry { due, .. }) => {
                self.waiting.remove(&delivery);
                let due = UnixMs(due.0 - self.book.offset(entry.node, place));
                self.wait(delivery, due);
            }
            Fate::Written(_) => {
                self.waiting.remove(&delivery);
            }
            Fate::Spilled | Fate::Stale => {}
        }
    }

    /// Another URL makes retries due within the first delay.
    fn pull_forward(&mut self, webhook: WebhookId, place: usize, at: UnixMs) {
        let urls = self.book.forms.get(&webhook).map(Vec::as_slice).unwrap_or_default();
        let known = urls.iter().position(|(entry, _)| *entry == place);
        let moved = known
            .and_then(|it| it.checked_sub(1))
            .is_some_and(|before| urls[before].1.url_number != urls[before + 1].1.url_number);
        if moved {
            let by = at.after(self.book.plan.settings.policy.backoff.base);
            for ((id, _), wait) in &mut self.waiting {
                if *id == webhook {
                    wait.due = wait.due.min(by);
                }
            }
        }
    }

    /// What was held is gone where that was asked for.
    fn resumed(&mut self, place: usize, was_paused: bool) {
        let resume = self.book.step_of(place).and_then(|step| self.resumes.remove(&step));
        let resume = resume.filter(|_| was_paused);
        match resume {
            Some((webhook, Held::Discard)) => self.retain(webhook, |_, _| false),
            Some((webhook, Held::Latest)) => self.keep_latest(webhook),
            _ => {}
        }
    }

    fn retain(&mut self, webhook: WebhookId, keep: impl Fn(EventId, &Book<'_>) -> bool) {
        let book = self.book;
        self.waiting.retain(|(id, event), _| *id != webhook || keep(*event, book));
    }
}

fn wants(book: &Book<'_>, webhook: WebhookId, event: EventId, place: usize) -> bool {
    let kind = book.events.get(&event).map(|(_, it)| &it.kind);
    let form = book.form(webhook, place);
    kind.zip(form).is_none_or(|(kind, form)| form.webhook.events.matches(kind))
}
