//! `stayhook token create|list|revoke`

use std::str::FromStr;

use stayhook_api::{ScopeName, new_token};
use stayhook_core::{ClientId, PropertyId, UnixMs};
use stayhook_engine::Dice as _;
use stayhook_store::{NewToken, PropertyScope, Store, TokenLine};

use crate::clock::{self, SystemDice};
use crate::config::ConfigArgs;
use crate::database;
use crate::outcome::{Answer, Outcome, Trouble, complain, say};

/// Looks after API tokens. Works beside a running server, which notices within 5 seconds.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token and print it, alone, on stdout: it is stored hashed and never shown again
    Create(CreateArgs),
    /// List tokens, without their text
    List(ListArgs),
    /// Revoke a token; exits 1 when there is none of that number
    Revoke(RevokeArgs),
}

/// `token create`
#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// What people call it
    #[arg(long)]
    name: String,

    /// What it may do, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,

    /// On whose behalf it acts: webhooks belong to a client [default: the name]
    #[arg(long)]
    client: Option<String>,

    /// The properties it may touch: numbers separated by commas, or all
    #[arg(long, default_value = "all")]
    properties: Properties,

    #[command(flatten)]
    config: ConfigArgs,
}

/// `token list`
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// `token revoke`
#[derive(clap::Args)]
pub(crate) struct RevokeArgs {
    /// Its number, as `token list` shows it
    id: i64,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(command: Command) -> Outcome {
    match command {
        Command::Create(args) => create(args).await,
        Command::List(args) => list(args).await,
        Command::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: CreateArgs) -> Outcome {
    let named = |option: &str, text: &str| {
        ClientId::parse(text).map_err(|error| Trouble::new(format!("{option}: {error}")))
    };
    let name = named("--name", &args.name)?;
    let client = args.client.as_deref().map_or(Ok(name), |client| named("--client", client))?;
    let scopes = args.scopes.iter().map(|scope| known_scope(scope)).collect::<Result<Vec<_>, _>>()?;
    let config = args.config.load(Vec::new())?;
    let token = database::beside(&config, async |store| {
        make(store, args.name, client, scopes, args.properties.0).await
    })
    .await?;
    say(&token);
    Ok(Answer::Yes)
}

/// Makes a token, stores its hash and returns its text.
pub(crate) async fn make(
    store: &dyn Store,
    name: String,
    client: ClientId,
    scopes: Vec<String>,
    properties: PropertyScope,
) -> Result<String, Trouble> {
    let (token, hash) = new_token(SystemDice.secret());
    let new = NewToken { name, client, scopes, properties, hash, at: clock::now() };
    store.create_token(new).await.map_err(|error| database::trouble(&error))?;
    Ok(token)
}

async fn list(args: ListArgs) -> Outcome {
    let config = args.config.load(Vec::new())?;
    let tokens = database::beside(&config, async |store| {
        store.tokens().await.map_err(|error| database::trouble(&error))
    })
    .await?;
    let mut rows =
        vec![["ID", "NAME", "CLIENT", "SCOPES", "PROPERTIES", "CREATED", "REVOKED"].map(str::to_owned)];
    rows.extend(tokens.iter().map(row));
    for line in aligned(&rows) {
        say(&line);
    }
    Ok(Answer::Yes)
}

async fn revoke(args: RevokeArgs) -> Outcome {
    let config = args.config.load(Vec::new())?;
    let revoked = database::beside(&config, async |store| {
        store.revoke_token(args.id, clock::now()).await.map_err(|error| database::trouble(&error))
    })
    .await?;
    if revoked {
        return Ok(Answer::Yes);
    }
    complain(&format!("there is no token {} to revoke: `stayhook token list` shows them", args.id));
    Ok(Answer::No)
}

fn known_scope(text: &str) -> Result<String, Trouble> {
    match ScopeName::parse(text.trim()) {
        Ok(scope) => Ok(scope.as_str().to_owned()),
        Err(error) => Err(Trouble::new(format!("--scopes: {error}"))),
    }
}

fn row(token: &TokenLine) -> [String; 7] {
    [
        token.id.to_string(),
        token.name.clone(),
        token.client.to_string(),
        token.scopes.join(","),
        Properties(token.properties.clone()).to_string(),
        token.created_at.rfc3339_seconds(),
        token.revoked_at.map_or("-".to_owned(), UnixMs::rfc3339_seconds),
    ]
}

/// The rows with their columns under each other.
fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// `all`, or numbers separated by commas.
#[derive(Clone)]
struct Properties(PropertyScope);

impl FromStr for Properties {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(PropertyScope::All));
        }
        let property = |text: &str| {
            let number = text
                .trim()
                .parse()
                .map_err(|_| format!("{text:?} is neither a property's number nor all"))?;
            PropertyId::new(number).map_err(|error| format!("{text}: {error}"))
        };
        let mut list = text.split(',').map(property).collect::<Result<Vec<_>, _>>()?;
        list.sort_unstable();
        list.dedup();
        Ok(Self(PropertyScope::Only(list)))
    }
}

impl std::fmt::Display for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            PropertyScope::All => f.write_str("all"),
            PropertyScope::Only(list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                f.write_str(&list.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_sorted_and_print_as_they_read() {
        let read = |text: &str| text.parse::<Properties>().map(|properties| properties.to_string());
        assert_eq!(read("102,101,102").as_deref(), Ok("101,102"));
        assert_eq!(read("all").as_deref(), Ok("all"));
        for wrong in ["", "0", "-1", "ALL", "101,", "1.5"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["ID", "NAME"], ["12", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), ["ID  NAME", "12  x"]);
    }
}
