//! What is checked, one function each.

use std::collections::HashSet;

use super::{Case, Delivery, Line};
use crate::demo::cast::{CAST, Temper};
use crate::demo::ledger::Answered;

/// The checks, in the order in which they are shown.
pub(super) const ALL: [fn(&Case<'_>) -> Line; 11] = [
    accepted,
    repeated,
    arrived,
    once,
    signatures,
    bodies,
    sensitive,
    custom_parameters,
    retried,
    redirected,
    intruder,
];

/// Every report was accepted, under an id of its own, for as many webhooks as want it.
fn accepted(case: &Case<'_>) -> Line {
    let notes = &case.evidence.notes;
    let mut faults: Vec<String> =
        notes.refusals.iter().map(|refusal| format!("the API refused {refusal}")).collect();
    if notes.accepted.len() != case.evidence.reported {
        faults.push(format!(
            "{} events were reported, {} accepted",
            case.evidence.reported,
            notes.accepted.len()
        ));
    }
    let mut ids = HashSet::new();
    for event in &notes.accepted {
        if !ids.insert(&event.id) {
            faults.push(format!("the id {} was given twice", event.id));
        }
        let report = &event.report;
        let wanted = CAST.iter().filter(|role| role.wants(report.property_id, report.kind)).count() as u64;
        if event.deliveries != wanted {
            faults.push(format!("{} goes to {} webhooks, {wanted} want it", event.id, event.deliveries));
        }
    }
    line("events accepted", notes.accepted.len().to_string(), "durable before each 202", faults)
}

/// Reports that were sent again became no events again.
fn repeated(case: &Case<'_>) -> Line {
    let repeats = &case.evidence.notes.repeats;
    let missed = repeats.iter().filter(|noticed| !**noticed).count();
    let mut faults = Vec::new();
    if missed > 0 {
        faults.push(format!("{missed} reports sent again with the same key became events again"));
    }
    if repeats.is_empty() {
        faults.push("no report was sent a second time".to_owned());
    }
    line("reported twice", repeats.len().to_string(), "same key: answered as duplicates", faults)
}

/// Every event arrived at every webhook that wants it, nothing anywhere else, and the API knows.
fn arrived(case: &Case<'_>) -> Line {
    let mut faults = Vec::new();
    let (mut expected, mut arrived) = (0, 0);
    for delivery in case.expected() {
        expected += 1;
        let status = delivery.logged.map_or("missing", |logged| logged.status.as_str());
        if delivery.acceptances() == 0 {
            faults.push(format!("{}: never accepted; the log says: {status}", delivery.title()));
        } else {
            arrived += 1;
            if status != "delivered" {
                faults.push(format!("{}: accepted, but the log says: {status}", delivery.title()));
            }
        }
    }
    if expected == 0 {
        faults.push("nothing was to arrive".to_owned());
    }
    let wanted: HashSet<_> = case.deliveries.iter().map(|it| (it.part, it.event.id.as_str())).collect();
    for arrival in &case.evidence.notes.arrivals {
        if !wanted.contains(&(arrival.part, arrival.event.as_str())) {
            faults.push(format!("{} got {}, which is not for it", CAST[arrival.part].title(), arrival.event));
        }
    }
    line("deliveries arrived", format!("{arrived} of {expected}"), "receivers and delivery log agree", faults)
}

/// Nothing was sent again after it was accepted, and every request stands in the log. What the
/// engine got no answer to it may send again: then the receiver may have got it already.
fn once(case: &Case<'_>) -> Line {
    let mut faults = Vec::new();
    let mut requests = 0;
    for delivery in &case.deliveries {
        let (attempts, answered) = delivery.logged_attempts();
        let seen = delivery.arrivals.len();
        requests += seen;
        if !(answered..=attempts).contains(&seen) {
            faults
                .push(format!("{}: {seen} requests came, the log has {attempts} attempts", delivery.title()));
        }
        let acceptances = delivery.acceptances();
        if acceptances > 1 && attempts == answered {
            faults.push(format!("{}: accepted {acceptances} times", delivery.title()));
        }
    }
    line("attempts", requests.to_string(), "all logged, none after acceptance", faults)
}

fn signatures(case: &Case<'_>) -> Line {
    let arrivals = &case.evidence.notes.arrivals;
    let faults: Vec<String> = arrivals
        .iter()
        .filter_map(|arrival| {
            let reason = arrival.trust.as_ref().err()?;
            Some(format!("{} to {}: {reason}", arrival.event, CAST[arrival.part].title()))
        })
        .collect();
    let good = arrivals.len() - faults.len();
    let figure = format!("{good} good, {} bad", faults.len());
    line("signatures", figure, "made anew for every attempt", faults)
}

/// All attempts of a delivery have the same bytes.
fn bodies(case: &Case<'_>) -> Line {
    let differing =
        |delivery: &&Delivery<'_>| delivery.arrivals.windows(2).any(|pair| pair[0].body != pair[1].body);
    let faults: Vec<String> = case
        .deliveries
        .iter()
        .filter(differing)
        .map(|delivery| format!("{}: attempts had different bodies", delivery.title()))
        .collect();
    let repeated = case.deliveries.iter().filter(|delivery| delivery.arrivals.len() > 1).count();
    line("bodies sent again", repeated.to_string(), "the same bytes in every attempt", faults)
}

/// What the platform knows about guests and never tells has arrived nowhere.
fn sensitive(case: &Case<'_>) -> Line {
    let (mut withheld, mut faults) = (0, Vec::new());
    for event in &case.evidence.notes.accepted {
        withheld += event.report.withheld().len();
    }
    for delivery in &case.deliveries {
        let values = delivery.event.report.withheld();
        let told = |body: &[u8]| values.iter().find(|value| contains(body, value.as_bytes()));
        if let Some(value) = delivery.arrivals.iter().find_map(|arrival| told(&arrival.body)) {
            faults.push(format!("{}: the body holds {value}", delivery.title()));
        }
    }
    let figure = format!("{} of {withheld}", faults.len());
    line("sensitive values sent", figure, "e-mail, phone, address, door code …", faults)
}

/// Custom parameters came where they were asked for, and only there.
fn custom_parameters(case: &Case<'_>) -> Line {
    let (mut bearing, mut faults) = (HashSet::new(), Vec::new());
    for delivery in &case.deliveries {
        let wanted = CAST[delivery.part].custom_parameters;
        for arrival in &delivery.arrivals {
            let held = contains(&arrival.body, br#""customParameters":"#);
            if held {
                bearing.insert(delivery.part);
            }
            if held != wanted {
                let what = if held { "sent without being asked for" } else { "missing" };
                faults.push(format!("{}: custom parameters {what}", delivery.title()));
            }
        }
    }
    let figure = format!("{} of {} webhooks", bearing.len(), CAST.len());
    line("custom parameters", figure, "only where they are asked for", faults)
}

/// The receiver that failed for a while did fail, in both ways, and got everything afterwards.
fn retried(case: &Case<'_>) -> Line {
    let recovering = |delivery: &&Delivery<'_>| matches!(CAST[delivery.part].temper, Temper::Recovers { .. });
    let retried: Vec<_> = case
        .deliveries
        .iter()
        .filter(recovering)
        .filter(|delivery| delivery.arrivals.iter().any(|arrival| !arrival.answered.is_acceptance()))
        .collect();
    let failed =
        |answered| retried.iter().any(|it| it.arrivals.iter().any(|arrival| arrival.answered == answered));
    let mut faults = Vec::new();
    if !failed(Answered::Status(503)) {
        faults.push("the failing receiver never answered 503".to_owned());
    }
    if !failed(Answered::Nothing) {
        faults.push("the failing receiver never left a request unanswered".to_owned());
    }
    for delivery in &retried {
        if delivery.acceptances() == 0 {
            faults.push(format!("{}: failed and was not delivered afterwards", delivery.title()));
        }
    }
    line("retried deliveries", retried.len().to_string(), "503, then no answer, then accepted", faults)
}

/// Redirects are failures, and nobody goes where they point to.
fn redirected(case: &Case<'_>) -> Line {
    let notes = &case.evidence.notes;
    let mut faults: Vec<String> =
        notes.strays.iter().map(|path| format!("a request came to {path}, where no webhook is")).collect();
    let mut attempts = 0;
    for delivery in case.redirected() {
        let logged = delivery.logged.map_or(&[][..], |logged| &logged.attempts);
        attempts += logged.len();
        let named = |error: &Option<String>| error.as_ref().is_some_and(|it| it.starts_with("redirect"));
        if logged.is_empty() || !logged.iter().all(|attempt| named(&attempt.error)) {
            faults.push(format!("{}: the log does not say that it was redirected", delivery.title()));
        }
        if delivery.logged.is_some_and(|logged| logged.status == "delivered") {
            faults.push(format!("{}: counts as delivered", delivery.title()));
        }
    }
    if attempts == 0 {
        faults.push("nothing was redirected".to_owned());
    }
    let figure = format!("{} of {attempts}", notes.strays.len());
    line("redirects followed", figure, "each attempt failed: redirect", faults)
}

fn intruder(case: &Case<'_>) -> Line {
    let refused = case.evidence.intruder_refused.is_some();
    let faults = if refused { Vec::new() } else { vec!["a private address was registered".to_owned()] };
    line("private addresses", format!("{} refused", u8::from(refused)), "with 422, at registration", faults)
}

fn line(name: &'static str, figure: String, words: &'static str, faults: Vec<String>) -> Line {
    Line { name, figure, words, faults }
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}
