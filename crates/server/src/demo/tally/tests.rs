use bytes::Bytes;

use super::*;
use crate::demo::api::LoggedAttempt;
use crate::demo::bookings::history;
use crate::demo::cast::{REDIRECT_TARGET, Temper};
use crate::demo::ledger::Answered;

const PMS: usize = 0;
const CLEANING: usize = 1;
const CHANNELS: usize = 2;
const OLD_WEBSITE: usize = 6;

/// A demo in which everything went as it should.
fn good() -> Evidence {
    let reports = history();
    let mut evidence = Evidence {
        reported: reports.len(),
        notes: Notes { repeats: vec![true; 8], ..Notes::default() },
        log: Vec::new(),
        intruder_refused: Some("/url may not be called".to_owned()),
    };
    for (at, report) in reports.into_iter().enumerate() {
        let id = format!("evt_{at}");
        let wanting: Vec<usize> =
            (0..CAST.len()).filter(|part| CAST[*part].wants(report.property_id, report.kind)).collect();
        for part in &wanting {
            deliver(&mut evidence, *part, &id, at);
        }
        evidence.notes.accepted.push(Accepted { id, deliveries: wanting.len() as u64, report });
    }
    evidence
}

fn deliver(evidence: &mut Evidence, part: usize, event: &str, at: usize) {
    let success = Answered::Status(204);
    let answers = match CAST[part].temper {
        Temper::Redirects => vec![Answered::Status(302); 2],
        Temper::Recovers { .. } if at < 20 => vec![Answered::Status(503), Answered::Nothing, success],
        _ => vec![success],
    };
    let custom = if CAST[part].custom_parameters { r#","customParameters":{}"# } else { "" };
    let body = Bytes::from(format!(r#"{{"id":"{event}","data":{{"booking":{{"id":1{custom}}}}}}}"#));
    for answered in &answers {
        let (event, body) = (event.to_owned(), body.clone());
        evidence.notes.arrivals.push(Arrival { part, event, body, trust: Ok(()), answered: *answered });
    }
    let delivered = answers.last().is_some_and(|answered| answered.is_acceptance());
    evidence.log.push(Logged {
        part,
        id: format!("dlv_{event}_{part}"),
        webhook_id: 1,
        attempt_count: answers.len(),
        event_id: event.to_owned(),
        status: if delivered { "delivered" } else { "pending" }.to_owned(),
        attempts: answers.into_iter().map(attempt).collect(),
    });
}

fn attempt(answered: Answered) -> LoggedAttempt {
    let (status, error) = match answered {
        Answered::Status(204) => (Some(204), None),
        Answered::Status(302) => (Some(302), Some("redirect: 302 is not followed")),
        Answered::Status(status) => (Some(status), Some("status: not 2xx")),
        Answered::Nothing => (None, Some("timeout: no answer within 1s")),
    };
    LoggedAttempt { status, error: error.map(str::to_owned), ..LoggedAttempt::default() }
}

fn arrival(evidence: &mut Evidence, part: usize) -> usize {
    evidence.notes.arrivals.iter().position(|arrival| arrival.part == part).unwrap()
}

fn logged(evidence: &mut Evidence, part: usize) -> &mut Logged {
    evidence.log.iter_mut().find(|logged| logged.part == part).unwrap()
}

/// The names of the checks that find fault after `spoil`.
fn failing(spoil: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = good();
    spoil(&mut evidence);
    let tally = Tally::of(&evidence);
    let names: Vec<_> =
        tally.lines.iter().filter(|line| !line.faults.is_empty()).map(|line| line.name).collect();
    assert_eq!(tally.is_complete(), names.is_empty());
    names
}

#[test]
fn a_demo_that_went_well_is_complete() {
    let tally = Tally::of(&good());
    let faults: Vec<_> = tally.lines.iter().flat_map(|line| &line.faults).collect();
    assert!(tally.is_complete(), "{faults:?}");
    let figure = |name| tally.lines.iter().find(|line| line.name == name).unwrap().figure.clone();
    assert_eq!(figure("events accepted"), "240");
    assert_eq!(figure("deliveries arrived"), "330 of 330");
    assert_eq!(figure("sensitive values sent"), "0 of 2160");
    assert_eq!(figure("redirects followed"), "0 of 60");
}

#[test]
fn nothing_at_all_is_not_complete() {
    let empty = Evidence { reported: 0, notes: Notes::default(), log: Vec::new(), intruder_refused: None };
    assert!(!Tally::of(&empty).is_complete());
}

#[test]
fn what_is_missing_is_found() {
    let unseen = |evidence: &mut Evidence| {
        let at = arrival(evidence, PMS);
        evidence.notes.arrivals.remove(at);
    };
    assert_eq!(failing(unseen), ["deliveries arrived", "attempts"]);
    assert_eq!(
        failing(|evidence| logged(evidence, PMS).status = "pending".to_owned()),
        ["deliveries arrived"]
    );
    assert_eq!(failing(|evidence| drop(evidence.log.remove(0))), ["deliveries arrived", "attempts"]);
    let lost = |evidence: &mut Evidence| {
        evidence.notes.refusals.push("booking.created of booking 9001: no".to_owned());
        evidence.notes.accepted.pop();
    };
    assert_eq!(failing(lost), ["events accepted", "deliveries arrived"]);
}

#[test]
fn what_never_got_well_is_found() {
    let unwell = |evidence: &mut Evidence| {
        let at = arrival(evidence, CHANNELS);
        evidence.notes.arrivals[at + 2].answered = Answered::Status(503);
    };
    assert_eq!(failing(unwell), ["deliveries arrived", "retried deliveries"]);
    let well = |evidence: &mut Evidence| {
        for arrival in &mut evidence.notes.arrivals {
            if arrival.answered == Answered::Nothing {
                arrival.answered = Answered::Status(503);
            }
        }
    };
    assert_eq!(failing(well), ["retried deliveries"]);
}

#[test]
fn what_came_too_often_is_found() {
    let again = |evidence: &mut Evidence| {
        let at = arrival(evidence, PMS);
        let again = evidence.notes.arrivals[at].clone();
        evidence.notes.arrivals.push(again);
    };
    assert_eq!(failing(again), ["attempts"]);
    let again_and_logged = |evidence: &mut Evidence| {
        again(evidence);
        logged(evidence, PMS).attempts.push(attempt(Answered::Status(204)));
    };
    assert_eq!(failing(again_and_logged), ["attempts"]);
    let again_for_want_of_an_answer = |evidence: &mut Evidence| {
        again(evidence);
        logged(evidence, PMS).attempts.insert(0, attempt(Answered::Nothing));
    };
    assert_eq!(failing(again_for_want_of_an_answer), [""; 0]);
    let astray = |evidence: &mut Evidence| {
        let at = arrival(evidence, PMS);
        let astray = Arrival { part: OLD_WEBSITE - 1, ..evidence.notes.arrivals[at].clone() };
        evidence.notes.arrivals.push(astray);
    };
    assert_eq!(failing(astray), ["deliveries arrived"]);
}

#[test]
fn what_cannot_be_trusted_is_found() {
    let forged = |evidence: &mut Evidence| {
        let at = arrival(evidence, PMS);
        evidence.notes.arrivals[at].trust = Err("The signature was made with another secret".to_owned());
    };
    assert_eq!(failing(forged), ["signatures"]);
    let changed = |evidence: &mut Evidence| {
        let at = arrival(evidence, CHANNELS);
        evidence.notes.arrivals[at + 1].body = Bytes::from_static(b"{}");
    };
    assert_eq!(failing(changed), ["bodies sent again"]);
}

#[test]
fn what_should_not_have_been_told_is_found() {
    for which in 0..9 {
        let told = |evidence: &mut Evidence| {
            let at = arrival(evidence, PMS);
            let event = evidence.notes.arrivals[at].event.clone();
            let value = evidence.notes.report(&event).unwrap().withheld().swap_remove(which);
            evidence.notes.arrivals[at].body = Bytes::from(format!(r#"{{"x":{value}}}"#));
        };
        assert_eq!(failing(told), ["sensitive values sent"]);
    }
    let swap = |part: usize, body: &'static str| {
        move |evidence: &mut Evidence| {
            let at = arrival(evidence, part);
            evidence.notes.arrivals[at].body = Bytes::from_static(body.as_bytes());
        }
    };
    assert_eq!(failing(swap(PMS, r#"{"customParameters":{}}"#)), ["custom parameters"]);
    assert_eq!(failing(swap(CLEANING, "{}")), ["custom parameters"]);
}

#[test]
fn redirects_that_were_followed_or_forgiven_are_found() {
    assert_eq!(
        failing(|evidence| evidence.notes.strays.push(REDIRECT_TARGET.to_owned())),
        ["redirects followed"]
    );
    let forgiven = |evidence: &mut Evidence| logged(evidence, OLD_WEBSITE).status = "delivered".to_owned();
    assert_eq!(failing(forgiven), ["redirects followed"]);
    let misnamed = |evidence: &mut Evidence| {
        logged(evidence, OLD_WEBSITE).attempts[0].error = Some("status: 302".to_owned());
    };
    assert_eq!(failing(misnamed), ["redirects followed"]);
}

#[test]
fn what_the_api_should_have_noticed_is_found() {
    assert_eq!(failing(|evidence| evidence.intruder_refused = None), ["private addresses"]);
    assert_eq!(failing(|evidence| evidence.notes.repeats[3] = false), ["reported twice"]);
    assert_eq!(failing(|evidence| evidence.notes.accepted[0].deliveries += 1), ["events accepted"]);
}

#[test]
fn the_longest_way_is_that_of_the_first_with_most_attempts() {
    let evidence = good();
    let case = Case::of(&evidence);
    let longest = case.longest_way().unwrap();
    assert_eq!((longest.part, longest.arrivals.len()), (CHANNELS, 3));
    assert_eq!(longest.event.report.booking_id, 9_002);
}
