//! Secrets that are sealed anew under another key.

use stayhook_core::Span;

use super::fixtures::*;
use crate::{Keyring, NewWebhook, StoreError};

pub async fn what_is_sealed_under_the_first_key_is_left_alone(store: Any) {
    let new = NewWebhook { credentials: Some(basic("first")), ..new_webhook(101) };
    let id = store.create_webhook(new).await.unwrap().webhook.id;
    rotate(&store, id, 8, Span::hours(1), at(1)).await;
    let written = audit(&store).await;
    assert_eq!(store.reseal(at(2)).await.unwrap(), 0);
    assert_eq!(audit(&store).await, written);
    assert_eq!(told(&registered(&store, id).await).0, secret(7).expose());
}

/// More than are sealed anew in one transaction.
const MANY: u64 = 230;

/// The way of a deployment to another key. `open` opens the same database, empty at first, with
/// a keyring, beside others that have it open; not stamped, since it needs that.
pub async fn secrets_move_to_another_key(open: impl AsyncFn(Keyring) -> Result<Any, StoreError>) {
    let old = || Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let new = || Keyring::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap();
    let store = open(old()).await.unwrap();
    for number in 0..MANY {
        let of = i64::try_from(number).unwrap() + 1_000;
        store.create_webhook(new_webhook(of)).await.unwrap();
    }
    let credentials = NewWebhook { credentials: Some(basic("first")), ..new_webhook(102) };
    let first = store.create_webhook(credentials).await.unwrap().webhook.id;
    rotate(&store, first, 8, Span::hours(1), at(1)).await;
    let before = read(&store, first).await;
    drop(store);

    assert_eq!(open(new()).await.err(), Some(StoreError::WrongKey));
    let server = open(new().and(old())).await.unwrap();
    let fresh = webhook(&server).await;
    // A command beside the server.
    let command = open(new().and(old())).await.unwrap();
    assert_eq!(command.reseal(at(5)).await.unwrap(), MANY + 3, "all but the fresh one");
    assert_eq!(command.reseal(at(6)).await.unwrap(), 0);
    drop(command);
    let line = &audit(&server).await[0];
    assert_eq!(
        (line.action, line.at, &line.by),
        (crate::Action::SecretsResealed, at(5), &crate::Author::Operator)
    );
    assert_eq!(line.after.as_deref(), Some(r#"{"resealed":233}"#));
    let intact = async |store: &Any| {
        assert_eq!(store.registry().await.unwrap().len() as u64, MANY + 2);
        let one = registered(store, first).await;
        assert_eq!(one.webhook, before, "the webhook itself did not change");
        let next = Some((secret(8).expose().to_owned(), at(1).after(Span::hours(1))));
        assert_eq!(told(&one), (secret(7).expose().to_owned(), next));
        assert_eq!(exposed(&one), Some(basic("first").expose_bytes().to_vec()));
        assert_eq!(told(&registered(store, fresh).await).0, secret(7).expose());
    };
    intact(&server).await;
    drop(server);

    assert_eq!(open(old()).await.err(), Some(StoreError::WrongKey));
    intact(&open(new()).await.unwrap()).await;
}
