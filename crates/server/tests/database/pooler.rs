//! The executable behind PgBouncer in transaction mode.

use std::process::Command;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use stayhook_testkit::{PgBouncer, Postgres, Receiver};

use crate::ingest::Ingest;
use crate::node::{Deployment, all_arrive, until};

/// Fewer than a node would like to have.
const SESSIONS: u16 = 4;

fn through(pooler: &PgBouncer, database: &Postgres) -> String {
    format!("{}?pgbouncer=true", pooler.url(database))
}

/// The main job, end to end.
#[test]
fn the_demo_runs_through_pgbouncer() {
    let database = Postgres::create().unwrap();
    let pooler = PgBouncer::before(&database, SESSIONS).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stayhook"));
    command.args(["demo", "--database", &through(&pooler, &database)]).current_dir(dir.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_work_together_through_pgbouncer() {
    let database = Postgres::create().unwrap();
    let pooler = PgBouncer::before(&database, SESSIONS).unwrap();
    let deployment = Deployment::on(&through(&pooler, &database));
    let (one, two) = (deployment.start().await, deployment.start().await);
    let receiver = Receiver::start().await.unwrap();
    let webhook = one.register(&receiver.url("/"), 1).await;
    let ingest = Ingest::start(4, &deployment.token, &[&one.url, &two.url]);
    until("events are acknowledged", async || ingest.acknowledged() > 200).await;

    // Paused on one node, it is paused on the other within a second.
    let path = format!("/public/v1/webhooks/{webhook}");
    let paused = one.call("PATCH", &path, r#"{"status":"paused"}"#.to_owned()).await;
    assert_eq!(paused.status, 200, "{paused:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let quiet = receiver.count();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.count(), quiet, "nothing is sent while it is paused");
    let active = two.call("PATCH", &path, r#"{"status":"active"}"#.to_owned()).await;
    assert_eq!(active.status, 200, "{active:?}");

    // An event in a transaction of another program, which does not use the pooler.
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    let call = r#"SELECT stayhook.enqueue('booking.created', 1, '{"booking":{"id":1}}', booking_id => 1)"#;
    let event: String = sqlx::query_scalar(call).fetch_one(&mut sql).await.unwrap();

    let mut report = ingest.stop().await;
    assert_eq!(report.count(503), 0, "{:?}", report.statuses);
    report.acknowledged.push(event);
    let repeated = all_arrive(&receiver, &report.acknowledged).await;
    two.settled(&report.acknowledged).await;
    println!("{} events through PgBouncer, {repeated} arrivals repeated", report.acknowledged.len());
    assert_eq!(repeated, 0, "arrived twice");
    for node in [one, two] {
        assert!(!node.log().contains("ERROR"), "{}", node.log());
        assert!(node.stop().await.success());
    }
}
