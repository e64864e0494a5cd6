//! `stayhook serve --dev`: what makes a laptop comfortable.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use stayhook_api::{ScopeName, hash_token};
use stayhook_core::ClientId;
use stayhook_store::{PropertyScope, Store};

use crate::commands::token;
use crate::config::Flag;
use crate::database;
use crate::node::Node;
use crate::outcome::{Trouble, say};

const DIRECTORY: &str = "stayhook-dev";
const DATABASE: &str = "sqlite://stayhook-dev/stayhook.db";
/// The token is kept, so that it survives restarts in the developer's shell.
const TOKEN_FILE: &str = "stayhook-dev/token";

/// The settings that `--dev` stands for. They win over file and environment, so that a
/// server for development never opens the database of production by accident.
pub(super) fn flags() -> Vec<Flag> {
    let flag = |key, value: &str| Flag { name: "--dev", key, value: value.to_owned() };
    vec![
        flag("database.url", DATABASE),
        flag("egress.require_https", "false"),
        flag("egress.allow", r#"["127.0.0.0/8", "::1/128"]"#),
    ]
}

/// Makes `./stayhook-dev/`.
pub(super) fn make_directory() -> Result<(), Trouble> {
    fs::create_dir_all(DIRECTORY)
        .map_err(|error| Trouble::new(format!("--dev: the directory {DIRECTORY} cannot be made: {error}")))
}

/// Prints a token and commands to paste.
pub(super) async fn introduce(store: &dyn Store, node: &Node) -> Result<(), Trouble> {
    let token = dev_token(store).await?;
    let public = format!("http://{}", node.address());
    let internal = node.admin_address().map_or(public.clone(), |address| format!("http://{address}"));
    say(&lines(&public, &internal, &token));
    Ok(())
}

fn lines(public: &str, internal: &str, token: &str) -> String {
    format!(
        r#"
Development: database in ./{DIRECTORY}/, http and loopback receivers allowed.
A token with every scope, to paste:

export STAYHOOK_URL={internal} STAYHOOK_TOKEN={token}

Register a webhook (its signingSecret is shown once), then receive, enqueue, look:

curl -sS {public}/public/v1/webhooks -H "Authorization: Bearer $STAYHOOK_TOKEN" -H 'Content-Type: application/json' -d '{{"propertyId":101,"url":"http://127.0.0.1:9000/hook","events":["booking.*"]}}'

stayhook listen --port 9000 --secret whsec_...

curl -sS {internal}/internal/v1/events -H "Authorization: Bearer $STAYHOOK_TOKEN" -H 'Content-Type: application/json' -d '{{"type":"booking.created","propertyId":101,"bookingId":9001,"data":{{"booking":{{"id":9001,"propertyId":101,"status":"confirmed"}}}}}}'

curl -sS {public}/public/v1/webhooks/1/deliveries -H "Authorization: Bearer $STAYHOOK_TOKEN"
"#
    )
}

/// The token of an earlier start where it still holds, or a new one.
async fn dev_token(store: &dyn Store) -> Result<String, Trouble> {
    let kept = fs::read_to_string(TOKEN_FILE).unwrap_or_default();
    let kept = kept.trim();
    let known = store.token(&hash_token(kept)).await.map_err(|error| database::trouble(&error))?;
    if known.is_some() {
        return Ok(kept.to_owned());
    }
    let name = "dev".to_owned();
    let client = ClientId::parse(&name).map_err(|error| Trouble::new(error.to_string()))?;
    let scopes = ScopeName::ALL.map(|scope| scope.as_str().to_owned()).to_vec();
    let token = token::make(store, name, client, scopes, PropertyScope::All).await?;
    keep(Path::new(TOKEN_FILE), &token)
        .map_err(|error| Trouble::new(format!("--dev: {TOKEN_FILE} cannot be written: {error}")))?;
    Ok(token)
}

/// Writes a file that only its owner can read.
fn keep(path: &Path, token: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_to_paste_are_whole() {
        let text = lines("http://127.0.0.1:1", "http://127.0.0.1:2", "shk_x");
        assert!(text.contains("export STAYHOOK_URL=http://127.0.0.1:2 STAYHOOK_TOKEN=shk_x\n"));
        assert!(text.contains(r#"-d '{"propertyId":101,"#) && text.contains(r#""bookingId":9001,"#));
    }
}
