//! The delivery log. Where a delivery stands follows from what is kept about it.

use std::sync::Arc;

use stayhook_core::{
    BookingId, DeliveryId, End, EventId, EventType, Reason, State as Stands, Status, UnixMs, WebhookId,
};

use super::records::Row;
use super::state::{Pending, State};
use crate::page::Gathering;
use crate::{
    AttemptLine, DeliveryFilter, DeliveryLine, DeliverySearch, EventLine, Page, PageRequest, TargetFate,
    TargetLine,
};

impl State {
    /// Whether the webhook has such a delivery.
    pub(super) fn is_in_log(&self, id: WebhookId, event: EventId) -> bool {
        let targets = self.events.get(&event).map(|it| it.targets.as_slice()).unwrap_or_default();
        targets.iter().any(|it| it.webhook == id && it.fate != TargetFate::Skip(Reason::Unsubscribed))
    }

    /// Where the delivery stands, and since when if it has ended.
    pub(super) fn stands(&self, id: WebhookId, event: EventId) -> (Stands, Option<UnixMs>) {
        // Where only a part is being cancelled, each delivery says for itself whether it is.
        let closing = self.lanes.get(&id).and_then(|it| it.closing).filter(|it| it.part.is_none());
        let held = matches!(self.status(id), Some(Status::Paused { .. }));
        if let Some(pending) = self.pending.get(&(id, event)) {
            return match closing {
                _ if pending.lease.is_some() => (Stands::Delivering, None),
                Some(it) => (Stands::Ended(End::Cancelled(it.reason)), Some(it.since)),
                None if held => (Stands::Held, None),
                None => (Stands::Pending, None),
            };
        }
        let last = self.rows(id, event).last();
        match last.and_then(|row| Some((row.end?, row.at.after(row.duration)))) {
            Some((end, at)) => (end, Some(at)),
            None => (Stands::Delivering, None),
        }
    }

    pub(super) fn line(&self, id: WebhookId, event: EventId) -> Option<DeliveryLine> {
        let row = self.events.get(&event).filter(|_| self.is_in_log(id, event))?;
        let (state, completed_at) = self.stands(id, event);
        let due = self.pending.get(&(id, event)).and_then(Pending::claimable);
        Some(DeliveryLine {
            webhook: id,
            event,
            kind: row.kind.clone(),
            booking: row.booking.clone(),
            state,
            attempts: self.made(id, event),
            next_attempt_at: due.filter(|_| state == Stands::Pending),
            completed_at,
            profile: None,
        })
    }

    /// The profile of what is sent.
    pub(super) fn profile(&self, id: WebhookId, event: EventId) -> Option<Arc<str>> {
        let row = self.events.get(&event)?;
        let target = row.targets.iter().find(|it| it.webhook == id)?;
        row.bodies.get(usize::from(target.body)).map(|body| Arc::clone(&body.profile))
    }

    /// How many attempts were made.
    fn made(&self, id: WebhookId, event: EventId) -> u32 {
        let made = self.rows(id, event).iter().filter(|row| row.url_number.is_some()).count();
        u32::try_from(made).unwrap_or(u32::MAX)
    }

    pub(super) fn attempt_lines(&self, id: WebhookId, event: EventId) -> Vec<AttemptLine> {
        let made = self.rows(id, event).iter().filter_map(|row| Some((row, row.url_number?)));
        let line = |(number, (row, url)): (u32, (&Row, u32))| AttemptLine {
            number,
            started_at: row.at,
            duration: row.duration,
            url: self.urls.get(&(id, url)).cloned().unwrap_or_default(),
            reply: row.reply.clone(),
            next_attempt_at: row.next_at,
        };
        (1..).zip(made).map(line).collect()
    }

    pub(super) fn event(&self, id: EventId) -> Option<EventLine> {
        let row = self.events.get(&id)?;
        let target = |target: &crate::Target| TargetLine {
            webhook: target.webhook,
            state: match target.fate {
                TargetFate::Skip(Reason::Unsubscribed) => Stands::Ended(End::Skipped(Reason::Unsubscribed)),
                _ => self.stands_of_target(target.webhook, id),
            },
            attempts: self.made(target.webhook, id),
        };
        Some(EventLine {
            id,
            kind: row.kind.clone(),
            property: row.property,
            booking: row.booking.clone(),
            created_at: row.created_at,
            client: row.client.clone(),
            targets: row.targets.iter().map(target).collect(),
        })
    }

    /// The same as [`State::stands`], also for a webhook that was deleted: what had not ended is
    /// cancelled, unless an attempt is still under way.
    fn stands_of_target(&self, id: WebhookId, event: EventId) -> Stands {
        let stands = self.stands(id, event).0;
        let leased = self.pending.contains_key(&(id, event));
        if !self.webhooks.contains_key(&id) && stands == Stands::Delivering && !leased {
            return Stands::Ended(End::Cancelled(Reason::WebhookDeleted));
        }
        stands
    }

    pub(super) fn deliveries(
        &self,
        id: WebhookId,
        filter: &DeliveryFilter,
        page: PageRequest<EventId>,
    ) -> Page<DeliveryLine, EventId> {
        let mut gathering = Gathering::new(page.limit);
        for event in self.events.keys().rev().filter(|it| page.after.is_none_or(|after| **it < after)) {
            let Some(line) = self.line(id, *event) else { continue };
            if let Some(page) = gathering.add(*event, wanted(filter, line)) {
                return page;
            }
        }
        gathering.end()
    }

    pub(super) fn all_deliveries(
        &self,
        search: &DeliverySearch,
        page: PageRequest<DeliveryId>,
    ) -> Page<DeliveryLine, DeliveryId> {
        let mut gathering = Gathering::new(page.limit);
        for (event, row) in self.events.iter().rev() {
            let mut targets: Vec<WebhookId> = row.targets.iter().map(|it| it.webhook).collect();
            targets.sort_unstable();
            for id in targets.into_iter().rev() {
                let key = DeliveryId { event: *event, webhook: id };
                let asked = search.webhook.is_none_or(|it| it == id)
                    && search.property.is_none_or(|it| it == row.property)
                    && page.after.is_none_or(|after| key < after);
                let line = self.line(id, *event).filter(|_| asked && self.webhooks.contains_key(&id));
                let Some(line) = line else { continue };
                if let Some(page) = gathering.add(key, wanted(&search.filter, line)) {
                    return page;
                }
            }
        }
        gathering.end()
    }
}

fn wanted(filter: &DeliveryFilter, line: DeliveryLine) -> Option<DeliveryLine> {
    let is = |kind: &EventType| *kind == line.kind;
    let at = line.event.accepted_at();
    let wanted = filter.kind.as_ref().is_none_or(is)
        && (filter.booking.is_none() || filter.booking == line.booking.as_ref().map(BookingId::key))
        && filter.since.is_none_or(|it| it <= at)
        && filter.until.is_none_or(|it| at < it)
        && filter.state.as_ref().is_none_or(|it| it == line.state.as_str());
    wanted.then_some(line)
}
