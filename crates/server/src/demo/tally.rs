//! The tally: what should have arrived against what did, and what the API says of it.
//!
//! A function of the evidence alone. Every check names what it found wrong; the demo has done
//! its job only if none found anything.

mod checks;

use std::cmp::Reverse;
use std::collections::HashMap;

use super::api::Logged;
use super::cast::CAST;
use super::ledger::{Accepted, Arrival, Notes};

/// Everything that is known after the demo.
pub(crate) struct Evidence {
    /// How many events were to be reported.
    pub(crate) reported: usize,
    /// What producer and receivers wrote down.
    pub(crate) notes: Notes,
    /// The delivery log of every webhook, as the API shows it.
    pub(crate) log: Vec<Logged>,
    /// What the API said to the registration of a private address; `None` if it took it.
    pub(crate) intruder_refused: Option<String>,
}

/// What was checked, and what was found.
pub(crate) struct Tally {
    /// The checks, in the order in which they are shown.
    pub(crate) lines: Vec<Line>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What was checked.
    pub(crate) name: &'static str,
    /// The number that came out.
    pub(crate) figure: String,
    /// What it means.
    pub(crate) words: &'static str,
    /// What is wrong; nothing if all is well.
    pub(crate) faults: Vec<String>,
}

impl Tally {
    /// Looks at the evidence.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let case = Case::of(evidence);
        Self { lines: checks::ALL.iter().map(|check| check(&case)).collect() }
    }

    /// Whether everything is as it should be.
    pub(crate) fn is_complete(&self) -> bool {
        self.lines.iter().all(|line| line.faults.is_empty())
    }
}

/// The evidence, ordered by what should have happened.
pub(crate) struct Case<'a> {
    evidence: &'a Evidence,
    deliveries: Vec<Delivery<'a>>,
}

/// One event for one webhook that wants it, and all that is known about it.
pub(crate) struct Delivery<'a> {
    pub(crate) part: usize,
    pub(crate) event: &'a Accepted,
    pub(crate) arrivals: Vec<&'a Arrival>,
    pub(crate) logged: Option<&'a Logged>,
}

impl<'a> Case<'a> {
    /// Puts together what belongs together.
    pub(crate) fn of(evidence: &'a Evidence) -> Self {
        let mut arrivals = evidence.notes.by_delivery();
        let log: HashMap<_, _> =
            evidence.log.iter().map(|logged| ((logged.part, logged.event_id.as_str()), logged)).collect();
        let mut deliveries = Vec::new();
        for event in &evidence.notes.accepted {
            for (part, role) in CAST.iter().enumerate() {
                if role.wants(event.report.property_id, event.report.kind) {
                    let key = (part, event.id.as_str());
                    let arrivals = arrivals.remove(&key).unwrap_or_default();
                    deliveries.push(Delivery { part, event, arrivals, logged: log.get(&key).copied() });
                }
            }
        }
        Self { evidence, deliveries }
    }

    /// Deliveries to receivers that accept in the end.
    fn expected(&self) -> impl Iterator<Item = &Delivery<'a>> {
        self.deliveries.iter().filter(|delivery| CAST[delivery.part].accepts())
    }

    /// Deliveries to the receiver that redirects.
    fn redirected(&self) -> impl Iterator<Item = &Delivery<'a>> {
        self.deliveries.iter().filter(|delivery| !CAST[delivery.part].accepts())
    }

    /// The delivery that took the most attempts until it arrived; of several, the first.
    pub(crate) fn longest_way(&self) -> Option<&Delivery<'a>> {
        self.expected().min_by_key(|delivery| Reverse(delivery.logged_attempts().0))
    }
}

impl Delivery<'_> {
    /// `booking.created of booking 9003 to 102 Channel manager`
    pub(crate) fn title(&self) -> String {
        let report = &self.event.report;
        format!("{} of booking {} to {}", report.kind, report.booking_id, CAST[self.part].title())
    }

    /// How often its receiver took it.
    fn acceptances(&self) -> usize {
        self.arrivals.iter().filter(|arrival| arrival.answered.is_acceptance()).count()
    }

    /// Attempts by the API's account, and those of them that were answered.
    fn logged_attempts(&self) -> (usize, usize) {
        let attempts = self.logged.map_or(&[][..], |logged| &logged.attempts);
        (attempts.len(), attempts.iter().filter(|attempt| attempt.status.is_some()).count())
    }
}

#[cfg(test)]
mod tests;
