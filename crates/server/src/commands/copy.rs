//! `stayhook copy`

use std::path::PathBuf;

use stayhook_core::{Span, UnixMs};
use stayhook_store::{CopyError, CopyOptions, CopyProgress, Counted, Keyring, Place, StoreError, copy};

use crate::clock;
use crate::config::{Config, ConfigArgs, Database};
use crate::database::{check_directory, key_file};
use crate::outcome::{Answer, Outcome, Trouble, complain, say};

/// Move a deployment from one database to another, and compare the counts
///
/// Stop every server first. The source stays as it is. After an interruption, the same command
/// with --resume goes on; until it has finished, no server starts on the target.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The database to copy: sqlite://PATH or postgres://…
    #[arg(long, value_name = "URL", conflicts_with = "database")]
    from: String,

    /// An empty database to copy it to
    #[arg(long, value_name = "URL", conflicts_with = "database")]
    to: String,

    /// Go on with a copy that was begun
    #[arg(long)]
    resume: bool,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let config = args.config.load_apart_from_database()?;
    let from = Config::database_of("--from", args.from)?;
    let to = Config::database_of("--to", args.to)?;
    let key = Key::find(&config, &from, &to)?;
    let options = CopyOptions {
        from: place(&from),
        to: place(&to),
        keyring: key.keyring(&config)?,
        resume: args.resume,
    };
    let mut lines = Lines::default();
    let counted = copy(options, &mut |progress| lines.tell(progress)).await;
    let counted = counted.map_err(|error| trouble(&error, &from, &to))?;
    for line in table(&counted) {
        say(&line);
    }
    let different: Vec<&str> = counted.iter().filter(|it| it.from != it.to).map(|it| it.table).collect();
    if different.is_empty() {
        say(&format!("{from} was copied to {to}, the counts agree"));
        advise(&key);
        return Ok(Answer::Yes);
    }
    complain(&format!(
        "the counts of {} differ: {from} was changed meanwhile; empty {to} and copy again",
        different.join(", ")
    ));
    Ok(Answer::No)
}

/// Where the key is that seals the secrets: they go over as they are.
enum Key {
    /// `secrets.key`
    Configured,
    /// The file beside the source.
    File(PathBuf),
    /// That, and from now on one beside the target.
    Files(PathBuf, PathBuf),
}

impl Key {
    fn find(config: &Config, from: &Database, to: &Database) -> Result<Self, Trouble> {
        if let Database::Sqlite(path) = to {
            check_directory(path)?;
        }
        match (from, to) {
            _ if config.secrets.key.is_some() => Ok(Self::Configured),
            (Database::Sqlite(from), Database::Sqlite(to)) => Ok(Self::Files(key_file(from), key_file(to))),
            (Database::Sqlite(from), Database::Postgres(_)) => Ok(Self::File(key_file(from))),
            (Database::Postgres(_), _) => Err(Trouble::new(
                "secrets.key is missing: it is the one that the nodes of the source are configured with",
            )),
        }
    }

    fn keyring(&self, config: &Config) -> Result<Keyring, Trouble> {
        let keyring = match self {
            Self::Configured => Keyring::parse(config.secrets.key.as_ref().map_or("", |key| key.as_str())),
            Self::File(file) => Keyring::load(file),
            Self::Files(from, to) => Keyring::hand_on(from, to),
        };
        keyring.map_err(|error| Trouble::new(format!("secrets.key: {error}")))
    }
}

fn place(database: &Database) -> Place {
    match database {
        Database::Sqlite(path) => Place::Sqlite(path.clone()),
        Database::Postgres(url) => Place::Postgres(url.clone()),
    }
}

/// What is left to do.
fn advise(key: &Key) {
    match key {
        Key::Configured => say("the new servers need the same secrets.key"),
        Key::File(file) => {
            say(&format!("secrets.key of the new servers is what {} holds: keep it", file.display()));
        }
        Key::Files(_, to) => say(&format!("the key was copied to {}: back it up", to.display())),
    }
    say("start no server on the old database any more: what waits there would be sent twice");
}

/// Progress on stderr, no more than a line a second.
#[derive(Default)]
struct Lines {
    last: Option<UnixMs>,
}

impl Lines {
    fn tell(&mut self, progress: CopyProgress) {
        let now = clock::now();
        if self.last.is_some_and(|last| now.since(last) < Span::seconds(1)) {
            return;
        }
        self.last = Some(now);
        complain(&format!("{}: {} of {} rows", progress.table, progress.done, progress.rows));
    }
}

fn table(counted: &[Counted]) -> Vec<String> {
    let mut lines = vec![format!("{:<14} {:>12} {:>12}", "", "from", "to")];
    lines.extend(counted.iter().map(|it| format!("{:<14} {:>12} {:>12}", it.table, it.from, it.to)));
    lines
}

fn trouble(error: &CopyError, from: &Database, to: &Database) -> Trouble {
    Trouble::new(match error {
        CopyError::Source(error @ StoreError::WrongKey) | CopyError::Target(error @ StoreError::WrongKey) => {
            format!("secrets.key: {error}")
        }
        CopyError::Source(error) => format!("--from: {from}: {error}"),
        CopyError::Target(error) => format!("--to: {to}: {error}"),
        CopyError::Uncollected(_) => format!("--from: {from}: {error}"),
        CopyError::Same
        | CopyError::NotEmpty { .. }
        | CopyError::Unfinished
        | CopyError::OtherSource
        | CopyError::Finished => format!("--to: {to}: {error}"),
    })
}
