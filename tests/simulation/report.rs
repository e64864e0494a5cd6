//! A failure in words: the seed, the command that shows it again, the steps, what happened.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use stayhook_core::UnixMs;

use crate::clock::START;
use crate::history::{Entry, What};
use crate::plan::{Plan, Step};
use crate::shrink::Failure;

/// So many entries before the violation are shown.
const SHOWN: usize = 120;

pub(crate) fn report(failure: &Failure) -> String {
    let Failure { plan, violation, history } = failure;
    let mut text = format!("seed {} breaks {}\n  {}\n", plan.seed, violation.rule, violation.words);
    let _ = writeln!(text, "replay: SEED={} cargo test -p stayhook-simulation every_seed", plan.seed);
    let _ = writeln!(text, "\nthe shortest plan found that shows it:\n{}", outline_of(plan));
    let _ = writeln!(text, "what happened:");
    let end = (violation.entry + 1).min(history.len());
    for (number, entry) in history[..end].iter().enumerate().skip(end.saturating_sub(SHOWN)) {
        let mark = if number == violation.entry { ">>" } else { "  " };
        let _ = writeln!(text, "{mark} {}", line(entry));
    }
    text
}

/// A plan in words.
fn outline_of(plan: &Plan) -> String {
    let mut text = format!("{:?}\n", plan.settings);
    for (number, receiver) in plan.receivers.iter().enumerate() {
        let _ = writeln!(text, "receiver r{number}: {:?}", receiver.0);
    }
    for step in &plan.steps {
        let Step { number, at, node, what } = step;
        let _ = writeln!(text, "  step {number} at +{at} node {}: {what:?}", node + 1);
    }
    text
}

/// A plan and everything that came of it.
pub(crate) fn tale(plan: &Plan, history: &[Entry]) -> String {
    let lines: Vec<String> = history.iter().map(line).collect();
    format!("{}\n{}", outline_of(plan), lines.join("\n"))
}

fn line(entry: &Entry) -> String {
    let what = format!("{:?}", entry.what);
    let what: String = what.chars().take(240).collect();
    format!("{} node {}: {what}", clock(entry.at), entry.node)
}

/// Since the start: days, hours, minutes, seconds, milliseconds.
fn clock(at: UnixMs) -> String {
    let ms = at.0 - START.0;
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("{days}d {:02}:{:02}:{:02}.{ms:03}", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// A history by what can be seen from outside, so that two can be compared: in order of time,
/// and at one moment in an order that does not depend on who came first. Events go by their
/// place among those that were accepted.
pub(crate) fn outline(history: &[Entry]) -> Vec<String> {
    let mut sent = BTreeMap::new();
    let mut names: Vec<(String, String)> = Vec::new();
    let mut lines = Vec::new();
    for entry in history {
        let told = match &entry.what {
            What::Accepted(it) => {
                names.push((it.event.to_string(), format!("event {}", names.len())));
                continue;
            }
            What::Sent(it) => {
                let flight = format!("{} to webhook {} at {}", it.event, it.webhook, it.url);
                sent.insert(it.send, flight.clone());
                format!("sent {flight} {} next secret {}", it.timestamp, it.next_signature.is_some())
            }
            What::Ended { send, status, .. } => {
                format!("answered {status:?} {}", sent.get(send).cloned().unwrap_or_default())
            }
            What::Answered { step, answer } => format!("step {step} {answer:?}"),
            What::Status { webhook, status } => format!("webhook {webhook} {status:?}"),
            What::Looked { event, targets } => format!("{event} {targets:?}"),
            _ => continue,
        };
        lines.push((entry.at, told));
    }
    let names: BTreeMap<String, String> = names.into_iter().collect();
    let mut lines: Vec<_> = lines.into_iter().map(|(at, told)| (at, renamed(&told, &names))).collect();
    lines.sort();
    lines.into_iter().map(|(at, told)| format!("{} {told}", clock(at))).collect()
}

/// The line with events by their names: an id is `evt_` and 22 characters.
fn renamed(line: &str, names: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("evt_") {
        let end = (at + 26).min(rest.len());
        let id = &rest[at..end];
        text.push_str(&rest[..at]);
        text.push_str(names.get(id).map_or(id, String::as_str));
        rest = &rest[end..];
    }
    text + rest
}
