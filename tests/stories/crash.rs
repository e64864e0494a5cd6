//! Rule 1: nothing acknowledged is lost, whenever the process ends.

use std::collections::HashSet;
use std::time::Duration;

use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House, PATIENCE};

fn event_ids(receiver: &Receiver) -> HashSet<String> {
    let requests = receiver.requests();
    requests.iter().map(|it| it.header("nowistay-webhook-event-id").unwrap().to_owned()).collect()
}

pub(crate) async fn what_was_in_flight_at_a_crash_is_sent_again_and_marked(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_secs(60)));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    receiver.wait_for(1, PATIENCE).await;
    receiver.always(Reply::status(200));
    let house = house.crash().await;
    let delivery = house.until_state(webhook, &event, "delivered").await;
    assert_eq!(delivery["attemptCount"], 2);
    assert!(delivery["attempts"][0]["error"].as_str().unwrap().starts_with("interrupted"), "{delivery}");
    assert_eq!(receiver.count(), 2);
}

pub(crate) async fn a_crash_in_the_middle_of_many_loses_none(on: Database) {
    let mut house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_millis(2)));
    house.register(&receiver.url("/")).await;
    let mut acknowledged = HashSet::new();
    for round in 0..4 {
        for booking in 0..50 {
            acknowledged.insert(house.enqueue(round * 50 + booking).await);
        }
        house = house.crash().await;
    }
    house
        .eventually(async || {
            let missing = acknowledged.difference(&event_ids(&receiver)).count();
            if missing == 0 { Ok(()) } else { Err(format!("{missing} missing")) }
        })
        .await;
    assert!(event_ids(&receiver).is_subset(&acknowledged));
}

pub(crate) async fn an_orderly_stop_sends_nothing_twice(on: Database) {
    let mut house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_millis(5)));
    house.register(&receiver.url("/")).await;
    let mut acknowledged = HashSet::new();
    for round in 0..3 {
        for booking in 0..60 {
            acknowledged.insert(house.enqueue(round * 60 + booking).await);
        }
        house = house.restart().await;
    }
    receiver.wait_for(180, PATIENCE).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((receiver.count(), event_ids(&receiver)), (180, acknowledged));
}

pub(crate) async fn retries_survive_a_restart(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let event = house.enqueue(1).await;
    house.until_attempts(webhook, &event, 1).await;
    let house = house.restart().await;
    receiver.always(Reply::status(200));
    house.clock.advance(stayhook_core::Span::minutes(1));
    let delivery = house.until_state(webhook, &event, "delivered").await;
    assert_eq!(delivery["attemptCount"], 2);
}

pub(crate) async fn an_orderly_stop_invents_no_attempts(on: Database) {
    // Shorter than a lease, so that the clock can be moved to the retries.
    let base = stayhook_core::Span::seconds(10);
    let house = House::with(on, |config| config.policy.backoff.base = base).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(500).after(Duration::from_millis(500)));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let mut events = Vec::new();
    for booking in 0..100 {
        events.push(house.enqueue(booking).await);
    }
    receiver.wait_for(1, PATIENCE).await;
    let house = house.restart().await;
    let sent = receiver.count();
    receiver.always(Reply::status(200));
    house.clock.advance(base);
    let mut attempts = 0;
    for event in &events {
        let delivery = house.until_state(webhook, event, "delivered").await;
        attempts += delivery["attemptCount"].as_u64().unwrap();
        assert!(!delivery.to_string().contains("interrupted"), "{delivery}");
    }
    assert_eq!(receiver.count() as u64, attempts, "{sent} were sent before the stop");
}
