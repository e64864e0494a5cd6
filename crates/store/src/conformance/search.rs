//! Deliveries across webhooks, and pages where few rows match.

use stayhook_core::{DeliveryId, EventId, Reason, State, StatusChange, WebhookId};

use super::fixtures::*;
use crate::{DeliveryFilter, DeliveryLine, DeliverySearch, NewRow, PageRequest, Step, TargetFate};

/// Everything that a search finds, page by page.
async fn pages(store: &Any, search: &DeliverySearch, limit: usize) -> Vec<DeliveryLine> {
    let mut found = Vec::new();
    let mut after = None;
    for _ in 0..2_000 {
        let page = store.all_deliveries(search, PageRequest { after, limit }).await.unwrap();
        assert!(page.rows.len() <= limit);
        found.extend(page.rows);
        assert!(after.is_none() || page.next.is_none_or(|next| after > Some(next)), "it goes on");
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
    panic!("the search does not come to an end")
}

async fn found(store: &Any, search: DeliverySearch) -> Vec<(i64, WebhookId)> {
    let lines = pages(store, &search, 100).await;
    lines.iter().map(|it| (it.event.accepted_at().0 - at(0).0, it.webhook)).collect()
}

fn elsewhere(id: EventId, targets: &[(WebhookId, TargetFate)]) -> NewRow {
    NewRow { property: property(102), kind: kind("booking.updated"), ..row(id, targets) }
}

/// Three webhooks, the last of another property, and one delivery of every kind.
async fn house(store: &Any) -> [WebhookId; 3] {
    let (first, second) = (webhook(store).await, webhook(store).await);
    let third = store.create_webhook(new_webhook(102)).await.unwrap().webhook.id;
    let gone = webhook(store).await;
    let both = [(first, TargetFate::Wait), (second, TargetFate::Wait), (gone, TargetFate::Wait)];
    accept(store, vec![row(event_id(10, 0), &both)]).await;
    send_and(store, first, event_id(20, 0), accepted(at(100))).await;
    let unwanted = [(first, TargetFate::Skip(Reason::Unsubscribed)), (second, TargetFate::Send)];
    accept(store, vec![row(event_id(30, 0), &unwanted)]).await;
    accept(store, vec![elsewhere(event_id(40, 0), &[(third, TargetFate::Skip(Reason::OwnEvent))])]).await;
    accept(store, vec![elsewhere(event_id(50, 0), &[(third, TargetFate::Wait)])]).await;
    send_and(store, second, event_id(60, 0), failed(at(100))).await;
    store.delete_webhook(EVERYTHING, gone, &order(at(100))).await.unwrap();
    [first, second, third]
}

pub async fn deliveries_of_all_webhooks_are_found(store: Any) {
    assert!(found(&store, DeliverySearch::default()).await.is_empty());
    let [first, second, third] = house(&store).await;
    let lines = pages(&store, &DeliverySearch::default(), 100).await;
    let keys: Vec<_> = lines.iter().map(|it| (it.event.accepted_at().0 - at(0).0, it.webhook)).collect();
    // Of one event in any order of the webhooks, as long as it is always the same.
    assert_eq!(
        keys,
        [(60, second), (50, third), (40, third), (30, second), (20, first), (10, second), (10, first)]
    );
    for listed in &lines {
        assert_eq!(*listed, line(&store, listed.webhook, listed.event).await);
    }
}

pub async fn filters_narrow_the_search(store: Any) {
    let [first, second, third] = house(&store).await;
    let all = DeliverySearch::default;
    let of = |filter: DeliveryFilter| DeliverySearch { filter, ..all() };
    let any = DeliveryFilter::default;
    let of_first = DeliverySearch { webhook: Some(first), ..all() };
    assert_eq!(found(&store, of_first.clone()).await, [(20, first), (10, first)]);
    assert_eq!(found(&store, DeliverySearch { webhook: Some(WebhookId(999)), ..all() }).await, []);
    let of_property = |number| DeliverySearch { property: Some(property(number)), ..all() };
    assert_eq!(found(&store, of_property(102)).await, [(50, third), (40, third)]);
    assert_eq!(
        found(&store, of_property(101)).await,
        [(60, second), (30, second), (20, first), (10, second), (10, first)]
    );
    assert_eq!(found(&store, of_property(103)).await, []);
    assert_eq!(found(&store, DeliverySearch { property: Some(property(102)), ..of_first }).await, []);
    let updated = DeliveryFilter { kind: Some(kind("booking.updated")), ..any() };
    assert_eq!(found(&store, of(updated)).await, [(50, third), (40, third)]);
    let booking = |text: &str| of(DeliveryFilter { booking: Some(text.to_owned()), ..any() });
    assert_eq!(found(&store, booking("9001")).await.len(), 7);
    assert_eq!(found(&store, booking("9002")).await, []);
    let window = DeliveryFilter { since: Some(at(20)), until: Some(at(40)), ..any() };
    assert_eq!(found(&store, of(window)).await, [(30, second), (20, first)]);
    for (state, expected) in [
        ("pending", vec![(60, second), (50, third), (10, second), (10, first)]),
        ("held", vec![]),
        ("delivering", vec![(30, second)]),
        ("delivered", vec![(20, first)]),
        ("skipped", vec![(40, third)]),
        ("unheard", vec![]),
    ] {
        let filter = DeliveryFilter { state: Some(state.to_owned()), ..any() };
        assert_eq!(found(&store, of(filter.clone())).await, expected, "{state}");
        let filter = DeliverySearch { property: Some(property(101)), filter, webhook: None };
        let expected: Vec<_> = expected.into_iter().filter(|it| it.1 != third).collect();
        assert_eq!(found(&store, filter).await, expected, "{state}");
    }
    switch(&store, second, StatusChange::Pause, at(200)).await;
    let held = DeliveryFilter { state: Some("held".to_owned()), ..any() };
    assert_eq!(found(&store, of(held)).await, [(60, second), (10, second)]);
}

pub async fn pages_neither_skip_nor_repeat_across_webhooks(store: Any) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(webhook(&store).await);
    }
    let targets: Vec<_> = ids.iter().map(|id| (*id, TargetFate::Wait)).collect();
    let rows = (0..4).map(|number| row(event_id(number, 0), &targets));
    accept(&store, rows.collect()).await;
    let mut expected = Vec::new();
    for number in (0..4).rev() {
        expected.extend(ids.iter().rev().map(|id| DeliveryId { event: event_id(number, 0), webhook: *id }));
    }
    for of in
        [DeliverySearch::default(), DeliverySearch { property: Some(property(101)), ..Default::default() }]
    {
        for limit in [1, 3, 7, 20] {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = store.all_deliveries(&of, PageRequest { after, limit }).await.unwrap();
                seen.extend(page.rows.iter().map(|it| DeliveryId { event: it.event, webhook: it.webhook }));
                // Newer ones arrive meanwhile.
                let newer = event_id(1_000, u16::try_from(seen.len()).unwrap());
                let newer = row(newer, &targets);
                if limit == 3 && seen.len() < 9 && store.event(newer.id).await.unwrap().is_none() {
                    accept(&store, vec![newer]).await;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let old = |it: &DeliveryId| it.event < event_id(1_000, 0);
            assert_eq!(seen.iter().copied().filter(old).collect::<Vec<_>>(), expected, "{limit}");
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), seen.len(), "none twice");
        }
    }
}

