//! API tokens, and the database itself.

use super::fixtures::*;
use crate::{NewToken, PropertyScope, TokenHash};

fn token(name: &str, byte: u8) -> NewToken {
    NewToken {
        name: name.to_owned(),
        client: client("pms"),
        scopes: vec!["webhooks.write".to_owned(), "bookings.read".to_owned()],
        properties: PropertyScope::Only(vec![property(101), property(102)]),
        hash: TokenHash([byte; 32]),
        at: at(1),
    }
}

pub async fn tokens_read_back(store: Any) {
    let first = store.create_token(token("first", 1)).await.unwrap();
    let everything = NewToken { properties: PropertyScope::All, ..token("\"second\"", 2) };
    let second = store.create_token(everything).await.unwrap();
    assert_eq!((first.name.as_str(), first.created_at, first.revoked_at), ("first", at(1), None));
    assert_eq!(store.token(&TokenHash([1; 32])).await.unwrap(), Some(first.clone()));
    assert_eq!(store.token(&TokenHash([3; 32])).await.unwrap(), None);
    assert_eq!(store.tokens().await.unwrap(), [first, second]);
}

pub async fn a_revoked_token_is_no_token(store: Any) {
    let made = store.create_token(token("first", 1)).await.unwrap();
    assert!(store.revoke_token(made.id, at(5)).await.unwrap());
    assert!(!store.revoke_token(made.id, at(6)).await.unwrap());
    assert!(!store.revoke_token(999, at(6)).await.unwrap());
    assert_eq!(store.token(&TokenHash([1; 32])).await.unwrap(), None);
    assert_eq!(store.tokens().await.unwrap()[0].revoked_at, Some(at(5)));
}

pub async fn a_token_hash_is_stored_once(store: Any) {
    store.create_token(token("first", 1)).await.unwrap();
    assert!(store.create_token(token("second", 1)).await.is_err());
    assert_eq!(store.tokens().await.unwrap().len(), 1);
}

pub async fn a_ping_answers(store: Any) {
    store.ping().await.unwrap();
    store.ping().await.unwrap();
}
