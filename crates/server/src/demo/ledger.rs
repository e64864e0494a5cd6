//! What producer and receivers wrote down while the demo ran: the evidence for the tally.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::bookings::Report;
use super::cast::{CAST, Temper};

/// An event that the API accepted.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    /// The id that the API gave it.
    pub(crate) id: String,
    /// To how many webhooks it goes, by the API's account.
    pub(crate) deliveries: u64,
    /// What was reported.
    pub(crate) report: Report,
}

/// A request as a receiver got it.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The part in [`CAST`] that got it.
    pub(crate) part: usize,
    /// Its event id.
    pub(crate) event: String,
    /// The body, byte for byte.
    pub(crate) body: Bytes,
    /// Whether signature and headers are right, and if not, why.
    pub(crate) trust: Result<(), String>,
    /// What the receiver answered.
    pub(crate) answered: Answered,
}

/// What a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// This status.
    Status(u16),
    /// Nothing, until the attempt's time was over.
    Nothing,
}

impl Answered {
    /// Whether the receiver has taken the event.
    pub(crate) fn is_acceptance(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }
}

/// Everything written down so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// Events that the API accepted.
    pub(crate) accepted: Vec<Accepted>,
    /// Requests that receivers got.
    pub(crate) arrivals: Vec<Arrival>,
    /// Requests for paths where nobody is, the redirect's target among them.
    pub(crate) strays: Vec<String>,
    /// Reports that the API did not accept, and why.
    pub(crate) refusals: Vec<String>,
    /// Reports that were sent a second time, and whether the API noticed.
    pub(crate) repeats: Vec<bool>,
}

/// How one webhook stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Events accepted for it.
    pub(crate) accepted: usize,
    /// Events that its receiver has taken.
    pub(crate) delivered: usize,
    /// Events that failed and are not delivered yet.
    pub(crate) retrying: usize,
    /// Attempts that failed.
    pub(crate) failed: usize,
    /// What its receiver answered last.
    pub(crate) last: Option<Answered>,
}

impl Notes {
    /// How every webhook stands, in the order of [`CAST`].
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let accepted = |part: usize| {
            let wanted = |event: &&Accepted| CAST[part].wants(event.report.property_id, event.report.kind);
            self.accepted.iter().filter(wanted).count()
        };
        let mut standings: Vec<Standing> = (0..CAST.len())
            .map(|part| Standing { accepted: accepted(part), ..Standing::default() })
            .collect();
        let mut delivered = HashSet::new();
        let mut failed = HashSet::new();
        for arrival in &self.arrivals {
            let standing = &mut standings[arrival.part];
            standing.last = Some(arrival.answered);
            let delivery = (arrival.part, arrival.event.as_str());
            if arrival.answered.is_acceptance() {
                delivered.insert(delivery);
            } else {
                standing.failed += 1;
                failed.insert(delivery);
            }
        }
        for (part, _) in &delivered {
            standings[*part].delivered += 1;
        }
        for (part, _) in failed.difference(&delivered) {
            standings[*part].retrying += 1;
        }
        standings
    }

    /// The latest request that its receiver did not take, and how often that event has been tried
    /// there.
    pub(crate) fn latest_failure(&self) -> Option<(&Arrival, u32)> {
        let latest = self.arrivals.iter().rev().find(|arrival| {
            !arrival.answered.is_acceptance() && matches!(CAST[arrival.part].temper, Temper::Recovers { .. })
        })?;
        let same = |arrival: &&Arrival| arrival.part == latest.part && arrival.event == latest.event;
        Some((latest, u32::try_from(self.arrivals.iter().filter(same).count()).unwrap_or(u32::MAX)))
    }

    /// The report behind an event id.
    pub(crate) fn report(&self, event: &str) -> Option<&Report> {
        self.accepted.iter().find(|accepted| accepted.id == event).map(|accepted| &accepted.report)
    }

    /// Requests so far, by part and event, in order of arrival.
    pub(crate) fn by_delivery(&self) -> HashMap<(usize, &str), Vec<&Arrival>> {
        let mut deliveries: HashMap<_, Vec<_>> = HashMap::new();
        for arrival in &self.arrivals {
            deliveries.entry((arrival.part, arrival.event.as_str())).or_default().push(arrival);
        }
        deliveries
    }
}

/// Notes that several tasks write. Clones are the same ledger.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Notes>>);

impl Ledger {
    /// The notes, to read or to write in.
    pub(crate) fn open(&self) -> MutexGuard<'_, Notes> {
        // Notes are appended whole: a writer that panicked left none half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::bookings::history;

    const CHANNELS: usize = 2;

    fn arrival(event: &str, answered: Answered) -> Arrival {
        Arrival { part: CHANNELS, event: event.to_owned(), body: Bytes::new(), trust: Ok(()), answered }
    }

    #[test]
    fn standings_count_events_and_attempts() {
        let report =
            history().into_iter().find(|report| report.property_id == CAST[CHANNELS].property).unwrap();
        let accepted = |id: &str| Accepted { id: id.to_owned(), deliveries: 1, report: report.clone() };
        let refusal = Answered::Status(503);
        let notes = Notes {
            accepted: ["a", "b", "c"].map(accepted).into(),
            arrivals: vec![
                arrival("a", refusal),
                arrival("b", Answered::Nothing),
                arrival("b", refusal),
                arrival("a", Answered::Status(204)),
            ],
            ..Notes::default()
        };
        let expected =
            Standing { accepted: 3, delivered: 1, retrying: 1, failed: 3, last: Some(Answered::Status(204)) };
        assert_eq!(notes.standings()[CHANNELS], expected);
        let (latest, attempt) = notes.latest_failure().unwrap();
        assert_eq!((latest.event.as_str(), attempt), ("b", 2));
    }
}
