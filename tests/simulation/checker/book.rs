//! A history, arranged for reading.

use std::collections::BTreeMap;

use stayhook_core::{EventId, Ordering, PropertyId, Span, State, UnixMs, WebhookId};

use crate::history::{Accepted, Applied, Entry, Sent, Target, What};
use crate::plan::Plan;

/// A webhook or delivery, and when it was.
pub(super) type Delivery = (WebhookId, EventId);

pub(super) struct Book<'a> {
    pub(super) plan: &'a Plan,
    pub(super) entries: &'a [Entry],
    /// By number.
    pub(super) flights: Vec<Flight<'a>>,
    /// The flights of each delivery, in order.
    pub(super) by_delivery: BTreeMap<Delivery, Vec<usize>>,
    pub(super) events: BTreeMap<EventId, (usize, &'a Accepted)>,
    /// Every form that a webhook had, with the entry that shows it.
    pub(super) forms: BTreeMap<WebhookId, Vec<(usize, &'a Applied)>>,
    pub(super) troubles: Vec<Trouble>,
    /// The entries that show another form, status, or end of a webhook.
    pub(super) of_webhook: BTreeMap<WebhookId, Vec<usize>>,
    /// The entries that say whether a property may be served.
    pub(super) of_property: BTreeMap<PropertyId, Vec<usize>>,
    /// The entries that show what was written about a delivery.
    pub(super) written: BTreeMap<Delivery, Vec<usize>>,
    /// The entries that show deliveries of a webhook that were asked for again.
    pub(super) requeued: BTreeMap<WebhookId, Vec<usize>>,
    /// The entries that show that a node started, stood still or went on.
    pub(super) conditions: BTreeMap<usize, Vec<usize>>,
    /// When each delivery ended, by the last look at it, if it had.
    ends: BTreeMap<Delivery, (State, Option<UnixMs>)>,
    /// By the entry of a change: the step that asked for it.
    asked: BTreeMap<usize, usize>,
    /// By step.
    answered: BTreeMap<usize, usize>,
    /// The last step that each node was asked.
    asking: BTreeMap<usize, usize>,
    clocks: Vec<(usize, usize, i64)>,
}

/// A request, from beginning to end.
pub(super) struct Flight<'a> {
    pub(super) sent: &'a Sent,
    pub(super) node: usize,
    /// The entry that shows its beginning, and when that was.
    pub(super) entry: usize,
    pub(super) at: UnixMs,
    pub(super) landing: Option<Landing>,
    /// The entry that shows that its sender was lost.
    pub(super) lost: Option<usize>,
}

/// How a request ended.
#[derive(Clone, Copy)]
pub(super) struct Landing {
    pub(super) entry: usize,
    pub(super) at: UnixMs,
    pub(super) status: Option<u16>,
}

impl Landing {
    pub(super) fn accepted(&self) -> bool {
        self.status.is_some_and(|it| (200..300).contains(&it))
    }
}

/// A time in which a node is not itself, and the aftermath of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    pub(super) node: usize,
    pub(super) kind: Kind,
    pub(super) from: UnixMs,
    /// With the time that others take to notice and to make up for it.
    pub(super) until: UnixMs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Crash,
    Freeze,
    Stop,
    Outage,
    Clock,
}

/// Fifteen seconds until a node counts as dead, a minute until a lease runs out, and some more
/// to get everything going again.
const AFTERMATH: Span = Span::seconds(90);

impl<'a> Book<'a> {
    pub(super) fn read(plan: &'a Plan, entries: &'a [Entry]) -> Self {
        let mut book = Self {
            plan,
            entries,
            flights: Vec::new(),
            by_delivery: BTreeMap::new(),
            events: BTreeMap::new(),
            forms: BTreeMap::new(),
            troubles: Vec::new(),
            of_webhook: BTreeMap::new(),
            of_property: BTreeMap::new(),
            written: BTreeMap::new(),
            requeued: BTreeMap::new(),
            conditions: BTreeMap::new(),
            ends: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            asking: BTreeMap::new(),
            clocks: Vec::new(),
        };
        for (place, entry) in entries.iter().enumerate() {
            book.add(place, entry);
            book.index(place, entry);
        }
        book
    }

