//! Nothing acknowledged is lost: every delivery ends, with a reason that the history justifies,
//! and its log shows the attempts that receivers saw (rules 1, 2, 5, 7, 12, 13).

use std::collections::BTreeMap;

use stayhook_core::{End, EventId, FaultClass, Held, Reason, Span, State, Status, UnixMs, WebhookId};
use stayhook_store::{Fate, TargetFate};

use super::book::{Book, Delivery, Kind};
use super::{Violation, violation};
use crate::history::{Accepted, Attempt, Target, What, WrittenStep};
use crate::plan::Call;

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let mut found = unwritten(book);
    let mut last = BTreeMap::new();
    for (place, entry) in book.entries.iter().enumerate() {
        let What::Looked { event, targets } = &entry.what else { continue };
        let Some((_, accepted)) = book.events.get(event) else { continue };
        found.extend(retention(book, place, entry.at, accepted, targets.as_deref()));
        if let Some(targets) = targets {
            last.insert(*event, (place, entry.at, accepted, targets));
        }
    }
    for (place, at, accepted, targets) in last.into_values() {
        for target in targets {
            let skipped = accepted.targets.iter().find(|(id, _)| *id == target.webhook);
            if let Some((_, TargetFate::Skip(_))) = skipped
                && target.attempts.as_ref().is_none_or(Vec::is_empty)
                && !matches!(target.state, State::Ended(End::Skipped(_)))
                && !book.was_requeued((target.webhook, accepted.event), 0, place)
            {
                let words = format!("{} {:?}", accepted.event, target.state);
                found.push(violation("rule 13: skipped, and shown otherwise", place, words));
            }
            found.extend(ended(book, place, at, accepted, target));
            found.extend(log(book, place, accepted.event, target));
        }
        found.extend(complete(place, accepted, targets));
    }
    found
}

/// What a receiver answered is written, unless its node fell into trouble first.
fn unwritten(book: &Book<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for flight in &book.flights {
        let Some(landing) = flight.landing else { continue };
        let sent = flight.sent;
        let is_it = |what: &What| match what {
            What::Written(it) => {
                let began = matches!(&it.step, WrittenStep::Tried { began, .. } if *began == sent.wall);
                (it.webhook, it.event) == (sent.webhook, sent.event) && began
            }
            _ => false,
        };
        let places = book.written.get(&(sent.webhook, sent.event)).map(Vec::as_slice).unwrap_or_default();
        let later = places.iter().filter(|it| **it >= landing.entry).map(|it| &book.entries[*it]);
        let written = later.into_iter().find(|it| is_it(&it.what));
        let troubled = book.lost_something(flight.at, landing.at);
        match written {
            None if !troubled && !clocks_set(book) => {
                found.push(violation("rule 1: an outcome was forgotten", landing.entry, format!("{sent:?}")));
            }
            Some(entry)
                if matches!(&entry.what, What::Written(it) if it.fate == Fate::Stale) && !troubled =>
            {
                let pruned = sent.event.accepted_at().after(book.plan.settings.keep) <= entry.at;
                if !pruned {
                    found.push(violation(
                        "rule 1: an outcome came too late",
                        landing.entry,
                        format!("{sent:?}"),
                    ));
                }
            }
            _ => {}
        }
    }
    found
}

fn clocks_set(book: &Book<'_>) -> bool {
    book.troubled(&[Kind::Clock], UnixMs(0), UnixMs(i64::MAX))
}

/// Rule 12: an event is kept for as long as promised, and not much longer.
fn retention(
    book: &Book<'_>,
    place: usize,
    at: UnixMs,
    accepted: &Accepted,
    targets: Option<&[Target]>,
) -> Option<Violation> {
    use Kind::{Clock, Crash, Freeze, Outage, Stop};
    let keep = book.plan.settings.keep;
    let kept = accepted.event.accepted_at().after(keep);
    let grace = keep.part(30).max(Span::seconds(1));
    let excused = book.troubled(&[Crash, Freeze, Stop, Outage, Clock], kept, at);
    let words = accepted.event.to_string();
    match targets {
        None if at < kept => Some(violation("rule 12: pruned too early", place, words)),
        Some(_) if at > kept.after(grace) && !excused => {
            Some(violation("rule 12: not pruned in time", place, words))
        }
        Some(targets) if at > kept.after(Span::seconds(2)) && !excused => {
            let open = targets.iter().find(|it| !it.state.is_terminal() && it.state != State::Delivering);
            open.map(|it| violation("rule 3: not expired in time", place, format!("{words} {:?}", it.state)))
        }
        _ => None,
    }
}

