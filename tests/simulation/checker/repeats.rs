//! Nothing is sent again without a reason, nor before its time (rules 1 and 3), and delays are
//! those of the schedule.

use stayhook_core::{Next, Span, UnixMs};
use stayhook_store::Fate;

use super::book::{Book, Delivery, Flight, Kind};
use super::{Violation, violation};
use crate::history::{What, Written, WrittenStep};
use crate::plan::Settings;
use crate::world::GRACE;

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for (delivery, flights) in &book.by_delivery {
        for pair in flights.windows(2) {
            let (first, second) = (&book.flights[pair[0]], &book.flights[pair[1]]);
            found.extend(repeat(book, *delivery, first, second));
        }
    }
    found.extend(schedule(book));
    found
}

/// Whether a delivery may have been sent again.
fn repeat(book: &Book<'_>, delivery: Delivery, first: &Flight<'_>, second: &Flight<'_>) -> Option<Violation> {
    let words = || format!("{:?}, after #{}", second.sent, first.sent.send);
    let asked = book.was_requeued(delivery, first.entry, second.entry);
    let lost = book.lost_something(first.at, second.at);
    let landing = first.landing.filter(|it| it.entry < second.entry);
    let Some(landing) = landing else {
        // Given up at the end of a process, or taken over from one.
        let broken_off = first.lost.is_some_and(|it| it < second.entry) && outlasted(book, first);
        let excused = lost || broken_off;
        return (!excused).then(|| violation("rule 1: sent again while under way", second.entry, words()));
    };
    let written = wrote(book, delivery, landing.entry, second.entry);
    match written {
        None if lost => None,
        None => Some(violation("rule 1: sent again before its outcome was written", second.entry, words())),
        Some((_, it)) if it.fate == Fate::Stale && lost => None,
        Some((_, it)) if it.fate == Fate::Written(Next::Delivered) && !asked => {
            Some(violation("rule 1: sent again after it was delivered", second.entry, words()))
        }
        Some((_, Written { fate: Fate::Written(Next::Ended(end)), .. })) if !asked => Some(violation(
            "rule 5: sent again after it ended",
            second.entry,
            format!("{}, {end:?}", words()),
        )),
        Some((entry, it)) => early(book, delivery, entry, it, second),
    }
}

/// Whether an attempt lasted longer than an orderly stop waits.
fn outlasted(book: &Book<'_>, flight: &Flight<'_>) -> bool {
    let until = flight.at.after(book.plan.settings.timeout);
    let stop = |it: &super::book::Trouble| {
        it.kind == Kind::Stop && it.node == flight.node && it.from.after(GRACE) <= until
    };
    book.troubles.iter().any(stop)
}

/// What was written about a delivery between two entries, and where.
fn wrote<'a>(book: &Book<'a>, delivery: Delivery, from: usize, until: usize) -> Option<(usize, &'a Written)> {
    let places = book.written.get(&delivery)?;
    let place = *places.iter().find(|it| (from..until).contains(it))?;
    match &book.entries[place].what {
        What::Written(written) => Some((place, written)),
        _ => None,
    }
}

/// Whether the next attempt came before it was due.
fn early(
    book: &Book<'_>,
    delivery: Delivery,
    entry: usize,
    written: &Written,
    second: &Flight<'_>,
) -> Option<Violation> {
    let Fate::Written(Next::Retry { due, .. }) = written.fate else { return None };
    let due = UnixMs(due.0 - book.offset(book.entries[entry].node, entry));
    let pulled = pulled_forward(book, delivery, entry, second.entry);
    let earliest = pulled.map_or(due, |it| it.min(due));
    let slack = book.troubled(&[Kind::Clock], book.entries[entry].at, second.at);
    let asked = book.was_requeued(delivery, entry, second.entry);
    (second.at < earliest && !asked && !slack).then(|| {
        let words = format!("{:?}, due {}", second.sent, due.rfc3339_millis());
        violation("rule 3: tried again before it was due", second.entry, words)
    })
}