    fn add(&mut self, place: usize, entry: &'a Entry) {
        let Entry { at, node, what } = entry;
        let (at, node) = (*at, *node);
        match what {
            What::Sent(sent) => {
                let flight = Flight { sent, node, entry: place, at, landing: None, lost: None };
                self.by_delivery.entry((sent.webhook, sent.event)).or_default().push(self.flights.len());
                self.flights.push(flight);
            }
            What::Ended { send, status, .. } => {
                let landing = Landing { entry: place, at, status: *status };
                self.flights[*send].landing = Some(landing);
            }
            What::Lost { send } => self.flights[*send].lost = Some(place),
            What::Accepted(event) => {
                self.events.insert(event.event, (place, event));
            }
            What::Applied(applied) => {
                self.forms.entry(applied.webhook.id).or_default().push((place, applied));
            }
            What::Crashed => self.begin(node, Kind::Crash, at),
            What::Frozen => self.begin(node, Kind::Freeze, at),
            What::Stopping => self.begin(node, Kind::Stop, at),
            What::Started | What::Thawed => self.end(node, at),
            What::Outage { until } => {
                let until = until.after(AFTERMATH);
                self.troubles.push(Trouble { node, kind: Kind::Outage, from: at, until });
            }
            What::ClockSet { by_ms } => {
                let until = at.after(AFTERMATH).after(Span::millis(by_ms.unsigned_abs()));
                self.troubles.push(Trouble { node, kind: Kind::Clock, from: at, until });
            }
            _ => {}
        }
    }

    fn index(&mut self, place: usize, entry: &Entry) {
        let node = entry.node;
        match &entry.what {
            What::Asked { step, .. } => {
                self.asking.insert(node, *step);
            }
            What::Answered { step, .. } => {
                self.answered.insert(*step, place);
            }
            What::Applied(it) => self.change(place, node, it.webhook.id),
            What::Gone { webhook } => self.change(place, node, *webhook),
            What::Status { webhook, .. } => self.of_webhook.entry(*webhook).or_default().push(place),
            What::Entitled { property, .. } => {
                self.asked.extend(self.asking.get(&node).map(|step| (place, *step)));
                self.of_property.entry(*property).or_default().push(place);
            }
            What::Written(it) => self.written.entry((it.webhook, it.event)).or_default().push(place),
            What::Requeued { webhook, .. } => self.requeued.entry(*webhook).or_default().push(place),
            What::Started | What::Thawed | What::Frozen => {
                self.conditions.entry(node).or_default().push(place);
            }
            What::ClockSet { by_ms } => self.clocks.push((place, node, *by_ms)),
            What::Looked { event, targets: Some(targets) } => {
                let end = |it: &Target| ((it.webhook, *event), (it.state, it.completed_at));
                self.ends.extend(targets.iter().map(end));
            }
            _ => {}
        }
    }

    fn change(&mut self, place: usize, node: usize, webhook: WebhookId) {
        self.asked.extend(self.asking.get(&node).map(|step| (place, *step)));
        self.of_webhook.entry(webhook).or_default().push(place);
    }

    /// The step that asked for a change.
    pub(super) fn step_of(&self, change: usize) -> Option<usize> {
        self.asked.get(&change).copied()
    }

    /// The entry that shows the answer to the call that led to a change.
    pub(super) fn answer_to(&self, change: usize) -> Option<usize> {
        self.answered.get(self.asked.get(&change)?).copied()
    }

    /// Whether somebody asked for a delivery again between two entries.
    pub(super) fn was_requeued(&self, (webhook, event): Delivery, from: usize, until: usize) -> bool {
        let requeued = self.requeued.get(&webhook).map(Vec::as_slice).unwrap_or_default();
        let means = |place: &usize| match self.entries[*place].what {
            What::Requeued { event: of, .. } => of.is_none_or(|it| it == event),
            _ => false,
        };
        requeued.iter().filter(|it| (from..until).contains(it)).any(means)
    }

