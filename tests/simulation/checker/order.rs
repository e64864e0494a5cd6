//! Order per booking (rule 9).

use std::collections::BTreeMap;

use stayhook_core::{EventId, WebhookId};
use stayhook_store::TargetFate;

use super::book::{Book, Flight};
use super::{Violation, violation};
use crate::history::What;

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut found = side_by_side(book);
    found.extend(first_attempts(book));
    found.extend(super::strict::check(book));
    found
}

/// Events of a booking are not in flight beside one another: on one node, or on none of them
/// where the order is strict.
fn side_by_side(book: &Book<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut in_flight: BTreeMap<usize, (WebhookId, String)> = BTreeMap::new();
    for (place, entry) in book.entries.iter().enumerate() {
        match &entry.what {
            What::Sent(sent) => {
                let Some(booking) = book.booking(sent.event) else { continue };
                let key = (sent.webhook, booking);
                // Both were accepted and sent while the order was strict.
                let strict = |other: usize| {
                    let other = book.flights[other].sent.event;
                    let accepted = [sent.event, other].map(|it| book.events.get(&it).map(|(at, _)| *at));
                    let first = accepted.into_iter().flatten().min();
                    first.is_some_and(|from| book.strict(sent.webhook, from, place).is_some())
                };
                let beside = in_flight.iter().find(|(send, it)| {
                    **it == key && (book.flights[**send].node == entry.node || strict(**send))
                });
                if let Some((send, _)) = beside
                    && !(book.flights[*send].node != entry.node
                        && book.lost_something(book.flights[*send].at, entry.at))
                {
                    found.push(violation(
                        "rule 9: beside another of its booking",
                        place,
                        format!("{sent:?}, #{send}"),
                    ));
                }
                in_flight.insert(sent.send, key);
            }
            What::Ended { send, .. } | What::Lost { send } => {
                in_flight.remove(send);
            }
            _ => {}
        }
    }
    found
}

/// Events of a booking start in the order of their acceptance.
fn first_attempts(book: &Book<'_>) -> Vec<Violation> {
    let mut first: BTreeMap<(WebhookId, EventId), &Flight<'_>> = BTreeMap::new();
    for flight in &book.flights {
        first.entry((flight.sent.webhook, flight.sent.event)).or_insert(flight);
    }
    let mut found = Vec::new();
    for ((webhook, event), flight) in &first {
        for older in overtaken(book, *webhook, *event, &first) {
            let words = format!("{:?} before {}", flight.sent, older.sent.event);
            found.push(violation("rule 9: overtook an older one of its booking", flight.entry, words));
        }
    }
    found
}

/// Older events of the booking, accepted by the same node, that were first sent later by that
/// node although nothing had happened to them.
fn overtaken<'a, 'b>(
    book: &'b Book<'a>,
    webhook: WebhookId,
    event: EventId,
    first: &BTreeMap<(WebhookId, EventId), &'b Flight<'a>>,
) -> Vec<&'b Flight<'a>> {
    let (Some((accepted, _)), Some(flight)) = (book.events.get(&event), first.get(&(webhook, event))) else {
        return Vec::new();
    };
    let (accepted, Some(booking)) = (*accepted, book.booking(event)) else { return Vec::new() };
    let older = book.events.iter().filter(|(it, (place, _))| {
        **it != event && *place <= accepted && **it < event && book.booking(**it).as_ref() == Some(&booking)
    });
    let later = older.filter_map(|(it, (place, older))| {
        let later = first.get(&(webhook, *it))?;
        let same_node = book.entries[*place].node == book.entries[accepted].node
            && later.node == flight.node
            && book.entries[*place].node == flight.node;
        // What is gathered has its own time.
        let plain = older
            .targets
            .iter()
            .any(|(id, fate)| *id == webhook && matches!(fate, TargetFate::Send | TargetFate::Wait));
        (later.entry > flight.entry
            && same_node
            && plain
            && undisturbed(book, webhook, *it, *place, later.entry))
        .then_some(*later)
    });
    later.collect()
}

/// Whether nothing called a delivery off, or gave it to somebody else, between two entries.
fn undisturbed(book: &Book<'_>, webhook: WebhookId, event: EventId, from: usize, until: usize) -> bool {
    let (begin, end) = (book.entries[from].at, book.entries[until].at);
    if book.plan.settings.nodes > 1 && !book.troubles.is_empty() || book.lost_something(begin, end) {
        return false;
    }
    !book.entries[from..until].iter().any(|it| match &it.what {
        What::Requeued { webhook: id, .. } => *id == webhook,
        What::Written(it) => {
            (it.webhook, it.event) == (webhook, event) && it.fate != stayhook_store::Fate::Spilled
        }
        _ => false,
    })
}
