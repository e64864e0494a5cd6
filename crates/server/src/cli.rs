//! The command line: which commands there are. Each has a file under `commands/`.

use clap::{Parser, Subcommand};

use crate::commands::{check_url, copy, demo, listen, migrate, profile, rekey, send, serve, token, verify};
use crate::outcome::Outcome;
use crate::telemetry::LogArgs;

/// Delivers webhooks: signed, retried, never lost.
#[derive(Parser)]
#[command(name = "stayhook", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What to do; the documentation of its options is what `--help` prints.
#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
    /// Show the main job end to end, without any set-up
    Demo(demo::Args),
    Migrate(migrate::Args),
    Copy(copy::Args),
    Rekey(rekey::Args),
    /// Look after wire profiles
    #[command(subcommand)]
    Profile(profile::Command),
    /// Create, list and revoke API tokens
    #[command(subcommand)]
    Token(token::Command),
    Send(send::Args),
    Listen(listen::Args),
    CheckUrl(check_url::Args),
    Verify(verify::Args),
}

impl Command {
    /// The log level where none is asked for: a server tells what it does, a tool does not.
    pub(crate) fn default_log(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            _ => "warn",
        }
    }

    /// Does it.
    pub(crate) async fn run(self) -> Outcome {
        match self {
            Self::Serve(args) => serve::run(args).await,
            Self::Demo(args) => demo::run(args).await,
            Self::Migrate(args) => migrate::run(args).await,
            Self::Copy(args) => copy::run(args).await,
            Self::Rekey(args) => rekey::run(args).await,
            Self::Profile(command) => profile::run(command),
            Self::Token(command) => token::run(command).await,
            Self::Send(args) => send::run(args).await,
            Self::Listen(args) => listen::run(args).await,
            Self::CheckUrl(args) => check_url::run(args).await,
            Self::Verify(args) => verify::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
