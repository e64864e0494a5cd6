//! Proof by simulation: the real engine on a simulated clock, network and store. A seed decides
//! what happens; a checker that knows the rules of delivery (CONTRACT, section 7), and nothing
//! of the engine, reads the history. docs/reliability.md says how to replay one.

#![allow(clippy::unwrap_used, reason = "a simulation that cannot go on has failed")]

mod calls;
mod clock;
mod database;
mod dice;
mod history;
mod network;
mod node;
mod plan;
mod receivers;
mod rng;
mod watched;
mod world;

use plan::{Ground, Plan};

#[test]
fn probe() {
    let from: u64 = 1;
    let begun = std::time::Instant::now();
    let (mut entries, mut moves, mut sent) = (0, 0, 0);
    for seed in from..from + 50 {
        let plan = Plan::of(seed, Ground::Shared);
        let at = std::time::Instant::now();
        let outcome = world::run(&plan);
        entries += outcome.history.len();
        moves += outcome.moves.len();
        let s = outcome.history.iter().filter(|it| matches!(it.what, history::What::Sent(_))).count();
        sent += s;
        println!(
            "seed {seed}: steps {} nodes {} {} entries, {} moves, {s} sent, {:?}",
            plan.steps.len(),
            plan.settings.nodes,
            outcome.history.len(),
            outcome.moves.len(),
            at.elapsed()
        );
    }
    println!("{entries} entries {moves} moves {sent} sent {:?}", begun.elapsed());
}