/// The earliest moment to which another URL may have pulled a retry.
fn pulled_forward(book: &Book<'_>, (webhook, _): Delivery, from: usize, until: usize) -> Option<UnixMs> {
    let before = book.form(webhook, from)?.webhook.url.clone();
    let forms = book.forms.get(&webhook)?.iter().filter(|(place, _)| (from..until).contains(place));
    let moved = forms.filter(|(_, form)| form.webhook.url != before);
    moved.map(|(place, _)| book.entries[*place].at.after(least(&book.plan.settings, 1))).min()
}

fn least(settings: &Settings, failures: u32) -> Span {
    let whole = settings.policy.backoff.without_jitter(failures).as_millis();
    let cut = whole * u64::from(settings.policy.backoff.jitter.0) / 1_000;
    Span::millis(whole - cut)
}

/// Rule 3: every delay is within its bounds, and never over the cap.
fn schedule(book: &Book<'_>) -> Vec<Violation> {
    let settings = &book.plan.settings;
    let mut found = Vec::new();
    for (place, entry) in book.entries.iter().enumerate() {
        let What::Written(it) = &entry.what else { continue };
        let Written { step: WrittenStep::Tried { ended, counts, gone, url_number, .. }, .. } = it else {
            continue;
        };
        // Who is paused cannot be disabled: it failed.
        let counts = *counts || *gone;
        let Fate::Written(Next::Retry { due, steps }) = it.fate else { continue };
        let delay = due.since(*ended);
        let moved = book.form(it.webhook, place).is_some_and(|form| form.url_number != *url_number);
        let (least, most) = if moved && counts {
            (least(settings, 1), settings.policy.backoff.without_jitter(1))
        } else if counts {
            let asked = asked_for(book, it, place).unwrap_or_default().min(settings.policy.backoff.cap);
            let whole = settings.policy.backoff.without_jitter(steps);
            (least(settings, steps).max(asked), whole.max(asked))
        } else {
            (settings.policy.interrupted, settings.policy.interrupted)
        };
        if !(least..=most).contains(&delay)
            || delay > settings.policy.backoff.cap.max(settings.policy.interrupted)
        {
            let words =
                format!("webhook {} {}: {delay} is not within {least} and {most}", it.webhook, it.event);
            found.push(violation("rule 3: a delay out of bounds", place, words));
        }
        if counts && !moved {
            found.extend(step_count(book, it, place, steps));
        }
    }
    found
}

/// What the receiver asked for in its last answer.
fn asked_for(book: &Book<'_>, it: &Written, place: usize) -> Option<Span> {
    let flights = book.by_delivery.get(&(it.webhook, it.event))?;
    let landed = flights.iter().rev().filter_map(|number| book.flights[*number].landing);
    let landing = landed.into_iter().find(|landing| landing.entry < place)?;
    match &book.entries[landing.entry].what {
        What::Ended { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// Each failure lengthens the delay by one step, and nothing else does.
fn step_count(book: &Book<'_>, it: &Written, place: usize, steps: u32) -> Option<Violation> {
    let delivery = (it.webhook, it.event);
    let earlier = book.written.get(&delivery)?.iter().rev().filter(|it| **it < place);
    let before = earlier.filter_map(|place| match &book.entries[*place].what {
        What::Written(Written { fate: Fate::Written(Next::Retry { steps, .. }), .. }) => {
            Some((*place, *steps))
        }
        _ => None,
    });
    let before = before.into_iter().next();
    // What was asked for again begins anew, where it had ended.
    if book.was_requeued(delivery, before.map_or(0, |(place, _)| place), place) {
        return None;
    }
    let expected = before.map_or(0, |(_, steps)| steps) + 1;
    (steps != expected).then(|| {
        let words = format!("webhook {} {}: step {steps}, not {expected}", it.webhook, it.event);
        violation("rule 3: a step that was no failure", place, words)
    })
}
