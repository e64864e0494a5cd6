//! The database restarts, hangs, or cuts connections: ingest says so, everything comes back by
//! itself, and what was acknowledged is delivered.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use stayhook_testkit::{PostgresServer, Receiver};

use crate::ingest::Ingest;
use crate::node::{Deployment, Node, all_arrive, until};

/// Within this everybody is told that the database does not answer: the token is looked up,
/// then the event waits for the group before its own, then for a connection.
const PROMPT: Duration = Duration::from_secs(12);

struct House {
    server: PostgresServer,
    deployment: Deployment,
    node: Node,
    receiver: Receiver,
    ingest: Ingest,
}

impl House {
    /// Events are being reported and delivered.
    async fn open() -> Self {
        let server = PostgresServer::start().unwrap();
        let deployment = Deployment::on(&server.url());
        let node = deployment.start().await;
        let receiver = Receiver::start().await.unwrap();
        node.register(&receiver.url("/"), 1).await;
        let ingest = Ingest::start(4, &deployment.token, &[&node.url]);
        let house = Self { server, deployment, node, receiver, ingest };
        house.is_accepting().await;
        house
    }

    /// Waits until some more are acknowledged.
    async fn is_accepting(&self) {
        let before = self.ingest.acknowledged();
        until("events are acknowledged", async || self.ingest.acknowledged() > before + 20).await;
    }

    async fn sql(&self) -> PgConnection {
        PgConnection::connect(&self.server.url()).await.unwrap()
    }

    /// Nothing that was acknowledged is lost; returns how many arrivals were repetitions.
    async fn close(self) -> usize {
        let Self { server: _server, deployment: _deployment, node, receiver, ingest } = self;
        let report = ingest.stop().await;
        let repeated = all_arrive(&receiver, &report.acknowledged).await;
        node.settled(&report.acknowledged).await;
        println!(
            "{} events acknowledged, {} refused meanwhile, {} calls broken; slowest answer {:?}; {repeated} arrivals repeated",
            report.acknowledged.len(),
            report.count(503),
            report.broken,
            report.slowest
        );
        assert!(report.slowest < PROMPT, "{:?}", report.slowest);
        assert_eq!(report.broken, 0, "every call is answered");
        assert!(node.stop().await.success());
        repeated
    }
}

/// The node says what it can do, and what it cannot.
async fn says_that_the_database_is_away(node: &Node) {
    let answer = node.enqueue(1_000_000).await;
    answer.is_unavailable();
    assert!(answer.took < PROMPT, "{:?}", answer.took);
    node.get("/readyz").await.is_unavailable();
    assert_eq!(node.get("/healthz").await.status, 200);
}

async fn sessions_that_listen(sql: &mut PgConnection) -> i64 {
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    sqlx::query_scalar(listening).fetch_one(sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_is_survived() {
    let house = House::open().await;
    house.server.stop().unwrap();
    says_that_the_database_is_away(&house.node).await;
    house.server.resume().unwrap();
    house.is_accepting().await;
    until("it is ready again", async || house.node.get("/readyz").await.status == 200).await;
    let mut sql = house.sql().await;
    until("it listens again", async || sessions_that_listen(&mut sql).await == 1).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_survived() {
    let house = House::open().await;
    house.server.freeze().unwrap();
    says_that_the_database_is_away(&house.node).await;
    house.server.thaw().unwrap();
    house.is_accepting().await;
    until("it is ready again", async || house.node.get("/readyz").await.status == 200).await;
    house.close().await;
}

/// Nobody could say that he was alive: that is no reason to take over what others hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_outage_makes_nobody_dead() {
    let house = House::open().await;
    let other = house.deployment.start().await;
    house.ingest.direct(&[&house.node.url, &other.url]);
    house.is_accepting().await;
    house.server.freeze().unwrap();
    // Longer than a node may be silent.
    tokio::time::sleep(Duration::from_secs(17)).await;
    house.server.thaw().unwrap();
    house.is_accepting().await;
    // Longer than it takes to look for the dead.
    tokio::time::sleep(Duration::from_secs(8)).await;
    for node in [&house.node, &other] {
        assert!(!node.log().contains("took this node for dead"), "{}", node.log());
    }
    house.ingest.direct(&[&house.node.url]);
    house.is_accepting().await;
    assert!(other.stop().await.success());
    assert_eq!(house.close().await, 0, "arrived twice");
}

/// Also those whose commit was on its way: a repetition under the same key says that the event
/// was accepted, so it has to be delivered.
#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_lose_nothing() {
    let house = House::open().await;
    let mut sql = house.sql().await;
    let mut cut = 0;
    for _ in 0..60 {
        let all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'stayhook' AND pid <> pg_backend_pid()";
        cut += sqlx::query_scalar::<_, i64>(all).fetch_one(&mut sql).await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    println!("{cut} connections cut");
    assert!(cut > 60, "too little happened: {cut}");
    house.is_accepting().await;
    house.close().await;
}

/// A standby that took its place, or a disk that is full: the sessions go on, and take no writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_left_for_one_that_does() {
    let house = House::open().await;
    let mut sql = house.sql().await;
    sqlx::raw_sql("ALTER ROLE stayhook SET default_transaction_read_only = on")
        .execute(&mut sql)
        .await
        .unwrap();
    // Only when that is committed: a session that is opened before does not know of it.
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'stayhook' AND pid <> pg_backend_pid()";
    sqlx::raw_sql(end_all).execute(&mut sql).await.unwrap();
    until("ingest is refused", async || house.node.enqueue(1_000_000).await.status == 503).await;
    house.node.get("/readyz").await.is_unavailable();
    // Sessions that were opened meanwhile stay as they are: they have to be given up.
    sqlx::raw_sql("ALTER ROLE stayhook SET default_transaction_read_only = off")
        .execute(&mut sql)
        .await
        .unwrap();
    house.is_accepting().await;
    house.close().await;
}
