//! The shortest plan that still fails: steps are left out as long as the same rule is broken.

use crate::checker::{Violation, check};
use crate::history::Entry;
use crate::plan::{Call, Happening, Plan};
use crate::world::run;

/// So many tries, so that a failure is told within seconds.
const TRIES: usize = 400;

/// A plan that fails, and how.
pub(crate) struct Failure {
    pub(crate) plan: Plan,
    pub(crate) violation: Violation,
    pub(crate) history: Vec<Entry>,
}

/// Runs a plan; how it fails, if it does.
pub(crate) fn failure(plan: &Plan) -> Option<Failure> {
    let history = run(plan).history;
    let violation = check(plan, &history).into_iter().next()?;
    Some(Failure { plan: plan.clone(), violation, history })
}

/// The same failure with fewer steps.
pub(crate) fn shrink(mut failing: Failure) -> Failure {
    let mut tries = 0;
    let mut size = failing.plan.steps.len().div_ceil(2);
    while size > 0 && tries < TRIES {
        let mut from = 0;
        let mut shorter = false;
        while from < failing.plan.steps.len() && tries < TRIES {
            tries += 1;
            let mut plan = failing.plan.clone();
            plan.steps.drain(from..(from + size).min(plan.steps.len()));
            match same_failure(&plan, &failing) {
                Some(next) => (failing, shorter) = (next, true),
                None => from += size,
            }
        }
        size = if size > 1 { size / 2 } else { usize::from(shorter) };
    }
    fewer_events(failing)
}

fn same_failure(plan: &Plan, failing: &Failure) -> Option<Failure> {
    let history = run(plan).history;
    let mut found = check(plan, &history).into_iter();
    let violation = found.find(|it| it.rule == failing.violation.rule)?;
    Some(Failure { plan: plan.clone(), violation, history })
}

/// One event where many were enqueued.
fn fewer_events(mut failing: Failure) -> Failure {
    for place in 0..failing.plan.steps.len() {
        let mut plan = failing.plan.clone();
        let Happening::Asked(Call::Enqueue { count, .. }) = &mut plan.steps[place].what else { continue };
        if std::mem::replace(count, 1) > 1
            && let Some(next) = same_failure(&plan, &failing)
        {
            failing = next;
        }
    }
    failing
}