/// More than are looked at for one page.
const MANY: u16 = 6_000;

/// Many deliveries that were cancelled, and before all of them one that waits.
async fn rarely_pending(store: &Any) -> (WebhookId, EventId) {
    let id = webhook(store).await;
    let rare = event_id(-1, 0);
    wait(store, id, rare).await;
    let skip = TargetFate::Skip(Reason::OwnEvent);
    let rows: Vec<_> = (0..MANY)
        .map(|number| {
            let row = row(event_id(i64::from(number), 0), &[(id, skip)]);
            NewRow { kind: kind("booking.updated"), ..row }
        })
        .collect();
    for rows in rows.chunks(500) {
        accept(store, rows.to_vec()).await;
    }
    (id, rare)
}

pub async fn a_search_that_matches_rarely_gives_short_pages(store: Any) {
    let (id, rare) = rarely_pending(&store).await;
    let filter = DeliveryFilter { kind: Some(kind("booking.created")), ..DeliveryFilter::default() };
    for search in [
        DeliverySearch { filter: filter.clone(), ..DeliverySearch::default() },
        DeliverySearch { property: Some(property(101)), filter: filter.clone(), webhook: None },
        DeliverySearch { webhook: Some(id), filter, property: None },
    ] {
        let page = PageRequest { after: None, limit: 5 };
        let first = store.all_deliveries(&search, page).await.unwrap();
        assert!(first.rows.is_empty() && first.next.is_some(), "{first:?}");
        let found = pages(&store, &search, 5).await;
        assert_eq!(found.iter().map(|it| (it.event, it.state)).collect::<Vec<_>>(), [(rare, State::Pending)]);
    }
}

pub async fn a_log_in_which_few_match_gives_short_pages(store: Any) {
    let (id, rare) = rarely_pending(&store).await;
    let filter = DeliveryFilter { kind: Some(kind("booking.created")), ..DeliveryFilter::default() };
    let page = async |after| {
        let page = PageRequest { after, limit: 5 };
        store.deliveries(EVERYTHING, id, &filter, page).await.unwrap().unwrap()
    };
    let first = page(None).await;
    assert!(first.rows.is_empty() && first.next.is_some(), "{first:?}");
    let second = page(first.next).await;
    assert_eq!(second.rows.iter().map(|it| it.event).collect::<Vec<_>>(), [rare]);
    assert_eq!(second.next, None);
    // A step that was written at the end of all that is found on the first page.
    send_and(&store, id, event_id(i64::from(MANY), 0), Step::Spilled { due: at(0) }).await;
    assert_eq!(page(None).await.rows.len(), 1);
}
