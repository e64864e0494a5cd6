//! Events that other programs enqueue inside transactions of their own: the examples of
//! docs/enqueue.md, run as a role that may do nothing else, and how soon they arrive.

use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use stayhook_testkit::{Postgres, Receiver};

use crate::node::{Deployment, Node, PATIENCE, all_arrive};

#[expect(dead_code, reason = "its main is not called here")]
#[path = "../../../../examples/enqueue/enqueue.rs"]
mod example;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/enqueue");
/// As docs/enqueue.md has it.
const GRANTS: &str = include_str!("../../../../docs/enqueue.md");

/// A platform whose booking service shares the database.
struct Platform {
    database: Postgres,
    node: Node,
    receiver: Receiver,
    _deployment: Deployment,
    /// The address as which the booking service connects.
    url: String,
}

impl Platform {
    async fn open() -> Self {
        let database = Postgres::create().unwrap();
        let deployment = Deployment::on(database.url());
        let log = [("STAYHOOK_LOG", "info,stayhook_store=debug")];
        let node = deployment.start_with(&log).await;
        let receiver = Receiver::start().await.unwrap();
        node.register(&receiver.url("/"), 101).await;
        let role = format!("bookings_{}", database.name());
        let mut sql = PgConnection::connect(database.url()).await.unwrap();
        let own = format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA {role} AUTHORIZATION {role};");
        let statements = own + &grants().replace("booking_service", &role);
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut sql).await.unwrap();
        let url = database.url().replace("stayhook@", &format!("{role}@"));
        Self { database, node, receiver, _deployment: deployment, url }
    }

    /// These events arrive, and besides them nothing.
    async fn only_these_arrive(&self, events: &[String]) {
        assert_eq!(all_arrive(&self.receiver, events).await, 0);
        self.node.settled(events).await;
        let mut sql = PgConnection::connect(self.database.url()).await.unwrap();
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM stayhook.inbox").fetch_one(&mut sql).await.unwrap();
        assert_eq!((left, self.receiver.count()), (0, events.len()));
        for request in self.receiver.requests() {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(body["data"]["booking"]["id"], body["bookingId"], "{body}");
            assert_ne!(body["bookingId"].as_i64().unwrap() % 100, 3, "taken back: {body}");
        }
    }
}

/// The statements of the first SQL block that grants something.
fn grants() -> String {
    let blocks = GRANTS.split("```sql\n").skip(1).filter_map(|it| it.split("```").next());
    let mut granting = blocks.filter(|it| it.contains("GRANT"));
    granting.next().expect("docs/enqueue.md grants what is needed").to_owned()
}

fn event_ids(output: &std::process::Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.split_whitespace().filter(|it| it.starts_with("evt_")).map(str::to_owned).collect()
}

/// A Python with psycopg: Debian's, or another one.
fn python() -> &'static str {
    let candidates = ["/usr/bin/python3", "python3"];
    let has_psycopg = |program: &&str| {
        let tried = Command::new(program).args(["-c", "import psycopg"]).output();
        tried.is_ok_and(|it| it.status.success())
    };
    candidates
        .into_iter()
        .find(has_psycopg)
        .expect("no Python has psycopg: run `apt-get install python3-psycopg`, this test is not skipped")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_example_delivers_what_is_committed() {
    let platform = Platform::open().await;
    let mut psql = Postgres::psql(&platform.url).unwrap();
    let output = psql.args(["--tuples-only", "--file", &format!("{EXAMPLES}/enqueue.sql")]).output().unwrap();
    let mut events = event_ids(&output);
    assert_eq!(events.len(), 3, "{events:?}");
    // The last one was rolled back.
    events.pop();
    platform.only_these_arrive(&events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_example_delivers_what_is_committed() {
    let platform = Platform::open().await;
    let output =
        Command::new(python()).arg(format!("{EXAMPLES}/enqueue.py")).arg(&platform.url).output().unwrap();
    let events = event_ids(&output);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "no room, no booking, no event\n");
    platform.only_these_arrive(&events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_example_delivers_what_is_committed() {
    let platform = Platform::open().await;
    let events = example::run(&platform.url).await.unwrap();
    assert_eq!(events.len(), 2, "{events:?}");
    platform.only_these_arrive(&events).await;
}

/// The promise is 100 ms from the commit. How long it takes is printed, since a busy machine
/// proves nothing; that the node hears of commits, instead of looking for them, is asserted.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_heard_of_and_delivered_at_once() {
    const EVENTS: usize = 200;
    let platform = Platform::open().await;
    let mut sql = PgConnection::connect(&platform.url).await.unwrap();
    let call = "SELECT stayhook.enqueue('booking.created', 101, '{\"booking\":{\"id\":1}}', booking_id => 1)";
    let mut took = Vec::new();
    for arrived in 0..EVENTS {
        let mut tx = sql.begin().await.unwrap();
        sqlx::query(call).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let committed = Instant::now();
        assert_eq!(platform.receiver.wait_for(arrived + 1, PATIENCE).await.len(), arrived + 1);
        took.push(committed.elapsed());
        // At no particular point of anybody's rhythm.
        tokio::time::sleep(Duration::from_millis((arrived as u64 * 7) % 40)).await;
    }
    took.sort();
    let at = |part: usize| took[part * (EVENTS - 1) / 100];
    println!(
        "from commit to arrival: p50 {:?}, p90 {:?}, p99 {:?}, at most {:?}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
    let bells = platform.node.log().matches("stayhook_inbox").count();
    assert!(bells >= EVENTS / 2, "{bells} of {EVENTS} commits were heard");
    assert!(platform.node.stop().await.success());
}
