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

use std::collections::HashMap;
use std::time::{Duration, Instant};

use process::Deployment;
use producers::Producers;
use rand::RngExt as _;
use stayhook_testkit::{Receiver, Reply};

/// Attempts in flight of the server at most.
const CONCURRENCY: usize = 16;
const DEFAULT_KILLS: usize = 6;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip_while(|it| it != "--kills").skip(1);
    let kills = arguments.next().map_or(DEFAULT_KILLS, |it| it.parse().expect("--kills takes a number"));
    let seed: u64 = rand::rng().random();
    println!("killing {kills} times, seed {seed}");

    let receiver = Receiver::start().await.unwrap();
    receiver.always(Reply::status(200).after(Duration::from_millis(4)));
    let mut deployment = Deployment::create(CONCURRENCY);
    let mut moments: rand::rngs::StdRng = rand::SeedableRng::seed_from_u64(seed);
    let producers = Producers::default();
    let mut server = deployment.start().await;
    server.register(&receiver.url("/1"), 1).await;
    server.register(&receiver.url("/2"), 2).await;
    for kill in 1..=kills {
        let calls = producers.start(&server);
        tokio::time::sleep(Duration::from_millis(moments.random_range(20..400))).await;
        server.kill();
        calls.stop().await;
        if kill % 50 == 0 {
            println!("{kill} kills, {} events acknowledged", producers.acknowledged().len());
        }
        server = deployment.start().await;
    }

    let acknowledged = producers.acknowledged();
    let arrived = wait_for_all(&receiver, &acknowledged).await;
    server.stop().await;
    report(kills, &acknowledged, &arrived);
}

/// How often each event arrived, once all that were acknowledged have.
async fn wait_for_all(receiver: &Receiver, acknowledged: &[String]) -> HashMap<String, usize> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut arrived = HashMap::new();
        for request in receiver.requests() {
            let event = request.header("nowistay-webhook-event-id").unwrap().to_owned();
            *arrived.entry(event).or_insert(0) += 1;
        }
        let missing = acknowledged.iter().filter(|it| !arrived.contains_key(*it)).count();
        if missing == 0 {
            return arrived;
        }
        assert!(
            Instant::now() < deadline,
            "{missing} of {} acknowledged events are lost",
            acknowledged.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn report(kills: usize, acknowledged: &[String], arrived: &HashMap<String, usize>) {
    assert!(acknowledged.len() > kills, "too little happened: {} events", acknowledged.len());
    let repeated: usize = arrived.values().map(|times| times - 1).sum();
    // In flight, and finished but not yet written.
    let bound = kills * CONCURRENCY * 2;
    println!(
        "{} events acknowledged, all arrived; {repeated} arrived again (at most {bound} were in flight at a kill)",
        acknowledged.len()
    );
    assert!(repeated <= bound, "{repeated} repetitions are more than could be in flight");
    println!("1 passed, 0 failed");
}
