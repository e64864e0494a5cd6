//! Making deliveries due again that have ended.

use stayhook_core::{DeliveryId, End, EventId, Reason, State as Stands, Status, UnixMs, WebhookId};

use super::order::Place;
use super::state::{State, Time};
use crate::audit::Entry;
use crate::{Order, Recover, RequeueError, Scope};

impl State {
    pub(super) fn retry(
        &mut self,
        scope: &Scope,
        id: WebhookId,
        event: EventId,
        order: &Order,
        time: Time,
    ) -> Result<(), RequeueError> {
        let webhook = self.active(scope, id, |state| state.is_in_log(id, event))?;
        let was = self.stands(id, event).0;
        match self.pending.get_mut(&(id, event)) {
            None if was == Stands::Delivering => return Err(RequeueError::UnderWay),
            None => self.requeue(id, event, order.at, time),
            Some(pending) if pending.lease.is_some() => return Err(RequeueError::UnderWay),
            Some(pending) => {
                // What is parked stays so.
                if !pending.parked {
                    pending.due = pending.due.min(time.there(order.at));
                }
                self.signal(crate::Signal::Due, time);
            }
        }
        let delivery = DeliveryId { event, webhook: id };
        self.write_down(Entry::retried(&order.by, order.at, &webhook, delivery, was));
        Ok(())
    }

    pub(super) fn recover(
        &mut self,
        scope: &Scope,
        id: WebhookId,
        recover: Recover,
        order: &Order,
        time: Time,
    ) -> Result<u64, RequeueError> {
        let webhook = self.active(scope, id, |_| true)?;
        let wanted = |stands| match stands {
            Stands::Ended(End::Cancelled(_) | End::Expired(_)) => recover.failed,
            Stands::Ended(End::Skipped(Reason::WebhookDisabled)) => recover.missed,
            _ => false,
        };
        let accepted =
            |event: &EventId| recover.since <= event.accepted_at() && event.accepted_at() < recover.until;
        let events: Vec<EventId> = self.events.keys().copied().filter(accepted).collect();
        let mut requeued = 0;
        for event in events {
            if self.is_in_log(id, event) && wanted(self.stands(id, event).0) {
                self.requeue(id, event, order.at, time);
                requeued += 1;
            }
        }
        if requeued > 0 {
            self.write_down(Entry::recovered(&order.by, order.at, &webhook, &recover, requeued));
        }
        Ok(requeued)
    }

    /// The webhook, where the scope sees it, it is active, and there is what is asked for.
    fn active(
        &self,
        scope: &Scope,
        id: WebhookId,
        exists: impl Fn(&Self) -> bool,
    ) -> Result<stayhook_core::Webhook, RequeueError> {
        let hook = self.seen(scope, id).filter(|_| exists(self)).ok_or(RequeueError::NotFound)?;
        match &hook.webhook.status {
            Status::Active { .. } => Ok(hook.webhook.clone()),
            other => Err(RequeueError::NotActive(other.as_str())),
        }
    }

    fn requeue(&mut self, id: WebhookId, event: EventId, at: UnixMs, time: Time) {
        let booking = self.events.get(&event).and_then(|it| it.booking.clone());
        let attempts = self.last_row(id, event);
        self.wait(id, event, at, (attempts, 0), booking, time);
        self.line_up(id, event, Place::ByAge);
    }
}
