//! Which handoffs still have deliveries in memory: one is finished with its last delivery.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stayhook_store::{Conclusion, HandoffId, Origin};

/// Open handoffs and how many of their deliveries are not concluded.
#[derive(Debug, Default)]
pub(crate) struct Handoffs(Mutex<HashMap<HandoffId, usize>>);

impl Handoffs {
    pub(crate) fn open(&self, id: HandoffId, deliveries: usize) {
        self.lock().insert(id, deliveries);
    }

    /// Counts the batch's deliveries off and names the handoffs that it finishes. To be
    /// called once for a batch, however often its commit is tried.
    pub(crate) fn finished_by(&self, batch: &[Conclusion]) -> Vec<HandoffId> {
        let mut open = self.lock();
        let mut finished = Vec::new();
        for conclusion in batch {
            let Origin::Handoff(id) = conclusion.origin else { continue };
            let Some(left) = open.get_mut(&id) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                open.remove(&id);
                finished.push(id);
            }
        }
        finished
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HandoffId, usize>> {
        // Plain counts: whole after every line.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stayhook_core::{End, EventId, Progress, Reason, UnixMs, WebhookId};
    use stayhook_store::Step;

    fn conclusion(origin: Origin) -> Conclusion {
        Conclusion {
            webhook: WebhookId(1),
            event: EventId::new(UnixMs(1), 1),
            booking: None,
            origin,
            progress: Progress::default(),
            step: Step::Ended(End::Cancelled(Reason::WebhookDeleted)),
        }
    }

    #[test]
    fn a_handoff_is_finished_with_its_last_delivery() {
        let handoffs = Handoffs::default();
        handoffs.open(HandoffId(1), 3);
        handoffs.open(HandoffId(2), 1);
        let of = |id| conclusion(Origin::Handoff(HandoffId(id)));
        assert_eq!(handoffs.finished_by(&[of(1), conclusion(Origin::Claim), of(1)]), []);
        assert_eq!(handoffs.finished_by(&[of(2), of(1)]), [HandoffId(2), HandoffId(1)]);
        assert_eq!(handoffs.finished_by(&[of(1)]), [], "each is finished once");
    }
}
