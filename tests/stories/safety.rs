//! Rule 11: the address connected to was resolved and vetted for this very attempt.

use http::{Method, StatusCode};
use serde_json::json;
use stayhook_core::AddressRules;
use stayhook_testkit::{Receiver, Reply};

use crate::house::{Database, House};

pub(crate) async fn a_private_address_is_refused_at_registration(on: Database) {
    let house = House::with(on, |config| config.url_rules.addresses = AddressRules::default()).await;
    let body = json!({"propertyId": 101, "url": "https://192.168.1.10/hook", "events": ["booking.created"]});
    let answer = house.call(Method::POST, "/public/v1/webhooks", Some(body)).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_webhook"))
    );
    assert_eq!(answer.body["errors"][0]["pointer"], "/url");
}

pub(crate) async fn a_url_that_the_rules_no_longer_allow_is_never_called(on: Database) {
    let house = House::open(on).await;
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200));
    let (webhook, _) = house.register(&receiver.url("/")).await;
    let house = house.restart_with(|config| config.url_rules.addresses = AddressRules::default()).await;
    let event = house.enqueue(1).await;
    let delivery = house.until_attempts(webhook, &event, 1).await;
    assert!(delivery["attempts"][0]["error"].as_str().unwrap().starts_with("blocked_address"), "{delivery}");
    assert_eq!(receiver.count(), 0);
}
