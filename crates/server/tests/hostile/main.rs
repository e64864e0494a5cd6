//! Two hundred hostile receivers at once against the real executable: each is bounded in time and memory,
//! and none of them is felt by another webhook.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests measure time, and a fault of theirs may end them"
)]

mod bomb;
mod house;
#[path = "../served/mod.rs"]
#[allow(dead_code, reason = "shared: each test uses a part of it")]
mod served;
mod zoo;

use std::time::Duration;

use house::House;
use serde_json::Value;
use stayhook_core::UnixMs;
use zoo::Zoo;

const HOSTILE: usize = 200;
const HEALTHY: usize = 5;

/// One attempt, and a second for everything around it.
const LONGEST_MS: u64 = 11_000;

/// How long an event may take to a healthy receiver: less than a third of what it would take behind one
/// hostile attempt. Not tighter, since this build is not optimised, and its machine is busy with attackers.
const LATEST: Duration = Duration::from_secs(3);

/// The retry cap, and a moment for the attempt itself.
const LONGEST_GAP_MS: i64 = 6 * 3_600_000 + 11_000;

const MOST_RESIDENT_KIB: u64 = 100 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_hostile_receivers_are_bounded_and_felt_by_nobody() {
    let zoo = Zoo::open().await;
    let house = House::open(&zoo).await;
    let idle = house.resident_kib();
    let beasts: Vec<_> = zoo.beasts.iter().cycle().take(HOSTILE).collect();
    let mut webhooks = Vec::new();
    for beast in &beasts {
        webhooks.push(house.register(&beast.url).await);
    }
    let healthy = house.register_healthy(HEALTHY).await;
    house.attack(&webhooks).await;
    let latest = house.serve_healthy(&healthy, Duration::from_secs(12)).await;
    for (beast, webhook) in beasts.iter().zip(&webhooks) {
        let delivery = house.tried(webhook).await;
        judge(&beast.name, beast.ends, &delivery);
    }
    let resident = house.resident_kib();
    println!(
        "{HOSTILE} hostile receivers: at most {resident} KiB resident ({idle} KiB when idle), healthy \
         events arrived within {latest:?}"
    );
    assert!(latest < LATEST, "healthy events are {latest:?} late");
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
}

/// Judges the first attempt.
fn judge(name: &str, ends: &[&str], delivery: &Value) {
    let attempt = &delivery["attempts"][0];
    let error = attempt["error"].as_str().unwrap_or("delivered");
    assert!(ends.iter().any(|end| error.starts_with(end)), "{name}: {error}");
    assert!(attempt["durationMs"].as_u64().unwrap() <= LONGEST_MS, "{name}: {attempt}");
    assert!(attempt["responseBody"].as_str().is_none_or(|body| body.chars().count() <= 1024), "{name}");
    if let Some(next) = attempt["nextAttemptAt"].as_str() {
        let at = |text: &str| UnixMs::parse_rfc3339(text).unwrap().0;
        let gap = at(next) - at(attempt["startedAt"].as_str().unwrap());
        assert!((0..=LONGEST_GAP_MS).contains(&gap), "{name}: again after {gap} ms");
    }
}
