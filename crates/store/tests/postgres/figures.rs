//! Figures, by command: `cargo test -p stayhook-store --test postgres -- --ignored --nocapture figures`.

use std::time::Instant;

use stayhook_core::{Span, UnixMs};
use stayhook_store::{Claim, Store};

use crate::support::*;

/// What one claim costs on average, in milliseconds, and how many deliveries it takes.
async fn claim(node: &impl Store, now: UnixMs) -> String {
    let (began, mut taken, mut after) = (Instant::now(), 0, None);
    for _ in 0..10 {
        let claim = Claim { now, lease: Span::seconds(45), lanes: 64, per_lane: 8, skip: vec![], after };
        let claimed = node.claim(claim).await.unwrap();
        taken += claimed.due.len();
        after = claimed.last;
    }
    format!("{:.1} ms for {} deliveries", began.elapsed().as_secs_f64() * 100.0, taken / 10)
}

/// Lanes of `lanes` webhooks without registration, and so many rows that wait in each, due then.
async fn fill(house: &mut House, client: &str, first: i64, lanes: i64, rows: i64, due: i64) {
    let lanes_of = format!(
        "INSERT INTO stayhook.lanes (webhook_id, client, held, due_at)
        SELECT i, '{client}', false, {due} FROM generate_series({first}::bigint, {first} + {lanes} - 1) i"
    );
    let rows_of = format!(
        "INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps)
        SELECT i, e.id, {due}, 0, 0 FROM generate_series({first}::bigint, {first} + {lanes} - 1) i,
            LATERAL (SELECT gen_random_uuid() AS id FROM generate_series(1, {rows} + i * 0)) e"
    );
    for statement in [lanes_of, rows_of] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut house.sql).await.unwrap();
    }
    house.run("ANALYZE stayhook.lanes").await;
    house.run("ANALYZE stayhook.pending").await;
}

#[tokio::test]
#[ignore = "a measurement of a minute"]
async fn figures_of_claims() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    fill(&mut house, "large", 1_000, 10_000, 20, 0).await;
    fill(&mut house, "small", 500, 1, 1, 1).await;
    println!("10,000 due lanes of one client and 1 of another: {}", claim(&node, now).await);
    let left =
        house.number("SELECT count(*) FROM stayhook.pending WHERE webhook_id = 500 AND due_at = 1").await;
    println!("left of the other one after ten claims: {left}");
    fill(&mut house, "waiting", 100_000, 90_000, 20, 4_000_000_000_000).await;
    println!("beside 2 million pending rows: {}", claim(&node, now).await);
    house
        .run(
            "INSERT INTO stayhook.pending (webhook_id, event_id, due_at, attempts, steps, booking, seq, parked_due)
            SELECT 1000, gen_random_uuid(), 9223372036854775807, 0, 0, '1', i, 0 FROM generate_series(1, 100000) i",
        )
        .await;
    println!("beside 100,000 parked ones of a webhook that is due: {}", claim(&node, now).await);
}
