//! What is the same after a move: everything.

use stayhook_core::{Span, WebhookId};
use stayhook_store::{Claim, DeliveryFilter, PageRequest, Scope, Store, StoreError};

use crate::content::{at, fill, register};
use crate::house::{Database, dump, interrupted, moved, moved_until};

/// A file with everything in it, and its webhooks.
async fn filled() -> (Database, Vec<WebhookId>) {
    let file = Database::file();
    let webhooks = fill(&file.open().await).await;
    (file, webhooks)
}

#[tokio::test]
async fn a_deployment_comes_back_as_it_was() {
    let (file, _) = filled().await;
    let before = dump(&file.path());
    for (table, rows) in &before {
        assert!(!rows.is_empty(), "{table} is empty: nothing is known of it then");
    }
    let (server, another, back, aside) =
        (Database::server(), Database::server(), Database::file(), Database::file());
    for (from, to) in [(&file, &server), (&server, &another), (&another, &back), (&file, &aside)] {
        let counted = moved(from, to).await.unwrap();
        assert!(counted.iter().all(|it| it.from == it.to), "{counted:?}");
    }
    assert_eq!(dump(&file.path()), before, "the source stays as it was");
    assert_eq!(dump(&aside.path()), before);
    assert_eq!(dump(&back.path()), before);
}

/// What the log says of every delivery, in words.
async fn told(store: &dyn Store, webhooks: &[WebhookId]) -> Vec<String> {
    let mut told = Vec::new();
    for webhook in webhooks {
        let page = PageRequest { after: None, limit: 1_000 };
        let filter = DeliveryFilter::default();
        let found = store.deliveries(&Scope::EVERYTHING, *webhook, &filter, page).await.unwrap();
        for line in found.into_iter().flat_map(|it| it.rows) {
            let whole = store.delivery(&Scope::EVERYTHING, *webhook, line.event).await.unwrap();
            told.push(format!("{line:?} {whole:?} {:?}", store.event(line.event).await.unwrap()));
        }
    }
    assert!(told.len() > 100, "{}", told.len());
    told
}

/// What a registered webhook signs with and says, in words.
async fn secrets(store: &dyn Store) -> Vec<String> {
    let registry = store.registry().await.unwrap();
    let mut told: Vec<String> = registry
        .iter()
        .map(|it| {
            let (current, next) = it.secrets.at(at(4 * 86_400_000 + 2));
            let next = next.map(|it| it.expose().to_owned());
            let credentials = it.credentials.as_ref().map(|it| it.expose_bytes().to_vec());
            format!("{:?} {} {next:?} {credentials:?} {:?}", it.webhook, current.expose(), it.entitlement)
        })
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn the_new_database_goes_on_where_the_old_one_stopped() {
    let (file, webhooks) = filled().await;
    let server = Database::server();
    moved(&file, &server).await.unwrap();
    let (old, new) = (file.open().await, server.open().await);
    assert_eq!(told(&*old, &webhooks).await, told(&*new, &webhooks).await);
    assert_eq!(secrets(&*old).await, secrets(&*new).await);
    assert_eq!(old.tokens().await.unwrap(), new.tokens().await.unwrap());

    let now = at(5 * 86_400_000);
    assert_eq!(old.take_over(now).await.unwrap(), 3, "one was in flight, two were leased");
    assert_eq!(new.take_over(now).await.unwrap(), 3);
    let claim =
        || Claim { now, lease: Span::seconds(45), lanes: 64, per_lane: 64, skip: vec![], after: None };
    let due = async |store: &dyn Store| {
        let due = store.claim(claim()).await.unwrap().due;
        let mut due: Vec<String> = due.iter().map(|it| format!("{it:?}")).collect();
        due.sort();
        due
    };
    let (from_old, from_new) = (due(&*old).await, due(&*new).await);
    assert!(from_old.len() > 30, "{}", from_old.len());
    assert_eq!(from_old, from_new);
    assert_eq!(told(&*old, &webhooks).await, told(&*new, &webhooks).await);
}

/// Ids are never given twice, also not that of the webhook that was deleted last.
#[tokio::test]
async fn numbering_goes_on() {
    let (file, webhooks) = filled().await;
    let server = Database::server();
    moved(&file, &server).await.unwrap();
    let next = register(&server.open().await, 7).await;
    assert!(webhooks.iter().all(|it| it.0 < next.0), "{webhooks:?} {next:?}");
}

/// Ended after each step in turn, there and back, and begun again.
#[tokio::test]
async fn a_copy_goes_on_after_every_interruption() {
    let (file, _) = filled().await;
    let before = dump(&file.path());
    let mut steps = 0;
    loop {
        let (server, back) = (Database::server(), Database::file());
        let mut ended = false;
        for (from, to) in [(&file, &server), (&server, &back)] {
            ended |= !interrupted(from, to, steps).await;
            if !ended {
                assert_eq!(to.try_open().await.map(drop), Err(StoreError::Unfinished), "after {steps} steps");
            }
            // What is finished stays finished, however often somebody asks.
            for _ in 0..2 {
                let counted = moved_until(from, to, true, &mut |_| {}).await.unwrap();
                assert!(counted.iter().all(|it| it.from == it.to), "{counted:?}");
            }
        }
        assert_eq!(dump(&back.path()), before, "after {steps} steps");
        if ended {
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "only {steps} interruptions");
}
