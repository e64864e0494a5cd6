//! Reads a history and says which rules of delivery (CONTRACT, section 7) it breaks. Knows
//! nothing of the engine: only what receivers saw, what callers were told, and what the store
//! was given.

mod answers;
mod book;
mod ends;
mod health;
mod holding;
mod lateness;
mod order;
mod regime;
mod repeats;
mod requests;
mod shares;
mod strict;
mod superseded;

use crate::history::Entry;
use crate::plan::Plan;
use book::Book;

/// A rule that a history breaks.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// Which rule, in a few words: failures with the same words are the same failure.
    pub(crate) rule: &'static str,
    /// The entry that shows it.
    pub(crate) entry: usize,
    /// What is wrong there.
    pub(crate) words: String,
}

/// Every violation in a history, the first one first.
pub(crate) fn check(plan: &Plan, history: &[Entry]) -> Vec<Violation> {
    let book = Book::read(plan, history);
    let checks = [
        answers::check,
        requests::check,
        regime::check,
        repeats::check,
        lateness::check,
        health::check,
        order::check,
        holding::check,
        shares::check,
        ends::check,
    ];
    let mut found: Vec<Violation> = checks.iter().flat_map(|check| check(&book)).collect();
    found.sort_by_key(|it| it.entry);
    found
}

pub(crate) fn violation(rule: &'static str, entry: usize, words: impl Into<String>) -> Violation {
    Violation { rule, entry, words: words.into() }
}
