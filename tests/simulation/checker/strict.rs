//! Strict order per booking (rule 9): `booking` and `newest`.

use std::collections::BTreeMap;

use stayhook_core::{EventId, Ordering, Span, UnixMs, WebhookId};
use stayhook_store::TargetFate;

use super::book::{Book, Flight};
use super::{Violation, violation};

/// What a node has claimed it may send for so long, though a newer event was accepted meanwhile.
const CLAIMED: Span = Span::seconds(60);

/// Deliveries of a webhook and a booking, in order of acceptance, each with the entry that shows it.
type Lines = BTreeMap<(WebhookId, String), Vec<(usize, EventId)>>;

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let lines = lines(book);
    let mut found = Vec::new();
    for flight in &book.flights {
        let Some(booking) = book.booking(flight.sent.event) else { continue };
        let Some(line) = lines.get(&(flight.sent.webhook, booking)) else { continue };
        found.extend(before_its_turn(book, flight, line));
        found.extend(after_a_newer_one(book, flight, line));
    }
    found
}

fn lines(book: &Book<'_>) -> Lines {
    let mut lines = Lines::new();
    for (event, (place, accepted)) in &book.events {
        let Some(booking) = book.booking(*event) else { continue };
        for (webhook, fate) in &accepted.targets {
            if !matches!(fate, TargetFate::Skip(_)) {
                lines.entry((*webhook, booking.clone())).or_default().push((*place, *event));
            }
        }
    }
    lines.values_mut().for_each(|line| line.sort_unstable());
    lines
}

/// A newer event waits until the older one is terminal, over all nodes.
fn before_its_turn(book: &Book<'_>, flight: &Flight<'_>, line: &[(usize, EventId)]) -> Option<Violation> {
    let sent = flight.sent;
    let delivery = |event| (sent.webhook, event);
    let (own, _) = book.events.get(&sent.event)?;
    if !book.clocks_agree() || book.was_requeued(delivery(sent.event), 0, book.entries.len()) {
        return None;
    }
    let mut older = line.iter().filter(|(place, event)| place < own || (place == own && *event < sent.event));
    let open = older.find(|(place, event)| {
        let strict = book.strict(sent.webhook, *place, flight.entry).is_some();
        strict && book.had_ended(delivery(*event), flight.at) == Some(false)
    });
    open.map(|(_, event)| {
        let words = format!("{sent:?}, though {event} had not ended");
        violation("rule 9: before an older one of its booking had ended", flight.entry, words)
    })
}

/// A newer event takes the place of older ones that still wait.
fn after_a_newer_one(book: &Book<'_>, flight: &Flight<'_>, line: &[(usize, EventId)]) -> Option<Violation> {
    let sent = flight.sent;
    let (own, _) = *book.events.get(&sent.event)?;
    let asked = |event| book.was_requeued((sent.webhook, event), 0, book.entries.len());
    let mut newer = line.iter().filter(|(place, _)| own < *place && *place < flight.entry);
    let passed = newer.find(|(place, event)| {
        let known = book.entries[*place].at;
        book.strict(sent.webhook, own, flight.entry) == Some(Ordering::Newest)
            && known.after(CLAIMED) < flight.at
            && !asked(sent.event)
            && !asked(*event)
            // One that ended before this one came back, such as by a change of the subscription.
            && !ended_before(book, sent.webhook, *event, known)
    });
    passed.map(|(_, event)| {
        let words = format!("{sent:?}, though {event} is newer");
        violation("rule 9: sent though a newer one took its place", flight.entry, words)
    })
}

fn ended_before(book: &Book<'_>, webhook: WebhookId, event: EventId, at: UnixMs) -> bool {
    book.had_ended((webhook, event), at.after(CLAIMED)) != Some(false)
}