    fn begin(&mut self, node: usize, kind: Kind, from: UnixMs) {
        self.end(node, from);
        self.troubles.push(Trouble { node, kind, from, until: UnixMs(i64::MAX) });
    }

    fn end(&mut self, node: usize, at: UnixMs) {
        let open = |it: &&mut Trouble| it.node == node && it.until == UnixMs(i64::MAX);
        if let Some(trouble) = self.troubles.iter_mut().find(open) {
            trouble.until = at.after(AFTERMATH);
        }
    }

    /// Whether any node was in trouble of such a kind at some moment between these.
    pub(super) fn troubled(&self, kinds: &[Kind], from: UnixMs, until: UnixMs) -> bool {
        let is = |it: &Trouble| kinds.contains(&it.kind) && it.from <= until && from <= it.until;
        self.troubles.iter().any(is)
    }

    /// The same, for a loss of what a node held in memory.
    pub(super) fn lost_something(&self, from: UnixMs, until: UnixMs) -> bool {
        self.troubled(&[Kind::Crash, Kind::Freeze, Kind::Outage], from, until)
    }

    /// The form of a webhook at an entry.
    pub(super) fn form(&self, webhook: WebhookId, entry: usize) -> Option<&'a Applied> {
        let forms = self.forms.get(&webhook)?;
        forms.iter().rev().find(|(at, _)| *at <= entry).map(|(_, form)| *form)
    }

    /// How far a node's clock is ahead of the true time at an entry.
    pub(super) fn offset(&self, node: usize, entry: usize) -> i64 {
        self.clocks.iter().filter(|(place, of, _)| *of == node && *place < entry).map(|(_, _, by)| by).sum()
    }

    /// Whether a delivery had ended by then for good; `None` where that cannot be said, since it
    /// was asked for again or its webhook was deleted.
    pub(super) fn had_ended(&self, delivery: Delivery, by: UnixMs) -> Option<bool> {
        let (state, at) = self.ends.get(&delivery)?;
        if self.was_requeued(delivery, 0, self.entries.len()) {
            return None;
        }
        match at {
            Some(at) => Some(*at <= by),
            None if state.is_terminal() => None,
            None => Some(false),
        }
    }

    /// Whether it is known when a delivery ended: not where its event was stored by a process that
    /// died before it could say so, nor where its webhook was deleted.
    pub(super) fn knows_the_end(&self, delivery: Delivery) -> bool {
        self.ends.get(&delivery).is_some_and(|(state, at)| at.is_some() || !state.is_terminal())
    }

    /// The order of a webhook's events, if it was the same, and mattered, between two entries.
    pub(super) fn strict(&self, webhook: WebhookId, from: usize, until: usize) -> Option<Ordering> {
        let forms = self.forms.get(&webhook)?;
        let ordering = |form: &Applied| form.webhook.options.ordering;
        let first = ordering(self.form(webhook, from)?);
        let mut between = forms.iter().filter(|(place, _)| (from..until).contains(place));
        let same = first != Ordering::None && between.all(|(_, form)| ordering(form) == first);
        same.then_some(first)
    }

    /// Whether an event is newer than another: by its id, or, where clocks were set, by the order of
    /// acceptance.
    pub(super) fn is_newer(&self, event: EventId, than: EventId) -> bool {
        let place = |event| self.events.get(&event).map(|(place, _)| *place);
        event > than || !self.clocks_agree() && place(event) > place(than)
    }

    /// Whether nobody's clock was set, so that moments of different nodes can be compared.
    pub(super) fn clocks_agree(&self) -> bool {
        self.clocks.is_empty()
    }

    /// The booking of an event, as a key.
    pub(super) fn booking(&self, event: EventId) -> Option<String> {
        self.events.get(&event)?.1.booking.as_ref().map(stayhook_core::BookingId::key)
    }
}
