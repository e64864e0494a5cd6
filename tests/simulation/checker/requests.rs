//! What receivers can check: the same bytes under the same id, and signatures of this attempt
//! by a secret that is in use (rule 1, section 6).

use std::collections::BTreeMap;

use stayhook_core::{Secrets, Span, UnixMs, WebhookId, verify};

use super::book::{Book, Flight};
use super::{Violation, violation};
use crate::history::{Sent, What};

/// How long other nodes may take to hear of a change.
pub(super) const HEARSAY: Span = Span::seconds(1);

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut bodies = BTreeMap::new();
    for flight in &book.flights {
        let sent = flight.sent;
        let body = *bodies.entry((sent.webhook, sent.event)).or_insert(&sent.body);
        if *body != sent.body {
            found.push(violation(
                "rule 1: another body under the same id",
                flight.entry,
                format!("{sent:?}"),
            ));
        }
        let named = format!(r#""id":"{}""#, sent.event);
        if !String::from_utf8_lossy(&sent.body).contains(&named) {
            found.push(violation(
                "section 6: the body names another event",
                flight.entry,
                format!("{sent:?}"),
            ));
        }
        if sent.timestamp != sent.wall.as_seconds() {
            found.push(violation(
                "section 6: not this attempt's timestamp",
                flight.entry,
                format!("{sent:?}"),
            ));
        }
        if !is_signed(book, flight) {
            found.push(violation(
                "section 6: signed with no secret in use",
                flight.entry,
                format!("{sent:?}"),
            ));
        }
    }
    found
}

/// Whether the signatures are those of some form of the webhook that the node may know.
fn is_signed(book: &Book<'_>, flight: &Flight<'_>) -> bool {
    let sent = flight.sent;
    let forms = known_forms(book, flight, sent.webhook);
    forms
        .iter()
        .any(|secrets| [sent.wall, sent.wall.before(HEARSAY)].iter().any(|at| fits(secrets, *at, sent)))
}

fn fits(secrets: &Secrets, at: UnixMs, sent: &Sent) -> bool {
    let id = sent.event.to_string();
    let by = |secret, signature: &str| verify(secret, sent.timestamp, &id, signature, &sent.body);
    let (current, next) = secrets.at(at);
    let next_fits = match (next, &sent.next_signature) {
        (Some(next), Some(signature)) => by(next, signature),
        (None, None) => true,
        _ => false,
    };
    next_fits && by(current, &sent.signature)
}

/// The secrets that the sender of a request may know: the last that it must know of, and any
/// that are newer.
fn known_forms<'a>(book: &Book<'a>, flight: &Flight<'_>, webhook: WebhookId) -> Vec<&'a Secrets> {
    let mut known = Vec::new();
    let forms = book.forms.get(&webhook).map(Vec::as_slice).unwrap_or_default();
    for (entry, form) in forms.iter().rev().filter(|(entry, _)| *entry < flight.entry) {
        known.push(&form.secrets);
        if must_know(book, flight, *entry) {
            break;
        }
    }
    known
}

/// Whether the sender of a request must have known then what an entry shows: it did it itself
/// and has said so, or started since, or it is more than a second ago and the node was awake.
pub(super) fn must_know(book: &Book<'_>, flight: &Flight<'_>, entry: usize) -> bool {
    let change = &book.entries[entry];
    let own = change.node == flight.node;
    let answered = || book.answer_to(entry).is_some_and(|it| it < flight.entry);
    if own && (matches!(change.what, What::Status { .. }) || answered()) {
        return true;
    }
    let conditions = book.conditions.get(&flight.node).map(Vec::as_slice).unwrap_or_default();
    let last = conditions.iter().rev().find(|it| **it < flight.entry);
    let since = conditions.iter().filter(|it| (entry..flight.entry).contains(it));
    if since.into_iter().any(|it| matches!(book.entries[*it].what, What::Started)) {
        return true;
    }
    let awake = last.map_or(change.at, |it| book.entries[*it].at.max(change.at));
    awake.after(HEARSAY) < flight.at
}
