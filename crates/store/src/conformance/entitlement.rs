//! Which properties may be served.

use super::fixtures::*;
use crate::Entitlement;

const NOTHING: Entitlement = Entitlement { set: None, version: 0 };

pub async fn nothing_is_set_at_first(store: Any) {
    let made = store.create_webhook(new_webhook(101)).await.unwrap();
    assert_eq!(made.entitlement, NOTHING);
    assert_eq!(registered(&store, made.webhook.id).await.entitlement, NOTHING);
}

pub async fn what_is_set_reads_back(store: Any) {
    let (first, second) = (webhook(&store).await, webhook(&store).await);
    let elsewhere = store.create_webhook(new_webhook(102)).await.unwrap().webhook.id;
    let set = async |entitled, now| {
        let of = store.set_entitlement(property(101), entitled, &order(now)).await.unwrap();
        let mut ids: Vec<_> = of.iter().map(|it| it.webhook.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [first, second]);
        assert!(of.iter().all(|it| it.secrets.current.expose() == secret(7).expose()));
        let entitlement = of[0].entitlement;
        assert_eq!(of[1].entitlement, entitlement);
        entitlement
    };
    let refused = set(false, at(1)).await;
    assert_eq!(refused.set, Some(false));
    assert_eq!(registered(&store, first).await.entitlement, refused);
    assert_eq!(registered(&store, elsewhere).await.entitlement, NOTHING);
    let granted = set(true, at(2)).await;
    assert_eq!(granted.set, Some(true));
    assert!(0 < refused.version && refused.version < granted.version);
    assert_eq!(registered(&store, second).await.entitlement, granted);
    // Whatever returns a webhook knows of it.
    assert_eq!(store.create_webhook(new_webhook(101)).await.unwrap().entitlement, granted);
    assert_eq!(rotate(&store, first, 9, stayhook_core::Span::ZERO, at(3)).await.entitlement, granted);
    assert_eq!(read(&store, second).await.version, 1, "the webhook itself did not change");
    // A property may be named before it has a webhook.
    assert!(store.set_entitlement(property(103), false, &order(at(4))).await.unwrap().is_empty());
    assert_eq!(store.create_webhook(new_webhook(103)).await.unwrap().entitlement.set, Some(false));
}

pub async fn what_is_set_already_is_not_written(store: Any) {
    let id = webhook(&store).await;
    let set = async |now| store.set_entitlement(property(101), true, &order(now)).await.unwrap();
    let first = set(at(1)).await[0].entitlement;
    let written = audit(&store).await;
    let again = set(at(2)).await;
    assert_eq!((again.len(), again[0].webhook.id, again[0].entitlement), (1, id, first));
    assert_eq!(audit(&store).await, written);
}