/// The event's record names every webhook that it was fanned out to.
fn complete(place: usize, accepted: &Accepted, targets: &[Target]) -> Option<Violation> {
    let missing = accepted.targets.iter().find(|(id, _)| !targets.iter().any(|it| it.webhook == *id));
    missing.map(|(id, _)| {
        violation("rule 1: a target is gone from the record", place, format!("{} {id}", accepted.event))
    })
}

fn ended(
    book: &Book<'_>,
    place: usize,
    at: UnixMs,
    accepted: &Accepted,
    target: &Target,
) -> Option<Violation> {
    let delivery = (target.webhook, accepted.event);
    let words =
        |what: &str| format!("webhook {} {}: {:?}, {what}", target.webhook, accepted.event, target.state);
    let end = match target.state {
        State::Delivered => {
            let flights = book.by_delivery.get(&delivery).map(Vec::as_slice).unwrap_or_default();
            let sent = flights.iter().any(|it| book.flights[*it].landing.is_some_and(|it| it.accepted()));
            return (!sent)
                .then(|| violation("rule 2: delivered without a success", place, words("never accepted")));
        }
        State::Ended(end) => end,
        State::Pending | State::Held | State::Delivering => {
            let over = accepted.event.accepted_at().after(book.plan.settings.keep) <= at;
            let last = book.entries[place..]
                .iter()
                .all(|it| matches!(it.what, What::Looked { .. } | What::Lost { .. }));
            return (last && !over).then(|| violation("rule 1: never ended", place, words("at the end")));
        }
    };
    let when = target.completed_at;
    let justified = justified(book, delivery, accepted, end, when, place);
    let told = when.unwrap_or(at).rfc3339_millis();
    (!justified).then(|| violation("rule 13: ended without that reason", place, words(&told)))
}

/// Whether the history holds the reason for which a delivery ended.
fn justified(
    book: &Book<'_>,
    (webhook, event): Delivery,
    accepted: &Accepted,
    end: End,
    when: Option<UnixMs>,
    place: usize,
) -> bool {
    let said = |is: &dyn Fn(&What) -> bool| book.entries[..place].iter().any(|it| is(&it.what));
    match end.reason() {
        Reason::WebhookDisabled => was_disabled(book, webhook, event, when, place),
        Reason::WebhookDeleted => said(&|it| matches!(it, What::Gone { webhook: id } if *id == webhook)),
        Reason::Unsubscribed => {
            let forms = book.forms.get(&webhook).map(Vec::as_slice).unwrap_or_default();
            forms.iter().any(|(_, form)| !form.webhook.events.matches(&accepted.kind))
        }
        Reason::NotEntitled => said(
            &|it| matches!(it, What::Entitled { property, entitled: false } if *property == accepted.property),
        ),
        Reason::OwnEvent => accepted.own,
        Reason::Superseded => super::superseded::justified(book, webhook, event, place),
        Reason::Discarded => resumed(book, webhook, Held::Discard, place),
        Reason::HoldLimit => said(&|it| is_paused(it, webhook)) && beyond_limits(book, webhook, event, when),
        Reason::Retention => {
            when.is_none_or(|it| it >= event.accepted_at().after(book.plan.settings.keep)) || clocks_set(book)
        }
    }
}

fn is_paused(what: &What, webhook: WebhookId) -> bool {
    matches!(what, What::Applied(it) if it.webhook.id == webhook && matches!(it.webhook.status, Status::Paused { .. }))
}

/// Whether a delivery was too old to be held any longer, or there were too many newer ones.
fn beyond_limits(book: &Book<'_>, webhook: WebhookId, event: EventId, when: Option<UnixMs>) -> bool {
    let Some(when) = when.filter(|_| book.clocks_agree()) else { return true };
    let limits = book.plan.settings.hold;
    let newer = book.events.iter().filter(|(it, (place, accepted))| {
        let wanted =
            |(id, fate): &(WebhookId, TargetFate)| *id == webhook && !matches!(fate, TargetFate::Skip(_));
        **it > event && book.entries[*place].at <= when && accepted.targets.iter().any(wanted)
    });
    event.accepted_at().after(limits.max_age) < when || newer.count() as u64 >= limits.max_events
}

