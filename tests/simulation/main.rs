//! Proof by simulation: the real engine on a simulated clock, network and store. A seed decides
//! what happens; a checker that knows the rules of delivery (CONTRACT, section 7), and nothing
//! of the engine, reads the history. docs/reliability.md says how to replay one.

#![allow(clippy::unwrap_used, reason = "a simulation that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "which seeds to run is said in the environment")]

mod calls;
mod checker;
mod clock;
mod database;
mod dice;
mod history;
mod network;
mod node;
mod plan;
mod profiles;
mod receivers;
mod report;
mod rng;
mod shrink;
mod watched;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use database::Database;
use plan::{Ground, Plan};
use report::{outline, report, tale};
use shrink::{Failure, failure, shrink};

/// So many seeds are simulated unless the environment says otherwise.
const SEEDS: u64 = 2_000;
/// So many on each real database.
const SEEDS_ON_DATABASES: u64 = 20;

/// `SEED` for one of them, `SEEDS` for so many, `FROM` for where they begin.
fn seeds(default: u64) -> Range<u64> {
    let number = |name| std::env::var(name).ok().map(|it| it.parse().unwrap());
    if let Some(seed) = number("SEED") {
        return seed..seed + 1;
    }
    let from = number("FROM").unwrap_or(1);
    from..from + number("SEEDS").unwrap_or(default)
}

#[test]
fn every_seed_keeps_the_rules() {
    let seeds = seeds(SEEDS);
    let begun = Instant::now();
    let failures = Mutex::new(BTreeMap::<&str, (u64, Failure)>::new());
    let (next, total) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let Some(failed) = failure(&Plan::of(seed, Ground::Shared)) else { continue };
                    total.fetch_add(1, Ordering::Relaxed);
                    let mut failures = failures.lock().unwrap();
                    let (count, _) = failures.entry(failed.violation.rule).or_insert((0, failed));
                    *count += 1;
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} seeds in {:.1?}", seeds.end - seeds.start, begun.elapsed());
    let most = std::env::var("SHOW").ok().map_or(1, |it| it.parse().unwrap());
    let kinds: Vec<String> = failures
        .iter()
        .map(|(rule, (count, it))| format!("{count} seeds break {rule}, such as {}", it.plan.seed))
        .collect();
    let told: Vec<String> =
        failures.into_values().take(most).map(|(_, failed)| report(&shrink(failed))).collect();
    assert!(kinds.is_empty(), "{}\n\n{}", kinds.join("\n"), told.join("\n\n"));
}

#[test]
fn a_seed_gives_the_same_history_twice() {
    for seed in seeds(40) {
        let plan = Plan::of(seed, Ground::Shared);
        let [first, second] = [0, 1].map(|_| world::run(&plan));
        assert_same(seed, &outline(&first.history), &outline(&second.history));
        assert!(first.moves == second.moves, "seed {seed}: time moved otherwise");
    }
}

/// Prints what `SEED` stands for and what comes of it, as it is compared with a database where
/// `ON` names one (`sqlite`, `postgres`).
#[test]
#[ignore = "shows a seed: SEED=7 ON=model cargo test -p stayhook-simulation tell -- --ignored --nocapture"]
fn tell() {
    let on = std::env::var("ON").ok();
    for seed in seeds(1) {
        let plan = Plan::of(seed, if on.is_some() { Ground::Alone } else { Ground::Shared });
        let model = world::run(&plan);
        let database = match on.as_deref() {
            Some("sqlite") => Database::sqlite(),
            Some("postgres") => Database::postgres(),
            _ => {
                println!("{}", tale(&plan, &model.history));
                continue;
            }
        };
        let real = world::run_on(&plan, Some(database), Some(model.moves));
        println!("{}", tale(&plan, &real.history));
    }
}

/// Everything that can be seen from outside is the same on SQLite as on the model.
#[test]
fn sqlite_has_the_same_history_as_the_model() {
    for seed in seeds(SEEDS_ON_DATABASES) {
        compare(seed, Database::sqlite());
    }
}

/// The same on PostgreSQL.
#[test]
fn postgres_has_the_same_history_as_the_model() {
    for seed in seeds(SEEDS_ON_DATABASES) {
        compare(seed, Database::postgres());
    }
}

fn compare(seed: u64, database: Database) {
    let plan = Plan::of(seed, Ground::Alone);
    let model = world::run(&plan);
    let real = world::run_on(&plan, Some(database), Some(model.moves));
    assert_same(seed, &outline(&model.history), &outline(&real.history));
}

/// So many lines around a difference are shown.
const SHOWN: usize = 30;

fn assert_same(seed: u64, expected: &[String], found: &[String]) {
    let differs = expected.iter().zip(found).position(|(a, b)| a != b);
    let differs = differs.or((expected.len() != found.len()).then(|| expected.len().min(found.len())));
    if let Some(at) = differs {
        let around =
            |lines: &[String]| lines[at.saturating_sub(SHOWN)..lines.len().min(at + SHOWN)].join("\n  ");
        panic!("seed {seed}, entry {at}: expected\n  {}\nfound\n  {}", around(expected), around(found));
    }
}
