//! Rule 4: faults of the engine itself never count.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use stayhook_core::{OutageRule, Span, UnixMs};
use stayhook_testkit::{Receiver, Reply};

use crate::clock::START;
use crate::house::{Database, House};

/// A webhook of a property of its own, whose receiver is a host of its own.
struct Guest {
    property: i64,
    webhook: i64,
    address: SocketAddr,
    receiver: Option<Receiver>,
}

impl Guest {
    async fn register(house: &House, street: u8, number: u8) -> Self {
        let receiver = Receiver::start_at(([127, 0, street, number], 0).into()).await.unwrap();
        let property = 500 + i64::from(number);
        let body = json!({"propertyId": property, "url": receiver.url("/"), "events": ["booking.*"]});
        let (webhook, _) = house.register_as(body).await;
        Self { property, webhook, address: receiver.address(), receiver: Some(receiver) }
    }

    async fn enqueue(&self, house: &House, booking: i64) -> String {
        let event = json!({
            "type": "booking.created", "propertyId": self.property, "bookingId": booking,
            "data": {"booking": {"id": booking}},
        });
        let answer = house.call(Method::POST, "/internal/v1/events", Some(event)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    fn go(&mut self) {
        self.receiver = None;
    }

    async fn come_back(&mut self) -> &Receiver {
        self.receiver.insert(Receiver::start_at(self.address).await.unwrap())
    }

    async fn failing_since(&self, house: &House) -> Option<UnixMs> {
        let body = house.get(&format!("/public/v1/webhooks/{}", self.webhook)).await;
        assert_eq!(body["status"], "active", "{body}");
        body.get("failingSince").and_then(Value::as_str).and_then(UnixMs::parse_rfc3339)
    }
}

async fn guests(house: &House) -> Vec<Guest> {
    // A street for each story: nobody else moves in where a receiver is gone.
    static STREETS: AtomicU8 = AtomicU8::new(1);
    let street = STREETS.fetch_add(1, Ordering::Relaxed);
    let mut guests = Vec::new();
    for number in 1..=8 {
        guests.push(Guest::register(house, street, number).await);
    }
    for guest in &guests {
        let event = guest.enqueue(house, 1).await;
        house.until_state(guest.webhook, &event, "delivered").await;
    }
    guests
}

pub(crate) async fn rule_4_while_our_own_network_is_gone_nobody_is_to_blame(on: Database) {
    let house = House::with(on, |config| config.outage = Some(OutageRule::default())).await;
    let mut guests = guests(&house).await;
    let mut failing = guests.pop().unwrap();
    failing.receiver.as_ref().unwrap().always(Reply::status(500));
    let wrong = failing.enqueue(&house, 2).await;
    house.until_attempts(failing.webhook, &wrong, 1).await;
    assert_eq!(failing.failing_since(&house).await, Some(START));

    failing.go();
    guests.iter_mut().for_each(Guest::go);
    let mut waiting = Vec::new();
    for guest in &guests {
        let event = guest.enqueue(&house, 3).await;
        house
            .until(guest.webhook, &event, |it| it["attemptCount"] != 0 && it["status"] != "delivering")
            .await;
        waiting.push(event);
    }
    let last = guests.last().unwrap();
    assert_eq!(last.failing_since(&house).await, None);
    let delivery = house.delivery(last.webhook, waiting.last().unwrap()).await;
    let error = delivery["attempts"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("interrupted: most receivers are out of reach"), "{error}");

    // Longer than 72 hours, in which a receiver of its own fault would be given up.
    let outage = Span::hours(80);
    house.clock.advance(outage);
    // Two rounds of looking whether it is over.
    for _ in 0..2 {
        house.clock.advance(Span::seconds(5));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    failing.come_back().await.always(Reply::status(500));
    for guest in &mut guests {
        guest.come_back().await;
    }
    house.clock.advance(Span::seconds(5));
    for (guest, event) in guests.iter().zip(&waiting) {
        house.until_state(guest.webhook, event, "delivered").await;
        assert_eq!(guest.failing_since(&house).await, None);
    }
    let since = failing.failing_since(&house).await.unwrap();
    let moved = since.since(START);
    assert!(outage <= moved && moved <= outage.times(1_001).part(1_000), "{moved}");
}

pub(crate) async fn rule_4_one_receiver_out_of_reach_is_to_blame_itself(on: Database) {
    let house = House::with(on, |config| config.outage = Some(OutageRule::default())).await;
    let mut guests = guests(&house).await;
    for guest in &mut guests[..4] {
        guest.go();
    }
    for guest in &guests {
        let event = guest.enqueue(&house, 2).await;
        if guest.receiver.is_some() {
            house.until_state(guest.webhook, &event, "delivered").await;
            continue;
        }
        let delivery = house.until_attempts(guest.webhook, &event, 1).await;
        assert!(delivery["attempts"][0]["error"].as_str().unwrap().starts_with("connect: "));
        assert_eq!(guest.failing_since(&house).await, Some(START));
    }
}
