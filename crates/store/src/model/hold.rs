//! What a paused webhook keeps: the oldest deliveries beyond `hold.*` expire. It is looked at once
//! more is held than before, or something may have become too old.

use stayhook_core::{End, EventId, Reason, Span, Status, UnixMs, WebhookId};

use super::records::Row;
use super::state::{State, Time};
use crate::Sweep;

/// A paused webhook is looked at this often even if nothing happens.
const AT_LEAST: Span = Span::minutes(10);
/// It is looked at no later than so long after it held more.
const SOON: Span = Span::millis(500);

impl State {
    pub(super) fn is_held(&self, id: WebhookId) -> bool {
        matches!(self.status(id), Some(Status::Paused { .. }))
    }

    /// More waits for the webhook than before.
    pub(super) fn look_soon(&mut self, id: WebhookId, time: Time) {
        if self.is_held(id) {
            let soon = time.there(time.now.after(SOON));
            let look = &mut self.lanes.entry(id).or_default().look;
            *look = Some(look.map_or(soon, |at| at.min(soon)));
        }
    }

    /// A new process may have other limits.
    pub(super) fn look_again(&mut self, time: Time) {
        let now = time.there(time.now);
        for lane in self.lanes.values_mut() {
            lane.look = lane.look.map(|at| at.min(now));
        }
    }

    /// Lets go what is held beyond the limits. Returns how many deliveries expired.
    pub(super) fn expire_held(&mut self, sweep: &Sweep, time: Time) -> u64 {
        let now = time.there(time.now);
        let due = self.lanes.iter().filter_map(|(id, lane)| Some((lane.look?, *id)));
        let mut due: Vec<_> = due.filter(|(at, id)| *at <= now && self.is_held(*id)).collect();
        due.sort_unstable();
        let (mut room, mut expired) = (sweep.batch, 0);
        for (_, id) in due {
            if room == 0 {
                break;
            }
            let gone = self.expire_lane(sweep, id, room);
            let next = if gone >= room { sweep.now } else { self.next_look(sweep, id) };
            self.lanes.entry(id).or_default().look = Some(time.there(next));
            room -= gone;
            expired += gone as u64;
        }
        expired
    }

    /// When a look at what is held lets something go.
    pub(super) fn next_surplus(&self, sweep: &Sweep) -> Option<UnixMs> {
        let most = usize::try_from(sweep.hold.max_events).unwrap_or(usize::MAX);
        let lanes = self.lanes.iter().filter(|(id, _)| self.is_held(**id));
        let next = lanes.filter_map(|(id, lane)| {
            let held = self.held(*id);
            let too_old = |it: &EventId| it.accepted_at().after(sweep.hold.max_age).after(Span::millis(1));
            if held.len() > most { lane.look } else { held.first().map(too_old) }
        });
        next.min()
    }

    fn held(&self, id: WebhookId) -> Vec<EventId> {
        let free = |event: &EventId| self.pending.get(&(id, *event)).is_some_and(|it| it.lease.is_none());
        self.waiting(id).into_iter().filter(free).collect()
    }

    fn expire_lane(&mut self, sweep: &Sweep, id: WebhookId, room: usize) -> usize {
        let held = self.held(id);
        let most = usize::try_from(sweep.hold.max_events).unwrap_or(usize::MAX);
        let surplus = held.len().saturating_sub(most);
        let too_old = EventId::floor(sweep.now.before(sweep.hold.max_age));
        let gone = (0..).zip(&held).filter(|(place, event)| *place < surplus || **event < too_old);
        let gone: Vec<EventId> = gone.map(|(_, event)| *event).take(room).collect();
        for event in &gone {
            if let Some(pending) = self.forget(id, *event) {
                let end = End::Expired(Reason::HoldLimit);
                self.record(id, *event, Row::ended(pending.attempts, sweep.now, end));
            }
        }
        gone.len()
    }

    fn next_look(&self, sweep: &Sweep, id: WebhookId) -> UnixMs {
        let latest = sweep.now.after(AT_LEAST);
        let oldest = self.held(id).first().map(|it| it.accepted_at());
        let too_old = oldest.map(|at| at.after(sweep.hold.max_age).after(Span::millis(1)));
        too_old.map_or(latest, |at| at.min(latest))
    }
}
