//! `stayhook profile`: looks after wire profiles.

mod preview;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use stayhook_profile::{Profile, Profiles};

use super::read_input;
use crate::config::{Config, ConfigArgs};
use crate::outcome::{Answer, Outcome, Trouble, say};

#[derive(Subcommand)]
pub(crate) enum Command {
    Check(Check),
    Show(Show),
    Preview(preview::Args),
}

/// Read a profile, and say what is wrong with it
///
/// FILE holds one profile, or a configuration with tables below `profiles`.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// The file; - for stdin
    file: PathBuf,
}

/// Print a profile with everything that it builds on, as TOML
#[derive(clap::Args)]
pub(crate) struct Show {
    /// Its name
    name: String,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) fn run(command: Command) -> Outcome {
    match command {
        Command::Check(args) => check(&args.file),
        Command::Show(args) => {
            let profile = find(&args.config.load(Vec::new())?, &args.name)?;
            say(profile.show().trim_end());
            Ok(Answer::Yes)
        }
        Command::Preview(args) => preview::run(&args),
    }
}

fn check(file: &Path) -> Outcome {
    let bytes = read_input(file)?;
    let shown = file.display().to_string();
    let text = String::from_utf8(bytes).map_err(|_| Trouble::new(format!("{shown}: is not valid UTF-8")))?;
    // The name of one profile that stands at the top is the file's.
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.filter(|stem| stem != "-").unwrap_or_else(|| "profile".to_owned());
    let (_, names) =
        Profiles::read_file(&shown, &stem, &text).map_err(|error| Trouble::new(error.to_string()))?;
    say(&format!("{shown}: {}", told(&names)));
    Ok(Answer::Yes)
}

fn told(names: &[String]) -> String {
    match names {
        [] => "holds no profile".to_owned(),
        [name] => format!("the profile {name} is right"),
        names => format!("the profiles {} are right", names.join(", ")),
    }
}

/// A profile of the configuration, or a built-in one.
fn find(config: &Config, name: &str) -> Result<Arc<Profile>, Trouble> {
    let profiles = config.wire_profiles().map_err(|(key, what)| Trouble::new(format!("{key}: {what}")))?;
    profiles.find(name).cloned().map_err(|words| Trouble::new(format!("NAME: {words}")))
}
