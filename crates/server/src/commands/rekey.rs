//! `stayhook rekey`

use std::path::Path;

use stayhook_engine::Dice as _;
use stayhook_store::{KeyChange, KeyError, Store};

use crate::clock::{self, SystemDice};
use crate::config::{Config, ConfigArgs, Database};
use crate::database;
use crate::outcome::{Answer, Outcome, Trouble, say};

/// Seal the stored secrets anew under another key, beside running servers
///
/// Where secrets.key is set, that is the new key, and secrets.older_keys must hold the one before.
/// Otherwise the key file beside the database gets a new key. Can be repeated at any time: after a
/// failure it goes on where it was.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let config = args.config.load(Vec::new())?;
    let sealed = match (&config.database, &config.secrets.key) {
        (Database::Sqlite(path), None) => change_key_file(&config, path).await?,
        _ => database::beside(&config, reseal).await?,
    };
    say(&match sealed {
        0 => "everything was sealed under the current key already".to_owned(),
        1 => "1 secret was sealed anew".to_owned(),
        many => format!("{many} secrets were sealed anew"),
    });
    Ok(Answer::Yes)
}

/// The new key goes into the file before anything is sealed under it, and the old one leaves the
/// file when nothing is sealed under that any more.
async fn change_key_file(config: &Config, database: &Path) -> Result<u64, Trouble> {
    // A database that this key file does not belong to is found out before the file is touched.
    database::beside(config, async |_| Ok(())).await?;
    let unusable = |error: KeyError| Trouble::new(format!("secrets.key: {error}"));
    let change = KeyChange::begin(&database::key_file(database), SystemDice.secret()).map_err(unusable)?;
    let sealed = database::beside(config, reseal).await?;
    change.finish().map_err(unusable)?;
    Ok(sealed)
}

/// Seals anew until nothing is left: a server that goes on may have sealed something in between.
async fn reseal(store: &dyn Store) -> Result<u64, Trouble> {
    let mut sealed = 0;
    loop {
        match store.reseal(clock::now()).await.map_err(|error| database::trouble(&error))? {
            0 => return Ok(sealed),
            more => sealed += more,
        }
    }
}
