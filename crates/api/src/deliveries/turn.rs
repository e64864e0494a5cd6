//! What waits in memory for its turn. The store knows that a node has such deliveries, and
//! calls them `delivering`; the node itself knows that it has not started them.

use std::cmp::Reverse;
use std::collections::HashSet;

use stayhook_core::{EventId, State, WebhookId};
use stayhook_store::{DeliveryFilter, DeliveryLine, Page, PageRequest, Scope, StoreError};

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
    let waiting = api.state.engine.waiting(webhook);
    if waiting.is_empty() {
        return Ok(Some(page));
    }
    let asked = |state: State| filter.state.as_deref() == Some(state.as_str());
    if !asked(State::Pending) {
        let mut page = told_apart(page, &waiting);
        page.rows.retain(|line| !(asked(State::Delivering) && line.state == State::Pending));
        return Ok(Some(page));
    }
    let in_flight = DeliveryFilter { state: Some(State::Delivering.as_str().to_owned()), ..filter.clone() };
    let Some(others) = api.store().deliveries(scope, webhook, &in_flight, request).await? else {
        return Ok(None);
    };
    let mut others = told_apart(others, &waiting);
    others.rows.retain(|line| line.state == State::Pending);
    Ok(Some(merged(page, others, request.limit)))
}

/// One delivery's line with what this node knows of it.
pub(crate) fn delivery(api: &Api, mut line: DeliveryLine) -> DeliveryLine {
    if line.state == State::Delivering && api.state.engine.waiting(line.webhook).contains(&line.event) {
        line.state = State::Pending;
    }
    line
}

fn told_apart(
    mut page: Page<DeliveryLine, EventId>,
    waiting: &HashSet<EventId>,
) -> Page<DeliveryLine, EventId> {
    for line in &mut page.rows {
        if line.state == State::Delivering && waiting.contains(&line.event) {
            line.state = State::Pending;
        }
    }
    page
}

/// Two pages of one request as one: it reaches as far back as both of them do.
fn merged(
    mut page: Page<DeliveryLine, EventId>,
    others: Page<DeliveryLine, EventId>,
    limit: usize,
) -> Page<DeliveryLine, EventId> {
    let mut next = page.next.max(others.next);
    page.rows.extend(others.rows);
    page.rows.retain(|line| next.is_none_or(|next| line.event >= next));
    page.rows.sort_by_key(|line| Reverse(line.event));
    // A delivery that began to wait between the two looks is in both.
    page.rows.dedup_by_key(|line| line.event);
    if page.rows.len() > limit {
        page.rows.truncate(limit);
        next = page.rows.last().map(|line| line.event);
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
                let found = merged(page(&ours, after, limit), page(&theirs, after, limit), limit);
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
