//! `stayhook demo`

use crate::config::{Config, Database};
use crate::demo::{Manners, Screen, play};
use crate::outcome::{Answer, Outcome, Trouble, complain};

/// Shows the main job, end to end, on this machine alone: registers webhooks, reports 240 real
/// booking events, delivers them to receivers that verify every signature, one of which fails for a
/// while and one redirects, and takes a tally. Needs no set-up and takes about 15 seconds. Exits 0
/// only if every event that should arrive did, with a good signature; else 1.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Database to use instead of a temporary one: sqlite://PATH of a file that does not exist yet,
    /// or postgres://… of an empty database
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let database = args.database.map(database).transpose()?;
    let mut screen = Screen::stdout(manners());
    tokio::select! {
        answer = play(database, &mut screen) => answer,
        _ = tokio::signal::ctrl_c() => {
            drop(screen);
            complain("stayhook demo: interrupted");
            Ok(Answer::No)
        }
    }
}

/// The database of that URL.
fn database(url: String) -> Result<Database, Trouble> {
    Ok(Config::database_of("--database", url)?)
}

/// What users ask of every program that draws on their terminal.
fn manners() -> Manners {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    Manners { no_colour: set("NO_COLOR").is_some(), dumb: set("TERM").is_some_and(|term| term == "dumb") }
}
