//! An outcome that the database refuses, for something in what a receiver answered: it is written
//! without that, and keeps no other one from being written.

use rusqlite::Connection;
use sqlx::{Connection as _, PgConnection};
use stayhook_testkit::{Postgres, Receiver, Reply};

use crate::node::{Deployment, all_arrive};

/// As a row that does not fit for whatever reason.
const SQLITE: &str = "CREATE TRIGGER poison BEFORE INSERT ON attempts WHEN NEW.body = X'706F69736F6E'
    BEGIN SELECT RAISE(ABORT, 'refused'); END";
const POSTGRES: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
    CREATE TRIGGER poison BEFORE INSERT ON stayhook.attempts FOR EACH ROW
        WHEN (NEW.body = 'poison') EXECUTE FUNCTION refuse()";

async fn one_bad_outcome_keeps_no_other_from_being_written(deployment: Deployment) {
    let node = deployment.start().await;
    let receiver = Receiver::start().await.unwrap();
    receiver.reply(|request| {
        let poison = String::from_utf8_lossy(&request.body).contains(r#""id":7,"#);
        Reply::status(200).body(if poison { "poison" } else { "fine" })
    });
    node.register(&receiver.url("/"), 1).await;
    let mut events = Vec::new();
    for booking in 0..30 {
        let answer = node.enqueue(booking).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        events.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(all_arrive(&receiver, &events).await, 0);
    node.settled(&events).await;
    assert_eq!(node.attempts(&events[7]).await[0]["status"], 200);
    let log = node.log();
    let told = log.lines().filter(|it| it.contains("refused by the store")).count();
    assert!(told == 1 && log.contains(&events[7]), "{log}");
    assert!(node.stop().await.success());
    // Nothing is left that another process would take for unfinished.
    let node = deployment.start().await;
    node.settled(&events).await;
    assert_eq!(receiver.count(), events.len());
    assert!(node.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_outcome_keeps_no_other_from_being_written_to_postgres() {
    let database = Postgres::create().unwrap();
    let deployment = Deployment::on(database.url());
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(POSTGRES).execute(&mut sql).await.unwrap();
    one_bad_outcome_keeps_no_other_from_being_written(deployment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_outcome_keeps_no_other_from_being_written_to_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stayhook.db");
    let deployment = Deployment::on(&format!("sqlite://{}", path.display()));
    Connection::open(&path).unwrap().execute_batch(SQLITE).unwrap();
    one_bad_outcome_keeps_no_other_from_being_written(deployment).await;
}
