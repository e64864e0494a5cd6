//! Databases that are not as they should be, and connections that break.

use std::sync::Arc;

use stayhook_core::UnixMs;
use stayhook_store::{Accepted, Intake, Store, StoreError, Timing, conformance};
use stayhook_testkit::Postgres;

use crate::support::*;

async fn refused(house: &House) -> StoreError {
    match try_open(&house.database, Timing::Caller).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn settings_that_lose_commits_are_refused() {
    let mut house = House::new().await;
    house.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$").await;
    let error = refused(&house).await;
    assert!(matches!(&error, StoreError::Unfit(words) if words.contains("synchronous_commit")), "{error}");
}

#[tokio::test]
async fn the_schema_of_another_program_is_left_alone() {
    let mut house = House::new().await;
    house.run("CREATE SCHEMA stayhook; CREATE TABLE stayhook.theirs (n integer)").await;
    assert!(matches!(refused(&house).await, StoreError::NotOurs(_)));
}

/// Somebody prepared an empty schema for a role that may not create one.
#[tokio::test]
async fn an_empty_schema_is_used() {
    let mut house = House::new().await;
    house.run("CREATE SCHEMA stayhook").await;
    assert!(try_open(&house.database, Timing::Caller).await.is_ok());
}

#[tokio::test]
async fn a_later_schema_is_left_alone() {
    let mut house = House::new().await;
    house.node().await;
    house.run("INSERT INTO stayhook.migrations (version) VALUES (99)").await;
    assert_eq!(refused(&house).await, StoreError::NewerSchema { found: 99, known: 4 });
}

#[tokio::test]
async fn another_key_is_noticed() {
    let house = House::new().await;
    house.node().await;
    let other = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let opened = open_with(&house.database, Timing::Caller, other).await;
    assert_eq!(opened.err(), Some(StoreError::WrongKey));
}

#[tokio::test]
async fn secrets_move_to_another_key() {
    let database = Postgres::create().unwrap();
    conformance::reseal::secrets_move_to_another_key(async |keyring| {
        let store = open_under(&database, Timing::Caller, keyring).await?;
        Ok(Arc::new(store) as Arc<dyn Store>)
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let house = House::new().await;
    let keyring = stayhook_store::Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let url = house.database.url().replace("/test_", "/nobodys_");
    let options = stayhook_store::PostgresOptions {
        url,
        keyring,
        migrate: true,
        node: "test".to_owned(),
        timing: Timing::Caller,
    };
    let error = stayhook_store::PostgresStore::open(options).await.err().unwrap();
    assert!(matches!(&error, StoreError::NoDatabase(words) if words.contains("nobodys_")), "{error}");
}

#[tokio::test]
async fn nodes_that_start_at_once_migrate_once() {
    let database = Postgres::create().unwrap();
    let open = || try_open(&database, Timing::Database);
    let opened = tokio::join!(open(), open(), open(), open());
    for result in [opened.0, opened.1, opened.2, opened.3] {
        assert_eq!(result.err(), None);
    }
}

/// As after a restart of the database: what was lost is made again, and what was acknowledged
/// is there.
#[tokio::test]
async fn lost_connections_are_made_again() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    let mut acknowledged = 0;
    for round in 0..20_u16 {
        if round % 4 == 0 {
            house
                .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
                .await;
        }
        let intake = Intake { events: vec![row(event(now, round), &[])], ..Intake::default() };
        let mut again = 0;
        while let Err(error) = node.intake(intake.clone()).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            again += 1;
            assert!(again < 3, "it does not recover");
        }
        acknowledged += 1;
        let _ = node.event(event(now, round)).await;
    }
    assert_eq!(house.number("SELECT count(*) FROM stayhook.events").await, acknowledged);
    let mut again = 0;
    while node.ping().await.is_err() {
        again += 1;
        assert!(again < 20, "the pool does not recover");
    }
    assert_eq!(
        node.claim(stayhook_store::Claim {
            now: UnixMs(0),
            lease: stayhook_core::Span::seconds(1),
            lanes: 1,
            per_lane: 1,
            skip: vec![],
            after: None,
        })
        .await
        .unwrap()
        .next,
        None
    );
    assert_eq!(accept(&node, vec![row(event(now, 999), &[])]).await.results, [Accepted::New]);
}
