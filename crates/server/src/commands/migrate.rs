//! `stayhook migrate`

use crate::config::ConfigArgs;
use crate::database;
use crate::outcome::{Answer, Outcome, say};

/// Apply migrations to the database, made where there is none, and exit
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let config = args.config.load(Vec::new())?;
    database::beside(&config, async |_| Ok(())).await?;
    say(&format!("{} is up to date", config.database));
    Ok(Answer::Yes)
}
