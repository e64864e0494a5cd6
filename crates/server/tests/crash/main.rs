//! The real executable, killed with SIGKILL at random moments while it accepts and delivers:
//! nothing acknowledged is lost, and what arrives twice was in flight at a kill.
//!
//! `cargo test -p stayhook --test crash` kills a few times; to kill as often as you like:
//! `cargo test --release -p stayhook --test crash -- --kills 1000`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "the test measures time, and a fault of its own may end it"
)]

mod process;
mod producers;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use process::{Deployment, Server};
use producers::{Calls, Producers};
use rand::RngExt as _;
use serde_json::Value;
use stayhook_testkit::{Postgres, Receiver, Reply};

/// Attempts in flight of the server at most.
const CONCURRENCY: usize = 16;
const DEFAULT_KILLS: usize = 6;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip_while(|it| it != "--kills").skip(1);
    let kills = arguments.next().map_or(DEFAULT_KILLS, |it| it.parse().expect("--kills takes a number"));
    one_node_on_sqlite(kills).await;
    two_nodes_on_postgres(kills).await;
    println!("2 passed, 0 failed");
}

async fn one_node_on_sqlite(kills: usize) {
    let mut deployment = Deployment::on_sqlite(CONCURRENCY);
    let server = deployment.start().await;
    story("one node on SQLite", &mut deployment, vec![server], kills).await;
}

/// One of the two is killed each time; the other goes on, and takes over what the dead one
/// held unless that one comes back first and does it itself.
async fn two_nodes_on_postgres(kills: usize) {
    let database = Postgres::create().unwrap();
    let mut deployment = Deployment::on_postgres(CONCURRENCY, database.url());
    let servers = vec![deployment.start().await, deployment.start().await];
    story("two nodes on PostgreSQL", &mut deployment, servers, kills).await;
}

async fn story(name: &str, deployment: &mut Deployment, mut servers: Vec<Server>, kills: usize) {
    let seed: u64 = rand::rng().random();
    println!("{name}: killing {kills} times, seed {seed}");
    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_millis(4)));
    servers[0].register(&receiver.url("/1"), 1).await;
    servers[0].register(&receiver.url("/2"), 2).await;
    let mut dice: rand::rngs::StdRng = rand::SeedableRng::seed_from_u64(seed);
    let producers = Producers::default();
    for kill in 1..=kills {
        let calls: Vec<Calls> = servers.iter().map(|server| producers.start(server)).collect();
        tokio::time::sleep(Duration::from_millis(dice.random_range(20..400))).await;
        let victim = dice.random_range(0..servers.len());
        servers.swap_remove(victim).kill();
        for calls in calls {
            calls.stop().await;
        }
        if kill % 50 == 0 {
            println!("{kill} kills, {} events acknowledged", producers.acknowledged().len());
        }
        servers.push(deployment.start().await);
    }
    let acknowledged = producers.acknowledged();
    wait_until_settled(&servers[0], &acknowledged).await;
    let arrived = arrivals(&receiver);
    let repeated = check_arrivals(kills, &acknowledged, &arrived);
    check_records(&servers[0], &repeated).await;
    for server in servers {
        server.stop().await;
    }
}

/// Waits until every acknowledged event is delivered by its record, also what a dead node
/// held: that is taken over after 15 seconds of silence.
async fn wait_until_settled(server: &Server, acknowledged: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    for event in acknowledged {
        while server.delivery(event).await["status"] != "delivered" {
            assert!(Instant::now() < deadline, "{event} is not delivered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How often each event arrived.
fn arrivals(receiver: &Receiver) -> HashMap<String, usize> {
    let mut arrived = HashMap::new();
    for request in receiver.requests() {
        let event = request.header("nowistay-webhook-event-id").unwrap().to_owned();
        *arrived.entry(event).or_insert(0) += 1;
    }
    arrived
}

/// Checks that everything arrived, and little of it twice. Returns what did.
fn check_arrivals(kills: usize, acknowledged: &[String], arrived: &HashMap<String, usize>) -> Vec<String> {
    assert!(acknowledged.len() > kills, "too little happened: {} events", acknowledged.len());
    let lost = acknowledged.iter().filter(|it| !arrived.contains_key(*it)).count();
    assert_eq!(lost, 0, "of {} acknowledged events are lost", acknowledged.len());
    let repetitions: usize = arrived.values().map(|times| times - 1).sum();
    // In flight, and finished but not yet written.
    let bound = kills * CONCURRENCY * 2;
    println!(
        "{} events acknowledged, all arrived; {repetitions} arrivals were repetitions (at most {bound} could be)",
        acknowledged.len()
    );
    assert!(repetitions <= bound, "{repetitions} repetitions are more than could be in flight");
    let acknowledged: HashSet<&String> = acknowledged.iter().collect();
    let twice = arrived.iter().filter(|(event, times)| **times > 1 && acknowledged.contains(event));
    twice.map(|(event, _)| event.clone()).collect()
}

/// What was sent twice bears the mark of the interruption.
async fn check_records(server: &Server, repeated: &[String]) {
    for event in repeated {
        let delivery = server.delivery(event).await;
        let attempts = server.attempts(&delivery).await;
        let interrupted = |it: &Value| it["error"].as_str().is_some_and(|it| it.starts_with("interrupted"));
        assert!(attempts.as_array().unwrap().iter().any(interrupted), "{event}: {attempts}");
    }
}
