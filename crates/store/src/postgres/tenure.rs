//! What this node holds, and whether it still may.
//!
//! The database decides: who is silent for too long loses everything. A process that was
//! stopped and goes on, or whose database was away, cannot know what was decided meanwhile. It
//! therefore starts nothing unless the database has confirmed it a moment ago, and nothing that
//! it held before it was taken for dead.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stayhook_core::{EventId, WebhookId};

use crate::{Conclude, Conclusion, HandoffId, Origin};

/// Nobody is taken for dead within so long after a heartbeat (15 seconds, less what clocks may
/// differ in).
const SURE: Duration = Duration::from_secs(13);
/// Between two heartbeats of a database that answers there is less than this.
const GAP: Duration = Duration::from_secs(5);
/// When the database was away, nobody could say that he is alive. Whoever is has done so after
/// three heartbeats.
const ROLL_CALL: Duration = Duration::from_secs(6);

/// A delivery of a claim: the number of attempts tells it from the same one claimed again.
type Lease = (WebhookId, EventId, u32);

/// This node, as the database knows it.
#[derive(Default)]
pub(super) struct Tenure(Mutex<State>);

#[derive(Default)]
struct State {
    node: i64,
    /// When the last heartbeat that was answered was sent.
    confirmed: Option<Instant>,
    /// Since when there was no gap between heartbeats.
    unbroken: Option<Instant>,
    handoffs: HashSet<i64>,
    leases: HashSet<Lease>,
}

/// A moment that goes on while the process is stopped.
#[expect(
    clippy::disallowed_methods,
    reason = "whether others may take this node for dead is a matter of real time, whatever clock the engine has"
)]
pub(super) fn moment() -> Instant {
    Instant::now()
}

impl Tenure {
    /// The number under which this node holds what it holds.
    pub(super) fn node(&self) -> i64 {
        self.lock().node
    }

    /// It has a new number, and holds nothing under it yet; asked for at `asked`.
    pub(super) fn begin(&self, node: i64, asked: Instant) {
        *self.lock() = State { node, confirmed: Some(asked), unbroken: Some(asked), ..State::default() };
    }

    /// A heartbeat that was sent then was answered.
    pub(super) fn confirm(&self, sent: Instant) {
        let mut state = self.lock();
        if state.confirmed.is_some_and(|last| sent.saturating_duration_since(last) > GAP) {
            state.unbroken = Some(sent);
        }
        state.confirmed = Some(sent);
    }

    /// Whether the others have had the time to say that they are alive, and the database is there
    /// to hear it: after an outage, this may be asked before the first heartbeat is answered.
    pub(super) fn knows_the_others(&self) -> bool {
        let state = self.lock();
        let heard = state.confirmed.is_some_and(|at| at.elapsed() < GAP);
        heard && state.unbroken.is_some_and(|since| since.elapsed() >= ROLL_CALL)
    }

    /// That node took a handoff.
    pub(super) fn took(&self, node: i64, handoff: HandoffId) {
        let mut state = self.lock();
        if state.node == node {
            state.handoffs.insert(handoff.0);
        }
    }

    /// That node claimed deliveries.
    pub(super) fn claimed(&self, node: i64, leases: impl Iterator<Item = Lease>) {
        let mut state = self.lock();
        if state.node == node {
            state.leases.extend(leases);
        }
    }

    /// These are concluded.
    pub(super) fn concluded(&self, batch: &Conclude) {
        let mut state = self.lock();
        for finished in &batch.finished {
            state.handoffs.remove(&finished.0);
        }
        for it in batch.conclusions.iter().filter(|it| it.origin == Origin::Claim) {
            state.leases.remove(&lease(it));
        }
    }

    /// The handoffs that are known to be this node's.
    pub(super) fn handoffs(&self) -> Vec<i64> {
        self.lock().handoffs.iter().copied().collect()
    }

    /// Whether the delivery is certainly still this node's.
    pub(super) fn holds(&self, webhook: WebhookId, event: EventId, origin: Origin, attempts: u32) -> bool {
        let state = self.lock();
        let mine = match origin {
            Origin::Handoff(id) => state.handoffs.contains(&id.0),
            Origin::Claim => state.leases.contains(&(webhook, event, attempts)),
        };
        mine && state.confirmed.is_some_and(|at| at.elapsed() < SURE)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whole after every line.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lease(it: &Conclusion) -> Lease {
    (it.webhook, it.event, it.progress.attempts)
}

#[cfg(test)]
mod tests {
    use stayhook_core::UnixMs;

    use super::*;

    const WEBHOOK: WebhookId = WebhookId(1);

    fn event() -> EventId {
        EventId::new(UnixMs(1), 1)
    }

    fn before(seconds: u64) -> Instant {
        moment().checked_sub(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn what_was_taken_is_held_until_it_is_finished() {
        let tenure = Tenure::default();
        tenure.begin(1, moment());
        tenure.took(1, HandoffId(7));
        tenure.claimed(1, [(WEBHOOK, event(), 2)].into_iter());
        let handed = |id| tenure.holds(WEBHOOK, event(), Origin::Handoff(HandoffId(id)), 0);
        let leased = |attempts| tenure.holds(WEBHOOK, event(), Origin::Claim, attempts);
        assert_eq!((handed(7), handed(8), leased(2), leased(1)), (true, false, true, false));
        let batch = Conclude {
            conclusions: Vec::new(),
            finished: vec![HandoffId(7)],
            now: UnixMs(1),
            policy: stayhook_core::Policy::default(),
        };
        tenure.concluded(&batch);
        assert!(!handed(7));
    }

    #[test]
    fn a_node_that_was_taken_for_dead_holds_nothing_of_before() {
        let tenure = Tenure::default();
        tenure.begin(1, moment());
        tenure.took(1, HandoffId(7));
        tenure.begin(2, moment());
        // An answer that was on its way.
        tenure.took(1, HandoffId(8));
        for id in [7, 8] {
            assert!(!tenure.holds(WEBHOOK, event(), Origin::Handoff(HandoffId(id)), 0));
        }
    }

    #[test]
    fn nothing_is_certain_without_a_heartbeat() {
        let tenure = Tenure::default();
        tenure.begin(1, before(20));
        tenure.took(1, HandoffId(7));
        let holds = || tenure.holds(WEBHOOK, event(), Origin::Handoff(HandoffId(7)), 0);
        assert!(!holds());
        tenure.confirm(moment());
        assert!(holds());
    }

    #[test]
    fn after_a_gap_the_others_are_waited_for() {
        let tenure = Tenure::default();
        tenure.begin(1, before(30));
        for seconds in [28, 24, 20, 16, 12, 8, 4] {
            tenure.confirm(before(seconds));
        }
        assert!(tenure.knows_the_others(), "heard all the time");
        tenure.begin(1, before(30));
        tenure.confirm(before(1));
        assert!(!tenure.knows_the_others(), "heard again a second ago");
    }

    #[test]
    fn nobody_is_judged_before_the_database_answers_again() {
        let tenure = Tenure::default();
        tenure.begin(1, before(40));
        for seconds in [36, 32, 28, 24, 20] {
            tenure.confirm(before(seconds));
        }
        assert!(!tenure.knows_the_others(), "last heard 20 seconds ago");
    }
}
