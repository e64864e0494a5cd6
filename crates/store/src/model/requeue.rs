//! Making deliveries due again that have ended.

use stayhook_core::{DeliveryId, EventId, State as Stands, Status, UnixMs, WebhookId};

use super::order::Place;
use super::state::{State, Time};
use crate::audit::Entry;
use crate::{Order, Recover, Recovered, RequeueError, Scope};

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
    ) -> Result<Recovered, RequeueError> {
        let webhook = self.active(scope, id, |_| true)?;
        let entitled = recover.serves(self.entitlement(webhook.property));
        let accepted =
            |event: &EventId| recover.since <= event.accepted_at() && event.accepted_at() < recover.until;
        let events: Vec<_> =
            self.events.iter().map(|(id, it)| (*id, webhook.events.matches(&it.kind))).collect();
        let mut recovered = Recovered::default();
        for (event, subscribed) in events.into_iter().filter(|(event, _)| accepted(event)) {
            if !self.is_in_log(id, event) || !recover.wants(self.stands(id, event).0) {
                continue;
            }
            if !subscribed {
                recovered.unsubscribed += 1;
            } else if !entitled {
                recovered.not_entitled += 1;
            } else {
                self.requeue(id, event, order.at, time);
                recovered.requeued += 1;
            }
        }
        if recovered.requeued > 0 {
            self.write_down(Entry::recovered(&order.by, order.at, &webhook, &recover, recovered.requeued));
        }
        Ok(recovered)
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
