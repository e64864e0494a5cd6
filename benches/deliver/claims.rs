//! What a claim costs on PostgreSQL beside a client with 10,000 due webhooks, and beside millions of
//! deliveries that wait (`--claims ROUNDS`).

use std::time::Instant;

use sqlx::{Connection as _, PgConnection};
use stayhook_core::{Span, UnixMs};
use stayhook_store::{Claim, Keyring, PostgresOptions, PostgresStore, Store as _, Timing};
use stayhook_testkit::Postgres;

use crate::report;

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const NOW: UnixMs = UnixMs(1_779_900_000_000);

/// Webhooks without registration, and deliveries that wait for each, due then.
struct Lanes {
    client: &'static str,
    first: i64,
    webhooks: i64,
    each: i64,
    due: i64,
}

pub(crate) async fn bench(rounds: usize) {
    let database = Postgres::create().unwrap();
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    let (url, keyring) = (database.url().to_owned(), Keyring::parse(KEY).unwrap());
    let options =
        PostgresOptions { url, keyring, migrate: true, node: "bench".to_owned(), timing: Timing::Caller };
    let store = PostgresStore::open(options).await.unwrap();
    fill(&mut sql, Lanes { client: "large", first: 1_000, webhooks: 10_000, each: 20, due: 0 }).await;
    fill(&mut sql, Lanes { client: "small", first: 500, webhooks: 1, each: 1, due: 1 }).await;
    let (due, turn) = claims(&store, rounds).await;
    let waiting = NOW.after(Span::days(1)).0;
    fill(&mut sql, Lanes { client: "waiting", first: 100_000, webhooks: 90_000, each: 20, due: waiting })
        .await;
    let (beside, _) = claims(&store, rounds).await;
    report::figures(
        "PostgreSQL: one claim of 64 × 8, ms",
        &[("10,000 due webhooks of one client", &due), ("beside 2 million deliveries that wait", &beside)],
    );
    match turn {
        Some(turn) => println!("the only webhook of another client had its turn in claim {turn}"),
        None => println!("the only webhook of another client had no turn in {rounds} claims"),
    }
}

async fn fill(sql: &mut PgConnection, lanes: Lanes) {
    let Lanes { client, first, webhooks, each, due } = lanes;
    let lanes_of = format!(
        "INSERT INTO stayhook.lanes (webhook_id, client, held, due_at)
        SELECT i, '{client}', false, {due} FROM generate_series({first}::bigint, {first} + {webhooks} - 1) i"
    );
    let rows_of = format!(
        "INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps)
        SELECT i, e.id, {due}, 0, 0 FROM generate_series({first}::bigint, {first} + {webhooks} - 1) i,
            LATERAL (SELECT gen_random_uuid() AS id FROM generate_series(1, {each} + i * 0)) e"
    );
    for statement in [lanes_of, rows_of] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *sql).await.unwrap();
    }
    sqlx::raw_sql("ANALYZE stayhook.lanes, stayhook.pending").execute(sql).await.unwrap();
}

/// Milliseconds for each claim, and which of them was the first that left nothing of the small client.
async fn claims(store: &PostgresStore, rounds: usize) -> (Vec<f64>, Option<usize>) {
    let (mut took, mut turn, mut after) = (Vec::new(), None, None);
    for round in 1..=rounds {
        let began = Instant::now();
        let claim =
            Claim { now: NOW, lease: Span::hours(1), lanes: 64, per_lane: 8, skip: Vec::new(), after };
        let claimed = store.claim(claim).await.unwrap();
        took.push(began.elapsed().as_secs_f64() * 1e3);
        after = claimed.last;
        if turn.is_none() && claimed.due.iter().any(|it| it.webhook.0 == 500) {
            turn = Some(round);
        }
    }
    (took, turn)
}
