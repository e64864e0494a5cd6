//! What is not begun: a move from or to a database that is in use, or not the right one.

use sqlx::{Connection as _, PgConnection};
use stayhook_store::{
    CopyError, CopyOptions, Keyring, PostgresOptions, PostgresStore, Store, StoreError, Timing, copy,
};

use crate::content::fill;
use crate::house::{Database, interrupted, keyring, moved, moved_until};

async fn filled() -> Database {
    let file = Database::file();
    fill(&file.open().await).await;
    file
}

#[tokio::test]
async fn the_target_has_to_be_empty() {
    let (file, other, server) = (filled().await, filled().await, Database::server());
    moved(&file, &server).await.unwrap();
    for to in [&other, &server] {
        assert_eq!(moved(&file, to).await.err(), Some(CopyError::NotEmpty { table: "events" }));
    }
    let resumed = moved_until(&file, &other, true, &mut |_| {}).await;
    assert_eq!(resumed.err(), Some(CopyError::NotEmpty { table: "events" }));
    assert_eq!(moved(&file, &file).await.err(), Some(CopyError::Same));
    assert_eq!(moved(&server, &server).await.err(), Some(CopyError::Same));
}

#[tokio::test]
async fn what_was_begun_is_not_begun_again_nor_mixed() {
    let (file, other, target) = (filled().await, filled().await, Database::file());
    assert!(interrupted(&file, &target, 5).await);
    assert_eq!(moved(&file, &target).await.err(), Some(CopyError::Unfinished));
    let mixed = moved_until(&other, &target, true, &mut |_| {}).await;
    assert_eq!(mixed.err(), Some(CopyError::OtherSource));
    // Nor is half a deployment moved on.
    let on = moved(&target, &Database::file()).await;
    assert_eq!(on.err(), Some(CopyError::Source(StoreError::Unfinished)));
    moved_until(&file, &target, true, &mut |_| {}).await.unwrap();
}

/// Whoever serves from the source between two parts of a copy changes what was copied.
#[tokio::test]
async fn a_source_that_was_served_meanwhile_is_noticed() {
    let (file, target) = (filled().await, Database::file());
    assert!(interrupted(&file, &target, 12).await);
    let taken = file.open().await.take_over(crate::content::at(400_000_000)).await.unwrap();
    assert!(taken > 0);
    let counted = moved_until(&file, &target, true, &mut |_| {}).await.unwrap();
    assert!(counted.iter().any(|it| it.from != it.to), "{counted:?}");
    assert_eq!(target.try_open().await.map(drop), Err(StoreError::Unfinished));
}

#[tokio::test]
async fn a_server_on_the_file_keeps_copies_out() {
    let (file, target) = (filled().await, Database::file());
    let (serving, serving_target) = (file.open().await, target.open().await);
    assert_eq!(moved(&file, &target).await.err(), Some(CopyError::Source(StoreError::Locked)));
    drop(serving);
    assert_eq!(moved(&file, &target).await.err(), Some(CopyError::Target(StoreError::Locked)));
    drop(serving_target);
    moved(&file, &target).await.unwrap();
}

async fn node(place: &Database) -> PostgresStore {
    let Database::Server(database) = place else { unreachable!("it is a file") };
    let (keyring, node) = (keyring(), "berlin".to_owned());
    let url = database.url().to_owned();
    PostgresStore::open(PostgresOptions { url, keyring, migrate: true, node, timing: Timing::Database })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_node_on_either_database_keeps_copies_out() {
    let (file, server, another) = (filled().await, Database::server(), Database::server());
    let served = || StoreError::Served("berlin".to_owned());
    let on_target = node(&server).await;
    assert_eq!(moved(&file, &server).await.err(), Some(CopyError::Target(served())));
    on_target.leave().await.unwrap();
    drop(on_target);
    moved(&file, &server).await.unwrap();

    let on_source = node(&server).await;
    assert_eq!(moved(&server, &another).await.err(), Some(CopyError::Source(served())));
    on_source.leave().await.unwrap();
    drop(on_source);
    moved(&server, &another).await.unwrap();
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let (file, server) = (filled().await, Database::server());
    let wrong = || Keyring::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap();
    let options = || CopyOptions { from: file.place(), to: server.place(), keyring: wrong(), resume: false };
    assert_eq!(copy(options(), &mut |_| {}).await.err(), Some(CopyError::Source(StoreError::WrongKey)));
    moved(&file, &server).await.unwrap();
}

/// Events that were enqueued by SQL wait for a node: a file has none.
#[tokio::test]
async fn what_nobody_has_collected_goes_only_where_it_can_be() {
    let (server, another) = (Database::server(), Database::server());
    server.open().await;
    let Database::Server(database) = &server else { unreachable!("it is a file") };
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    let enqueue =
        "SELECT stayhook.enqueue('booking.created', 101, '{}'::jsonb, idempotency_key => 'order-1')";
    let event: String = sqlx::query_scalar(enqueue).fetch_one(&mut sql).await.unwrap();
    // The store above said no goodbye.
    sqlx::query("DELETE FROM stayhook.nodes").execute(&mut sql).await.unwrap();

    assert_eq!(moved(&server, &Database::file()).await.err(), Some(CopyError::Uncollected(1)));
    let counted = moved(&server, &another).await.unwrap();
    assert!(counted.iter().any(|it| it.table == "inbox" && it.to == 1), "{counted:?}");
    let collected = another.open().await.collect(10).await.unwrap();
    assert_eq!(collected.len(), 1);
    assert_eq!(collected[0].event.to_string(), event);
}
