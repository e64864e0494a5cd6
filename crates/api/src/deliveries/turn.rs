//! What waits in memory for its turn. The store knows that a node has such deliveries, and
//! calls them `delivering`; the node itself knows that it has not started them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use stayhook_core::{DeliveryId, EventId, State, WebhookId};
use stayhook_engine::Engine;
use stayhook_store::{DeliveryFilter, DeliveryLine, DeliverySearch, Page, PageRequest, Scope, StoreError};

use crate::Api;

/// A page of a webhook's log, where what waits for its turn on this node is `pending`.
pub(super) async fn deliveries(
    api: &Api,
    scope: &Scope,
    webhook: WebhookId,
    filter: &DeliveryFilter,
    request: PageRequest<EventId>,
) -> Result<Option<Page<DeliveryLine, EventId>>, StoreError> {
    let Some(page) = api.store().deliveries(scope, webhook, filter, request).await? else { return Ok(None) };
    // Asked afterwards: what has started meanwhile is `delivering` by now, or was ended.
    let mut turns = Turns::new(&api.state.engine);
    let Some(in_flight) = turns.look_also(filter) else { return Ok(Some(turns.tell(page, filter))) };
    let Some(others) = api.store().deliveries(scope, webhook, &in_flight, request).await? else {
        return Ok(None);
    };
    Ok(Some(merged(page, turns.waiting_of(others), request.limit, |line| line.event)))
}

/// A page of the log over all webhooks, likewise.
pub(crate) async fn all_deliveries(
    api: &Api,
    search: &DeliverySearch,
    request: PageRequest<DeliveryId>,
) -> Result<Page<DeliveryLine, DeliveryId>, StoreError> {
    let page = api.store().all_deliveries(search, request).await?;
    let mut turns = Turns::new(&api.state.engine);
    let Some(filter) = turns.look_also(&search.filter) else { return Ok(turns.tell(page, &search.filter)) };
    let in_flight = DeliverySearch { filter, ..search.clone() };
    let others = turns.waiting_of(api.store().all_deliveries(&in_flight, request).await?);
    Ok(merged(page, others, request.limit, |line| DeliveryId { event: line.event, webhook: line.webhook }))
}

/// Where a delivery stands that stands so for the store.
pub(crate) fn state(api: &Api, webhook: WebhookId, event: EventId, stored: State) -> State {
    let waits = || api.state.engine.waiting(webhook).contains(&event);
    if stored == State::Delivering && waits() { State::Pending } else { stored }
}

/// One delivery's line with what this node knows of it.
pub(crate) fn delivery(api: &Api, line: DeliveryLine) -> DeliveryLine {
    DeliveryLine { state: state(api, line.webhook, line.event, line.state), ..line }
}

/// What waits in this node's memory, of each webhook looked up once.
struct Turns<'a> {
    engine: &'a Engine,
    waiting: HashMap<WebhookId, HashSet<EventId>>,
}

impl<'a> Turns<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self { engine, waiting: HashMap::new() }
    }

    /// Where deliveries are to be looked for too that the filter wants: `pending` ones among those
    /// that are `delivering` for the store, if any wait at all.
    fn look_also(&self, filter: &DeliveryFilter) -> Option<DeliveryFilter> {
        let (_, waiting) = self.engine.load();
        let hidden = waiting > 0 && asks_for(filter, State::Pending);
        let state = Some(State::Delivering.as_str().to_owned());
        hidden.then(|| DeliveryFilter { state, ..filter.clone() })
    }

    /// The page with the states as this node knows them, without rows that are not wanted then.
    fn tell<K>(&mut self, mut page: Page<DeliveryLine, K>, filter: &DeliveryFilter) -> Page<DeliveryLine, K> {
        for line in &mut page.rows {
            if self.waits(line) {
                line.state = State::Pending;
            }
        }
        page.rows.retain(|line| !(asks_for(filter, State::Delivering) && line.state == State::Pending));
        page
    }

    /// What waits of a page of what is `delivering` for the store.
    fn waiting_of<K>(&mut self, mut page: Page<DeliveryLine, K>) -> Page<DeliveryLine, K> {
        page.rows.retain(|line| self.waits(line));
        for line in &mut page.rows {
            line.state = State::Pending;
        }
        page
    }

    fn waits(&mut self, line: &DeliveryLine) -> bool {
        let engine = self.engine;
        line.state == State::Delivering
            && self
                .waiting
                .entry(line.webhook)
                .or_insert_with(|| engine.waiting(line.webhook))
                .contains(&line.event)
    }
}

fn asks_for(filter: &DeliveryFilter, state: State) -> bool {
    filter.state.as_deref() == Some(state.as_str())
}

/// Two pages of one request as one: it reaches as far back as both of them do.
fn merged<K: Copy + Ord>(
    mut page: Page<DeliveryLine, K>,
    others: Page<DeliveryLine, K>,
    limit: usize,
    key: fn(&DeliveryLine) -> K,
) -> Page<DeliveryLine, K> {
    let mut next = page.next.max(others.next);
    page.rows.extend(others.rows);
    page.rows.retain(|line| next.is_none_or(|next| key(line) >= next));
    page.rows.sort_by_key(|line| Reverse(key(line)));
    // A delivery that began to wait between the two looks is in both.
    page.rows.dedup_by_key(|line| key(line));
    if page.rows.len() > limit {
        page.rows.truncate(limit);
        next = page.rows.last().map(key);
    }
    Page { rows: page.rows, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stayhook_core::{EventType, UnixMs};

    fn line(at: i64) -> DeliveryLine {
        DeliveryLine {
            webhook: WebhookId(1),
            event: event(at),
            kind: EventType::parse("booking.created").unwrap(),
            booking: None,
            state: State::Pending,
            attempts: 0,
            next_attempt_at: None,
            completed_at: None,
            profile: None,
        }
    }

    fn event(at: i64) -> EventId {
        EventId::new(UnixMs(at), 1)
    }

    /// A page of these as a store gives it out.
    fn page(all: &[i64], after: Option<EventId>, limit: usize) -> Page<DeliveryLine, EventId> {
        let mut rows: Vec<DeliveryLine> = all.iter().map(|at| line(*at)).collect();
        rows.retain(|line| after.is_none_or(|after| line.event < after));
        rows.sort_by_key(|line| Reverse(line.event));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|line| line.event);
        Page { rows, next }
    }

    proptest! {
        /// Walking through merged pages shows every row of both lists once, newest first.
        #[test]
        fn merged_pages_neither_skip_nor_repeat(
            all in prop::collection::btree_map(0_i64..200, any::<bool>(), 0..60),
            limit in 1_usize..8,
        ) {
            let of = |which: bool| all.iter().filter(|it| *it.1 == which).map(|it| *it.0).collect::<Vec<_>>();
            let (ours, theirs) = (of(true), of(false));
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let found = merged(
                    page(&ours, after, limit),
                    page(&theirs, after, limit),
                    limit,
                    |line| line.event,
                );
                prop_assert!(found.rows.len() <= limit);
                seen.extend(found.rows.iter().map(|line| line.event));
                after = found.next;
                if after.is_none() {
                    break;
                }
            }
            let expected: Vec<EventId> = all.keys().rev().map(|at| event(*at)).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
