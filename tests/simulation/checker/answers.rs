//! What callers are told is so: what is acknowledged is stored, and a key names one event.

use std::collections::BTreeMap;

use stayhook_core::{EventId, Status};
use stayhook_engine::Enqueued;
use stayhook_store::TargetFate;

use super::book::Book;
use super::{Violation, violation};
use crate::history::{Answered, What};
use crate::plan::Call;

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut calls = BTreeMap::new();
    for (place, entry) in book.entries.iter().enumerate() {
        match &entry.what {
            What::Asked { step, call, .. } => {
                calls.insert(*step, *call);
            }
            What::Answered { step, answer } => match (answer, calls.get(step)) {
                (Answered::Enqueued(results), Some(call)) => {
                    for result in results {
                        found.extend(enqueued(book, place, call, *result));
                    }
                }
                (Answered::Changed { status }, Some(call)) if !agrees(call, status) => {
                    let words = format!("{call:?} left {status:?}");
                    found.push(violation("section 4: a change that was not made", place, words));
                }
                _ => {}
            },
            What::Stuck(words) => found.push(violation("it does not come to an end", place, words.clone())),
            _ => {}
        }
    }
    found
}

fn agrees(call: &Call, status: &Status) -> bool {
    match call {
        Call::Pause { .. } => matches!(status, Status::Paused { .. }),
        Call::Resume { .. } => matches!(status, Status::Active { .. }),
        Call::Disable { .. } => matches!(status, Status::Disabled { .. }),
        _ => true,
    }
}

fn enqueued(book: &Book<'_>, place: usize, call: &Call, result: Enqueued) -> Option<Violation> {
    let keyed = matches!(call, Call::Enqueue { key: Some(_), .. });
    let (id, deliveries) = match result {
        Enqueued::New { id, deliveries } | Enqueued::Duplicate { id, deliveries } => (id, deliveries),
        Enqueued::Conflict | Enqueued::Busy if keyed => return None,
        Enqueued::Conflict | Enqueued::Busy => {
            return Some(violation("section 5: a conflict without a key", place, format!("{call:?}")));
        }
    };
    if matches!(result, Enqueued::Duplicate { .. }) && !keyed {
        return Some(violation("section 5: a duplicate without a key", place, format!("{id}")));
    }
    let Some(stored) = wanted(book, id) else {
        return Some(violation("rule 1: acknowledged but not stored", place, format!("{id}")));
    };
    (stored != deliveries as usize).then(|| {
        violation(
            "section 5: another number of deliveries",
            place,
            format!("{id}: told {deliveries}, stored {stored}"),
        )
    })
}

/// To how many webhooks an event goes.
fn wanted(book: &Book<'_>, id: EventId) -> Option<usize> {
    let (_, event) = book.events.get(&id)?;
    Some(event.targets.iter().filter(|(_, fate)| !matches!(fate, TargetFate::Skip(_))).count())
}
