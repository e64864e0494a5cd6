//! Nothing is sent that may not be: to a webhook that is paused, disabled or deleted, for a
//! property that is not served, of a type that is not wanted, to a URL that was replaced
//! (rules 5 to 8).

use stayhook_core::{EventType, PropertyId, Status, WebhookId};

use super::book::{Book, Flight};
use super::requests::must_know;
use super::{Violation, violation};
use crate::history::{Entry, What};

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for flight in &book.flights {
        let sent = flight.sent;
        let mut report = |rule, allowed: bool| {
            if !allowed {
                found.push(violation(rule, flight.entry, format!("{sent:?} by node {}", flight.node)));
            }
        };
        let of = |entry: &Entry| status(entry, sent.webhook);
        let changes = book.of_webhook.get(&sent.webhook).map(Vec::as_slice).unwrap_or_default();
        let states = known(book, flight, changes, of);
        let rule = match states.last() {
            Some(Standing::Paused) => "rule 6: sent while paused",
            Some(Standing::Disabled) => "rule 5: sent while disabled",
            _ => "rule 5: sent after deletion",
        };
        report(rule, states.contains(&Standing::Active));
        let kind = EventType::parse(&sent.kind).unwrap();
        let wants = known(book, flight, changes, |entry| match &entry.what {
            What::Applied(it) if it.webhook.id == sent.webhook => Some(it.webhook.events.matches(&kind)),
            _ => None,
        });
        report("rule 8: sent though unsubscribed", wants.contains(&true));
        let urls = known(book, flight, changes, |entry| match &entry.what {
            What::Applied(it) if it.webhook.id == sent.webhook => Some(it.webhook.url.clone()),
            _ => None,
        });
        report("rule 8: sent to another URL", urls.contains(&sent.url));
        report("rule 7: sent though not entitled", may_be_served(book, flight));
        report("section 7: sent to who caused it", !is_own(book, flight));
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Active,
    Paused,
    Disabled,
    Gone,
}

fn status(entry: &Entry, webhook: WebhookId) -> Option<Standing> {
    let standing = |status: &Status| match status {
        Status::Active { .. } => Standing::Active,
        Status::Paused { .. } => Standing::Paused,
        Status::Disabled { .. } => Standing::Disabled,
    };
    match &entry.what {
        What::Applied(it) if it.webhook.id == webhook => Some(standing(&it.webhook.status)),
        What::Status { webhook: it, status } if *it == webhook => Some(standing(status)),
        What::Gone { webhook: it } if *it == webhook => Some(Standing::Gone),
        _ => None,
    }
}

fn may_be_served(book: &Book<'_>, flight: &Flight<'_>) -> bool {
    let Some(property) = property(book, flight) else { return true };
    let said = book.of_property.get(&property).map(Vec::as_slice).unwrap_or_default();
    let served = known(book, flight, said, |entry| match &entry.what {
        What::Entitled { entitled, .. } => Some(*entitled),
        _ => None,
    });
    // Where nothing that the node must know of says otherwise, it may be served.
    let knows = said.iter().any(|place| *place < flight.entry && must_know(book, flight, *place));
    !knows || served.contains(&true)
}

fn property(book: &Book<'_>, flight: &Flight<'_>) -> Option<PropertyId> {
    Some(book.events.get(&flight.sent.event)?.1.property)
}

fn is_own(book: &Book<'_>, flight: &Flight<'_>) -> bool {
    let sent = flight.sent;
    let own = book.events.get(&sent.event).is_some_and(|(_, it)| it.own);
    let skips = || {
        let forms = book.forms.get(&sent.webhook).map(Vec::as_slice).unwrap_or_default();
        forms.iter().all(|(_, form)| form.webhook.options.skip_own)
    };
    // Who asks for it by name gets it.
    own && skips() && !book.was_requeued((sent.webhook, sent.event), 0, flight.entry)
}

/// What the sender of a request may have believed: the last thing that it must have known, and
/// everything newer; in order of time.
fn known<T>(
    book: &Book<'_>,
    flight: &Flight<'_>,
    changes: &[usize],
    of: impl Fn(&Entry) -> Option<T>,
) -> Vec<T> {
    let mut known = Vec::new();
    for place in changes.iter().rev().filter(|it| **it < flight.entry) {
        let Some(value) = of(&book.entries[*place]) else { continue };
        known.push(value);
        if must_know(book, flight, *place) {
            break;
        }
    }
    known.reverse();
    known
}
