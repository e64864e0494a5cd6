//! Webhooks as they are registered and seen.

use stayhook_core::{Description, Ordering, SigningSecret, Status, StatusChange, WebhookId, WebhookOptions};

use super::fixtures::*;
use crate::{
    ChangeError, CreateError, NewWebhook, PageRequest, PropertyScope, Scope, StatusName, WebhookFilter,
};

pub async fn a_registered_webhook_reads_back(store: Any) {
    let new = NewWebhook {
        description: Some(Description::parse("PMS \"sync\" ü").unwrap()),
        options: WebhookOptions {
            include_custom_parameters: true,
            skip_own: true,
            ordering: Ordering::Newest,
            profile: Some("ticketing".to_owned()),
            shadow_profile: Some("standard-webhooks".to_owned()),
        },
        secret: SigningSecret::from_entropy([9; 32]),
        credentials: None,
        ..new_webhook(101)
    };
    let made = store.create_webhook(new.clone()).await.unwrap();
    assert_eq!(made.webhook.url, new.url);
    assert_eq!(made.webhook.status, Status::ACTIVE);
    assert_eq!((made.webhook.created_at, made.webhook.version, made.url_number), (at(0), 1, 1));
    assert_eq!(read(&store, made.webhook.id).await, made.webhook);
    let registry = store.registry().await.unwrap();
    assert_eq!(registry.len(), 1);
    assert_eq!(registry[0].webhook, made.webhook);
    assert_eq!(registry[0].secrets.current.expose(), new.secret.expose());
}

pub async fn concurrent_registrations_never_share_a_slot(store: Any) {
    let register = |_| {
        let store = store.clone();
        tokio::spawn(async move { store.create_webhook(NewWebhook { limit: 3, ..new_webhook(101) }).await })
    };
    let tasks: Vec<_> = (0..20).map(register).collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(CreateError::LimitReached { limit, used }) => assert_eq!((limit, used), (3, 3)),
            Err(CreateError::Store(error)) => panic!("{error}"),
        }
    }
    assert_eq!(made, 3);
}

pub async fn a_deleted_webhook_frees_its_slot_but_not_its_number(store: Any) {
    let new = || NewWebhook { limit: 1, ..new_webhook(101) };
    let first = store.create_webhook(new()).await.unwrap().webhook.id;
    assert!(store.create_webhook(new()).await.is_err());
    store.delete_webhook(EVERYTHING, first, &order(at(1))).await.unwrap();
    assert!(matches!(
        store.delete_webhook(EVERYTHING, first, &order(at(1))).await,
        Err(ChangeError::NotFound)
    ));
    assert_eq!(store.webhook(EVERYTHING, first).await.unwrap(), None);
    assert!(store.registry().await.unwrap().is_empty());
    let second = store.create_webhook(new()).await.unwrap().webhook.id;
    assert!(second > first);
}

pub async fn a_lowered_limit_counts_what_is_there(store: Any) {
    for _ in 0..3 {
        webhook(&store).await;
    }
    let refused = store.create_webhook(NewWebhook { limit: 2, ..new_webhook(101) }).await;
    assert!(matches!(refused, Err(CreateError::LimitReached { limit: 2, used: 3 })));
    assert!(store.create_webhook(NewWebhook { limit: 2, ..new_webhook(102) }).await.is_ok());
}

pub async fn scopes_hide_what_they_do_not_see(store: Any) {
    let id = webhook(&store).await;
    let scope = |name: &str, of: i64| Scope {
        client: Some(client(name)),
        properties: PropertyScope::Only(vec![property(of)]),
    };
    let page = PageRequest { after: None, limit: 10 };
    for blind in [scope("another", 101), scope("pms", 102)] {
        assert_eq!(store.webhook(&blind, id).await.unwrap(), None);
        let change = store.change_webhook(&blind, id, Default::default(), &order(at(1)), at(1)).await;
        assert!(matches!(change, Err(ChangeError::NotFound)));
        assert!(matches!(store.delete_webhook(&blind, id, &order(at(1))).await, Err(ChangeError::NotFound)));
        let first = PageRequest { after: None, limit: 1 };
        assert_eq!(store.deliveries(&blind, id, &Default::default(), first).await.unwrap(), None);
        assert!(store.webhooks(&blind, &WebhookFilter::default(), page).await.unwrap().rows.is_empty());
    }
    let sees = scope("pms", 101);
    assert_eq!(store.webhook(&sees, id).await.unwrap().unwrap().id, id);
    assert_eq!(store.webhooks(&sees, &WebhookFilter::default(), page).await.unwrap().rows.len(), 1);
}

pub async fn pages_neither_skip_nor_repeat_while_others_register(store: Any) {
    let mut known: Vec<WebhookId> = Vec::new();
    for _ in 0..7 {
        known.push(webhook(&store).await);
    }
    known.reverse();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { after, limit: 2 };
        let page = store.webhooks(EVERYTHING, &WebhookFilter::default(), page).await.unwrap();
        assert!(page.rows.len() <= 2);
        seen.extend(page.rows.iter().map(|it| it.id));
        after = seen.last().copied();
        webhook(&store).await;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, known);
}

pub async fn lists_filter_by_property_and_status(store: Any) {
    let first = webhook(&store).await;
    let second = webhook(&store).await;
    let elsewhere = store.create_webhook(new_webhook(102)).await.unwrap().webhook.id;
    switch(&store, first, StatusChange::Pause, at(1)).await;
    switch(&store, elsewhere, StatusChange::Disable("spam".to_owned()), at(1)).await;
    let list = async |of: Option<i64>, status| {
        let filter = WebhookFilter { property: of.map(property), status };
        let page = PageRequest { after: None, limit: 10 };
        let rows = store.webhooks(EVERYTHING, &filter, page).await.unwrap().rows;
        rows.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None).await, [elsewhere, second, first]);
    assert_eq!(list(Some(101), None).await, [second, first]);
    assert_eq!(list(Some(101), Some(StatusName::Paused)).await, [first]);
    assert_eq!(list(None, Some(StatusName::Active)).await, [second]);
    assert_eq!(list(None, Some(StatusName::Disabled)).await, [elsewhere]);
    assert!(list(Some(103), None).await.is_empty());
}
