//! Strict order per booking: of the deliveries of a webhook and a booking that wait, the first one
//! may be claimed and the others are parked, until one that is before them leaves, for whatever
//! reason.

use stayhook_core::{BookingId, End, EventId, Ordering, Reason, UnixMs, WebhookId};

use super::records::Row;
use super::state::{Pending, State, Time};
use crate::Signal;

/// Where in its booking's order a delivery comes to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind all others: a new event.
    Last,
    /// Where its event's age belongs: one that comes back. Not before newer ones that have started,
    /// unless it gives way to them anyhow.
    ByAge,
}

impl State {
    /// The order of the webhook's events; none that matters if it was deleted.
    pub(super) fn ordering(&self, id: WebhookId) -> Ordering {
        self.webhooks.get(&id).map_or(Ordering::None, |it| it.webhook.options.ordering)
    }

    /// What waits of a booking, in its order.
    fn of_booking(&self, id: WebhookId, booking: &str) -> Vec<EventId> {
        let mut line: Vec<(u64, EventId)> = self
            .waiting(id)
            .into_iter()
            .filter_map(|event| Some((self.pending.get(&(id, event))?, event)))
            .filter(|(it, _)| it.is_of(booking))
            .map(|(it, event)| (it.seq, event))
            .collect();
        line.sort_unstable();
        line.into_iter().map(|(_, event)| event).collect()
    }

    fn booking_of(&self, id: WebhookId, event: EventId) -> Option<String> {
        self.pending.get(&(id, event))?.booking.as_ref().map(BookingId::key)
    }

    /// Takes a delivery out of `pending`: the next one of its booking is due.
    pub(super) fn forget(&mut self, id: WebhookId, event: EventId) -> Option<Pending> {
        let gone = self.pending.remove(&(id, event))?;
        let booking = gone.booking.as_ref().map(BookingId::key);
        let first = booking.and_then(|booking| self.of_booking(id, &booking).into_iter().next());
        if let Some(next) = first.and_then(|first| self.pending.get_mut(&(id, first))) {
            next.parked = false;
        }
        Some(gone)
    }

    /// Gives a delivery that was just put into `pending` its place, and parks it if another one
    /// is before it.
    pub(super) fn line_up(&mut self, id: WebhookId, event: EventId, place: Place) {
        let Some(booking) = self.booking_of(id, event) else { return };
        if self.ordering(id) == Ordering::None {
            return;
        }
        let mut line = self.of_booking(id, &booking);
        line.retain(|it| *it != event);
        let others: Vec<(EventId, Pending)> =
            line.into_iter().filter_map(|it| Some((it, self.pending.get(&(id, it))?.clone()))).collect();
        let Some((latest, last)) = others.last() else { return self.set_seq(id, event, 1) };
        let gives_way = self.ordering(id) == Ordering::Newest;
        let open = |of: &Pending| gives_way || of.attempts == 0 && of.lease.is_none();
        let newer = others.iter().filter(|(it, of)| *it > event && open(of));
        let before = newer.map(|(_, of)| of.seq).min().filter(|_| place == Place::ByAge && *latest > event);
        self.set_seq(id, event, before.unwrap_or(last.seq + 1));
        self.park_if_behind(id, event);
        self.keep_newest(id, event);
    }

    fn set_seq(&mut self, id: WebhookId, event: EventId, seq: u64) {
        if let Some(pending) = self.pending.get_mut(&(id, event)) {
            pending.seq = seq;
        }
    }

    /// Returns whether another delivery of its booking is before it.
    fn park_if_behind(&mut self, id: WebhookId, event: EventId) -> bool {
        let Some(booking) = self.booking_of(id, event) else { return false };
        let behind = self.of_booking(id, &booking).first() != Some(&event);
        if let Some(pending) = self.pending.get_mut(&(id, event)).filter(|it| behind && it.lease.is_none()) {
            pending.parked = true;
        }
        behind
    }

    /// With the order `newest`: what waits of the delivery's booking ends, but for the newest.
    pub(super) fn keep_newest(&mut self, id: WebhookId, event: EventId) {
        let Some(booking) = self.booking_of(id, event).filter(|_| self.ordering(id) == Ordering::Newest)
        else {
            return;
        };
        let line = self.of_booking(id, &booking);
        let Some((newest, older)) = line.split_last() else { return };
        for event in older {
            let waits = self.pending.get(&(id, *event)).filter(|it| it.lease.is_none());
            if let Some(attempts) = waits.map(|it| it.attempts) {
                let at = self.ended_at(id, *event, newest.accepted_at());
                self.record(id, *event, Row::ended(attempts, at, End::Cancelled(Reason::Superseded)));
                self.forget(id, *event);
            }
        }
    }

    /// When the newer event was accepted, though not before the last attempt was over.
    fn ended_at(&self, id: WebhookId, event: EventId, newer: UnixMs) -> UnixMs {
        let over = self.rows(id, event).iter().map(|row| row.at.after(row.duration));
        over.max().map_or(newer, |last| newer.max(last))
    }

    /// Whether a delivery that is due may be claimed. What came to wait while its order did not
    /// matter is parked now, or ends.
    pub(super) fn comes_first(&mut self, id: WebhookId, event: EventId) -> bool {
        let leased = self.pending.get(&(id, event)).is_some_and(|it| it.lease.is_some());
        if leased || self.ordering(id) == Ordering::None {
            return true;
        }
        self.keep_newest(id, event);
        !self.park_if_behind(id, event) && self.pending.contains_key(&(id, event))
    }

    /// What is parked becomes due: older ones are not waited for any more. With `newest`, claims see
    /// to what gives way.
    pub(super) fn free(&mut self, id: WebhookId, time: Time) {
        for event in self.waiting(id) {
            if let Some(pending) = self.pending.get_mut(&(id, event)) {
                pending.parked = false;
            }
        }
        self.signal(Signal::Due, time);
    }
}
