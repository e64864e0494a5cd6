//! Whether what is stored already costs anything: the same runs on a database with millions of
//! delivered events, or of held ones, beside runs on an empty one, in turn.

mod postgres;
mod sqlite;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::callers::{self, Load};
use crate::receiver::Receiver;
use crate::report::{self, Compared};
use crate::server::{Home, Server};

/// What to find there, and how often to measure.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Events that were delivered, over [`DAYS`].
    pub(crate) delivered: usize,
    /// Events that one paused webhook holds.
    pub(crate) held: usize,
    pub(crate) webhooks: usize,
    pub(crate) runs: usize,
    pub(crate) batch: usize,
    pub(crate) on_postgres: bool,
}

/// The days of the stored events, up to now.
const DAYS: usize = 10;
const DAY: u64 = 86_400_000;
const CALLERS: usize = 32;
/// Deliveries in one run.
const EVENTS: usize = 60_000;
/// Before each run, so that statements are prepared and windows are open.
const WARM_UP: usize = 5_000;
/// How long latency is measured in each run, at 100 events per second.
const PACED: Duration = Duration::from_secs(5);

pub(crate) async fn bench(plan: Plan) {
    let receiver = Receiver::start().await;
    let full = Arc::new(Home::create(plan.on_postgres));
    let server = Server::serve(&full, plan.webhooks);
    server.register(&receiver, plan.webhooks).await;
    let paused = server.pause_one(&receiver).await;
    server.stop().await;
    let began = Instant::now();
    if plan.on_postgres {
        postgres::fill(&full.database, plan, paused).await;
    } else {
        sqlite::fill(&full.file(), plan, paused);
    }
    eprintln!("filled in {:.0} s", began.elapsed().as_secs_f64());

    let mut pairs = Vec::new();
    for number in 1..=plan.runs {
        let empty = Arc::new(Home::create(plan.on_postgres));
        let server = Server::serve(&empty, plan.webhooks);
        server.register(&receiver, plan.webhooks).await;
        // Whoever comes first finds the machine as the other one left it: they take turns.
        let (beside, with) = if number % 2 == 0 {
            let beside = run(server, &receiver, plan, &empty).await;
            (beside, run(Server::serve(&full, plan.webhooks), &receiver, plan, &full).await)
        } else {
            server.stop().await;
            let with = run(Server::serve(&full, plan.webhooks), &receiver, plan, &full).await;
            (run(Server::serve(&empty, plan.webhooks), &receiver, plan, &empty).await, with)
        };
        eprintln!("run {number} of {}: {:.0} deliveries/s, empty {:.0}", plan.runs, with.rate, beside.rate);
        pairs.push(Compared { empty: beside, full: with });
    }
    report::compare(&title(plan), &pairs);
}

fn title(plan: Plan) -> String {
    let database = if plan.on_postgres { "PostgreSQL" } else { "SQLite" };
    let Plan { delivered, held, webhooks, batch, .. } = plan;
    format!(
        "{database}, {webhooks} webhooks, {batch} a call, after {delivered} delivered and {held} held events"
    )
}

/// One run, and what it cost.
async fn run(server: Server, receiver: &Receiver, plan: Plan, home: &Home) -> report::Run {
    let load = |events| Load { server: &server, callers: CALLERS, events, batch: plan.batch };
    deliver(receiver, load(WARM_UP)).await;
    let (written, cpu, of_database) =
        (Written::look(home, &server).await, server.cpu(), server.database_cpu());
    let clock = Instant::now();
    deliver(receiver, load(EVENTS)).await;
    let took = clock.elapsed();
    let (cpu, of_database) = (server.cpu() - cpu, server.database_cpu() - of_database);
    let written = Written::look(home, &server).await.since(&written);
    let latencies = callers::paced(&server, receiver, 100, PACED).await;
    server.stop().await;
    let each = |total: f64| total / EVENTS as f64;
    report::Run {
        rate: EVENTS as f64 / took.as_secs_f64(),
        cpu: each(cpu.as_secs_f64() * 1e6),
        database_cpu: each(of_database.as_secs_f64() * 1e6),
        stored: each(written.stored as f64),
        logged: each(written.logged as f64),
        latencies,
    }
}

async fn deliver(receiver: &Receiver, load: Load<'_>) {
    let (began, events) = (receiver.count(), load.events);
    callers::enqueue(load).await;
    receiver.wait_until(began + events, Duration::from_secs(120)).await;
}

/// Bytes in the database, and bytes that were written for them: through PostgreSQL's log, and
/// by SQLite to its log and its file.
struct Written {
    stored: u64,
    logged: u64,
}

impl Written {
    async fn look(home: &Home, server: &Server) -> Self {
        if home.on_postgres {
            return postgres::written(&home.database).await;
        }
        Self { stored: sqlite::stored(&home.file()), logged: server.written() }
    }

    fn since(self, before: &Self) -> Self {
        let grown = |now: u64, then: u64| now.saturating_sub(then);
        Self { stored: grown(self.stored, before.stored), logged: grown(self.logged, before.logged) }
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
