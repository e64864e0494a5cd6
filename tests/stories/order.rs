//! Rules 6 and 9: what a paused webhook keeps, and strict order per booking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use stayhook_core::Span;
use stayhook_store::HoldLimits;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

/// The ids of the events that arrived, in order.
fn arrived(receiver: &Receiver) -> Vec<String> {
    let id = |it: &stayhook_testkit::Received| it.header("nowistay-webhook-event-id").unwrap().to_owned();
    receiver.requests().iter().map(id).collect()
}

pub(crate) async fn rule_9_a_newer_event_waits_until_the_older_one_has_ended(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let failing = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&failing);
    receiver.reply(move |it| {
        let of_first = it.body.windows(16).any(|part| part == br#""bookingId":9001"#);
        Reply::status(if of_first && fails.load(Ordering::Relaxed) { 500 } else { 200 })
    });
    let (webhook, _) = house.register(&receiver.url("/")).await;
    house.patch(webhook, json!({"ordering": "booking"})).await;
    let first = house.enqueue(9001).await;
    house.until_attempts(webhook, &first, 1).await;
    let second = house.enqueue(9001).await;
    let third = house.enqueue(9001).await;
    let other = house.enqueue(9002).await;
    house.until_state(webhook, &other, "delivered").await;
    assert_eq!(house.delivery(webhook, &second).await["attemptCount"], 0);
    failing.store(false, Ordering::Relaxed);
    house.clock.advance(Span::minutes(1));
    house.until_state(webhook, &third, "delivered").await;
    assert_eq!(arrived(&receiver), [first.clone(), other, first, second, third]);
}

pub(crate) async fn rule_9_many_events_of_many_bookings_keep_their_order(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    house.patch(webhook, json!({"ordering": "booking"})).await;
    let mut sent: Vec<Vec<String>> = vec![Vec::new(); 4];
    for round in 0..40 {
        if round == 10 {
            house.patch(webhook, json!({"status": "paused"})).await;
        }
        if round == 20 {
            house.patch(webhook, json!({"status": "active"})).await;
        }
        for (booking, sent) in (9_000..).zip(&mut sent) {
            sent.push(house.enqueue(booking).await);
        }
    }
    receiver.wait_for(160, PATIENCE).await;
    let arrived = arrived(&receiver);
    for of_booking in sent {
        let seen: Vec<&String> = arrived.iter().filter(|it| of_booking.contains(it)).collect();
        assert_eq!(seen, of_booking.iter().collect::<Vec<_>>());
    }
}

pub(crate) async fn rule_9_with_newest_a_newer_event_takes_the_place_of_older_ones(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    house.patch(webhook, json!({"ordering": "newest"})).await;
    let first = house.enqueue(9001).await;
    house.until_attempts(webhook, &first, 1).await;
    receiver.always(Reply::status(200));
    let second = house.enqueue(9001).await;
    house.until_state(webhook, &second, "delivered").await;
    let first = house.delivery(webhook, &first).await;
    assert_eq!((&first["status"], &first["reason"]), (&json!("cancelled"), &json!("superseded")));
}

pub(crate) async fn rule_9_an_order_applies_at_once(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    house.patch(webhook, json!({"ordering": "booking"})).await;
    let first = house.enqueue(9001).await;
    house.until_attempts(webhook, &first, 1).await;
    let second = house.enqueue(9001).await;
    assert_eq!(house.delivery(webhook, &second).await["attemptCount"], 0);
    house.patch(webhook, json!({"ordering": "none"})).await;
    house.until_attempts(webhook, &second, 1).await;
}

pub(crate) async fn rule_6_what_is_held_is_limited_by_number_and_age(on: Database) {
    let hold = HoldLimits { max_age: Span::hours(1), max_events: 3 };
    let house = House::with(on, |config| config.hold = hold).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    house.patch(webhook, json!({"status": "paused"})).await;
    let mut events = Vec::new();
    for booking in 0..5 {
        events.push(house.enqueue(booking).await);
        house.clock.advance(Span::seconds(1));
    }
    for event in &events[..2] {
        let it = house.until_state(webhook, event, "expired").await;
        assert_eq!(it["reason"], "hold_limit");
    }
    assert_eq!(house.delivery(webhook, &events[2]).await["status"], "held");
    house.clock.advance(Span::hours(1));
    for event in &events[2..] {
        house.until_state(webhook, event, "expired").await;
    }
    house.patch(webhook, json!({"status": "active"})).await;
    let last = house.enqueue(9).await;
    house.until_state(webhook, &last, "delivered").await;
    assert_eq!(arrived(&receiver), [last]);
}
