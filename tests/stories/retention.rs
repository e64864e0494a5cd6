//! Rule 12: records are kept as long as promised, and no longer.

use http::{Method, StatusCode};
use serde_json::json;
use stayhook_core::Span;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House};

pub(crate) async fn what_still_waits_expires_and_then_everything_is_pruned(on: Database) {
    let house = House::with(on, |config| config.policy.disable.after = Span::days(60)).await;
    let receiver = Receiver::start().await.unwrap();
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let delivered = house.enqueue(1).await;
    house.until_state(webhook, &delivered, "delivered").await;
    receiver.always(Reply::status(500));
    let waiting = house.enqueue(2).await;
    house.until_attempts(webhook, &waiting, 1).await;
    house.patch(webhook, json!({"status": "paused"})).await;

    house.clock.advance(Span::millis(Span::days(30).as_millis() + 1));
    let expired = house.until_state(webhook, &waiting, "expired").await;
    assert_eq!(expired["reason"], "retention");
    assert_eq!(house.delivery(webhook, &delivered).await["status"], "delivered");

    // A thirtieth of 30 days later at the latest, nothing is left; time goes on while it goes.
    house.clock.advance(Span::hours(20));
    house
        .eventually(async || {
            house.clock.advance(Span::seconds(10));
            let list = house.get(&format!("/public/v1/webhooks/{webhook}/deliveries")).await;
            if list["data"] == json!([]) { Ok(()) } else { Err(list.to_string()) }
        })
        .await;
    let gone = house.call(Method::GET, &format!("/internal/v1/events/{delivered}"), None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}