/// Whether the webhook was disabled at a moment (at any, where none is known), or at the event's
/// acceptance.
fn was_disabled(
    book: &Book<'_>,
    webhook: WebhookId,
    event: EventId,
    when: Option<UnixMs>,
    place: usize,
) -> bool {
    let status = |what: &What| match what {
        What::Applied(it) if it.webhook.id == webhook => {
            Some(matches!(it.webhook.status, Status::Disabled { .. }))
        }
        What::Status { webhook: id, status } if *id == webhook => {
            Some(matches!(status, Status::Disabled { .. }))
        }
        _ => None,
    };
    let mut since = None;
    let mut spans = Vec::new();
    let changes = book.of_webhook.get(&webhook).map(Vec::as_slice).unwrap_or_default();
    for entry in changes.iter().filter(|it| **it < place).map(|it| &book.entries[*it]) {
        match (status(&entry.what), since) {
            (Some(true), None) => since = Some(entry.at),
            (Some(false), Some(from)) => {
                spans.push((from, entry.at));
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|from| (from, UnixMs(i64::MAX))));
    let slack = if clocks_set(book) { Span::minutes(10) } else { Span::ZERO };
    let within =
        |at: UnixMs| spans.iter().any(|(from, until)| from.before(slack) <= at && at <= until.after(slack));
    when.map_or(!spans.is_empty(), within) || within(event.accepted_at())
}

pub(super) fn resumed(book: &Book<'_>, webhook: WebhookId, as_asked: Held, place: usize) -> bool {
    let asked = |what: &What| match what {
        What::Asked { call: Call::Resume { held, .. }, webhook: Some(id), .. } => {
            *id == webhook && *held == as_asked
        }
        _ => false,
    };
    book.entries[..place].iter().any(|it| asked(&it.what))
}

/// The log shows what receivers saw: no more, no less.
fn log(book: &Book<'_>, place: usize, event: EventId, target: &Target) -> Vec<Violation> {
    let Some(attempts) = &target.attempts else { return Vec::new() };
    let mut found = Vec::new();
    let delivery = (target.webhook, event);
    let flights = book.by_delivery.get(&delivery).map(Vec::as_slice).unwrap_or_default();
    let mut unseen: Vec<&Attempt> = attempts.iter().filter(|it| !was_lost(it)).collect();
    for flight in flights.iter().map(|it| &book.flights[*it]).filter(|it| it.entry < place) {
        let matches = |it: &&Attempt| {
            let status = flight.landing.map(|it| it.status);
            it.began == flight.sent.wall && (status.is_none() || status == Some(it.status))
        };
        match unseen.iter().position(matches) {
            Some(at) => {
                let line = unseen.remove(at);
                if line.url != flight.sent.url {
                    found.push(violation(
                        "rule 8: the log shows another URL",
                        place,
                        format!("{:?} {}", flight.sent, line.url),
                    ));
                }
            }
            None => {
                let lands = flight.landing.is_some_and(|it| it.entry < place);
                let until = flight.landing.map_or(book.entries[place].at, |it| it.at);
                if lands && !book.lost_something(flight.at, until) {
                    found.push(violation(
                        "rule 13: an attempt is not in the log",
                        place,
                        format!("{:?}", flight.sent),
                    ));
                }
            }
        }
    }
    for line in unseen {
        let words = format!("webhook {} {event}: {line:?}", target.webhook);
        found.push(violation("rule 13: the log shows an attempt that nobody saw", place, words));
    }
    for line in attempts.iter().filter(|it| was_lost(it)) {
        let from = line.began.before(Span::minutes(2));
        if !book.troubled(&[Kind::Crash, Kind::Freeze, Kind::Outage, Kind::Clock], from, line.began) {
            let words = format!("webhook {} {event}: {line:?}", target.webhook);
            found.push(violation("rule 13: interrupted without a reason", place, words));
        }
    }
    found.extend(broken_off(book, place, target.webhook, event, attempts));
    found
}

/// An attempt of which nobody knows what became of it.
fn was_lost(line: &Attempt) -> bool {
    line.fault
        .as_ref()
        .is_some_and(|it| it.class == FaultClass::Interrupted && it.words.contains("lost this attempt"))
}

/// An orderly stop waits for attempts in flight.
fn broken_off(
    book: &Book<'_>,
    place: usize,
    webhook: WebhookId,
    event: EventId,
    attempts: &[Attempt],
) -> Vec<Violation> {
    let stopped = |it: &&Attempt| it.fault.as_ref().is_some_and(|it| it.words.contains("was stopped"));
    let mut found = Vec::new();
    for line in attempts.iter().filter(stopped) {
        let until = line.began.after(book.plan.settings.timeout);
        let outlasts =
            |it: &super::book::Trouble| it.kind == Kind::Stop && it.from.after(crate::world::GRACE) <= until;
        if !book.troubles.iter().any(outlasts) && !clocks_set(book) {
            let words = format!("webhook {webhook} {event}: {line:?}");
            found.push(violation("section 1: a stop broke an attempt off", place, words));
        }
    }
    found
}
