//! The real binary under load, beside a bare client that makes the same posts without it.
//!
//! `cargo bench --bench deliver` builds and starts `stayhook serve` on a temporary SQLite
//! database, a receiver and the callers, all on this machine's cores, and prints deliveries
//! per second, the server's CPU per delivery, its memory, and the time from the start of the
//! enqueue call to arrival at 100 events per second. `-- --runs N` changes how often the
//! throughput is measured, `-- --batch N` how many events go in one call, `-- --fanout N` to how
//! many webhooks each event goes, `-- --postgres` takes a throw-away PostgreSQL instead of SQLite.
//!
//! `-- --history N` compares the same runs on a database with N delivered events and on an
//! empty one, `-- --held N` on one with N events that a paused webhook holds (`--webhooks N`
//! changes how many webhooks there are besides).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on stops")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod callers;
mod history;
mod receiver;
mod report;
mod server;

use std::time::Duration;

use callers::Load;
use receiver::Receiver;
use report::{Row, report};
use server::Server;

const WEBHOOKS: usize = 20;
const CALLERS: usize = 32;
/// Deliveries in one run.
const EVENTS: usize = 60_000;

fn main() {
    let flag = |name: &str| {
        let mut arguments = std::env::args().skip_while(|it| it != name).skip(1);
        arguments.next().map(|it| it.parse::<usize>().expect("a number"))
    };
    let runs = flag("--runs").unwrap_or(5);
    let batch = flag("--batch").unwrap_or(1);
    let fanout = flag("--fanout").unwrap_or(1);
    let on_postgres = std::env::args().any(|it| it == "--postgres");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (delivered, held) = (flag("--history").unwrap_or(0), flag("--held").unwrap_or(0));
    if delivered + held > 0 {
        let webhooks = flag("--webhooks").unwrap_or(WEBHOOKS);
        let plan = history::Plan { delivered, held, webhooks, runs, batch, on_postgres };
        return runtime.block_on(history::bench(plan));
    }
    runtime.block_on(bench(runs, batch, fanout, on_postgres));
}

async fn bench(runs: usize, batch: usize, fanout: usize, on_postgres: bool) {
    let receiver = Receiver::start().await;
    let mut bare = Vec::new();
    let mut whole = Vec::new();
    for run in 1..=runs {
        let began = receiver.count();
        let took = callers::bare(&receiver.address(), CALLERS, EVENTS).await;
        assert_eq!(receiver.count() - began, EVENTS);
        bare.push(Row::new(EVENTS, took, None, None));

        let server = Server::start(&receiver, WEBHOOKS, fanout, on_postgres).await;
        let load = Load { server: &server, callers: CALLERS, events: EVENTS / fanout, batch };
        let began = receiver.count();
        let (cpu, clock) = (server.cpu(), std::time::Instant::now());
        callers::enqueue(load).await;
        receiver.wait_until(began + EVENTS / fanout * fanout, Duration::from_secs(60)).await;
        let took = clock.elapsed();
        whole.push(Row::new(EVENTS, took, Some(server.cpu() - cpu), Some(server.memory())));
        eprintln!("run {run} of {runs}: {}", whole[whole.len() - 1]);
        server.stop().await;
    }
    let server = Server::start(&receiver, WEBHOOKS, fanout, on_postgres).await;
    let latencies = callers::paced(&server, &receiver, 100, Duration::from_secs(15)).await;
    server.stop().await;
    report(&title(on_postgres, batch, fanout), &bare, &whole, &latencies);
}

fn title(on_postgres: bool, batch: usize, fanout: usize) -> String {
    let database = if on_postgres { "PostgreSQL" } else { "SQLite" };
    format!("{database}, {batch} a call, fan-out {fanout}: deliveries/s")
}
