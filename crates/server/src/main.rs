//! Stayhook delivers webhooks: every event accepted is signed and sent until its receiver
//! accepts it, its owner calls it off, or nobody keeps it any longer.
//!
//! This crate is the binary: command line, configuration, lifecycle. It alone reads the
//! environment, the wall clock and the randomness of the operating system.

mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod database;
mod demo;
mod http_server;
mod node;
mod outcome;
mod received;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;
use outcome::{Answer, Outcome, Trouble, complain};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(trouble) => {
            complain(&format!("stayhook: {trouble}"));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Outcome {
    telemetry::start(&cli.log, cli.command.default_log())?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Trouble::new(format!("the runtime cannot start: {error}")))?;
    let outcome = runtime.block_on(cli.command.run());
    // Whatever still runs now has had its time.
    runtime.shutdown_background();
    outcome
}
