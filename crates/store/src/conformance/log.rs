//! The delivery log.

use stayhook_core::{BookingId, EventId, Reason, State, StatusChange, WebhookId};

use super::fixtures::*;
use crate::{DeliveryFilter, PageRequest, Step, TargetFate};

/// One delivery in every place where deliveries can be, oldest first.
async fn everywhere(store: &Any, id: WebhookId) -> [(EventId, State); 6] {
    let event = |ms| event_id(ms, 0);
    wait(store, id, event(1)).await;
    assert_eq!(claim(store, at(1)).await.due.len(), 1);
    send_and(store, id, event(2), accepted(at(100))).await;
    send_and(store, id, event(3), failed(at(100))).await;
    send_and(store, id, event(4), Step::Ended(stayhook_core::End::Cancelled(Reason::NotEntitled))).await;
    send(store, id, event(5)).await;
    send_and(store, id, event(6), Step::Spilled { due: at(500) }).await;
    [
        (event(1), State::Delivering),
        (event(2), State::Delivered),
        (event(3), State::Pending),
        (event(4), cancelled(Reason::NotEntitled)),
        (event(5), State::Delivering),
        (event(6), State::Pending),
    ]
}

pub async fn states_are_derived(store: Any) {
    let id = webhook(&store).await;
    let mut expected = everywhere(&store, id).await;
    expected.reverse();
    let lines = log(&store, id, &DeliveryFilter::default()).await;
    assert_eq!(lines.iter().map(|it| (it.event, it.state)).collect::<Vec<_>>(), expected);
    for listed in &lines {
        assert_eq!(*listed, line(&store, id, listed.event).await);
        assert_eq!(target_state(&store, listed.event).await, listed.state);
    }
    switch(&store, id, StatusChange::Pause, at(200)).await;
    assert_eq!(state(&store, id, event_id(3, 0)).await, State::Held);
    assert_eq!(state(&store, id, event_id(1, 0)).await, State::Delivering);
}

pub async fn pages_neither_skip_nor_repeat_while_deliveries_move(store: Any) {
    let id = webhook(&store).await;
    let mut known: Vec<EventId> = everywhere(&store, id).await.into_iter().map(|it| it.0).collect();
    known.reverse();
    let mut seen: Vec<EventId> = Vec::new();
    for round in 0.. {
        let page = PageRequest { after: seen.last().copied(), limit: 2 };
        let page = store.deliveries(EVERYTHING, id, &DeliveryFilter::default(), page).await.unwrap().unwrap();
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.iter().map(|it| it.event));
        // Newer ones arrive, and what was in memory waits now.
        wait(&store, id, event_id(1_000 + round, 0)).await;
        store.take_over(at(2_000)).await.unwrap();
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, known);
}

pub async fn filters_narrow_the_log(store: Any) {
    let id = webhook(&store).await;
    let other = webhook(&store).await;
    let new = |ms, of: &str, booking| {
        let mut row = row(event_id(ms, 0), &[(id, TargetFate::Wait)]);
        (row.kind, row.booking) = (kind(of), booking);
        row
    };
    let text = |text: &str| Some(BookingId::Text(text.to_owned()));
    let rows = vec![
        new(10, "booking.created", Some(BookingId::Number(9001))),
        new(20, "booking.updated", text("9001")),
        new(30, "booking.created", text("9002")),
        new(40, "booking.updated", None),
    ];
    accept(&store, rows).await;
    wait(&store, other, event_id(50, 0)).await;
    let found = async |filter: DeliveryFilter| {
        let lines = log(&store, id, &filter).await;
        lines.iter().map(|it| it.event.accepted_at().0 - at(0).0).collect::<Vec<_>>()
    };
    let all = DeliveryFilter::default;
    assert_eq!(found(all()).await, [40, 30, 20, 10]);
    assert_eq!(found(DeliveryFilter { kind: Some(kind("booking.updated")), ..all() }).await, [40, 20]);
    assert_eq!(found(DeliveryFilter { booking: Some("9001".to_owned()), ..all() }).await, [20, 10]);
    assert_eq!(found(DeliveryFilter { since: Some(at(20)), ..all() }).await, [40, 30, 20]);
    assert_eq!(found(DeliveryFilter { until: Some(at(30)), ..all() }).await, [20, 10]);
    let window = DeliveryFilter { since: Some(at(20)), until: Some(at(40)), ..all() };
    assert_eq!(found(window).await, [30, 20]);
    assert!(found(DeliveryFilter { kind: Some(kind("order.created")), ..all() }).await.is_empty());
}

pub async fn state_filters_find_every_place(store: Any) {
    let id = webhook(&store).await;
    let everywhere = everywhere(&store, id).await;
    for state in ["pending", "held", "delivering", "delivered", "cancelled", "expired", "skipped", "unheard"]
    {
        let filter = DeliveryFilter { state: Some(state.to_owned()), ..DeliveryFilter::default() };
        let found: Vec<_> = log(&store, id, &filter).await.into_iter().map(|it| it.event).collect();
        let expected = everywhere.iter().rev().filter(|it| it.1.as_str() == state).map(|it| it.0);
        assert_eq!(found, expected.collect::<Vec<_>>(), "{state}");
    }
}

pub async fn a_delivery_that_never_was_is_not_found(store: Any) {
    let (first, second) = (webhook(&store).await, webhook(&store).await);
    let event = event_id(1, 0);
    send(&store, first, event).await;
    assert_eq!(store.delivery(EVERYTHING, second, event).await.unwrap(), None);
    assert_eq!(store.delivery(EVERYTHING, first, event_id(2, 0)).await.unwrap(), None);
    assert!(log(&store, second, &DeliveryFilter::default()).await.is_empty());
    let page = PageRequest { after: None, limit: 5 };
    let none = store.deliveries(EVERYTHING, WebhookId(999), &DeliveryFilter::default(), page).await;
    assert_eq!(none.unwrap(), None);
}
