//! A whole node for the demo, the same as `serve` runs: database, engine and API.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use stayhook_api::ScopeName;
use stayhook_core::{AddressRules, ClientId, PropertyId, Span, UrlRules};
use stayhook_store::{PropertyScope, Store};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::api::Api;
use super::cast::CAST;
use super::scale::{ATTEMPT_TIMEOUT, backoff, scaled};
use crate::client::Client;
use crate::commands::token;
use crate::config::{Config, Database};
use crate::database::{self, Use};
use crate::node::{Node, Sockets};
use crate::outcome::Trouble;

/// Every loopback address of IPv4, where the receivers are.
const LOOPBACK: &str = "127.0.0.0/8";
/// 32 bytes in base64.
const DEMO_KEY: &str = "c3RheWhvb2sgZGVtbyBrZXk6IG5vdGhpbmcgc2VjcmU=";

/// A running node and the callers that it knows.
pub(crate) struct House {
    /// The API.
    pub(crate) api: Api,
    /// Where the API answers.
    pub(crate) address: SocketAddr,
    /// The database.
    pub(crate) database: Database,
    node: Node,
    /// Removed with everything in it when dropped; `None` where the user named a database.
    temporary: Option<TempDir>,
}

impl House {
    /// Starts a node on a database of its own: the one that the user names, or a temporary one.
    pub(crate) async fn open(database: Option<Database>) -> Result<Self, Trouble> {
        let (database, temporary) = place(database)?;
        let config = config(&database)?;
        let sockets = Sockets::bind(&config).await?;
        let store = database::open(&config, Use::Server).await?;
        check_empty(store.as_ref()).await?;
        let partners = mint(store.as_ref(), "partners", &[ScopeName::WebhooksWrite, ScopeName::BookingsRead]);
        let partners = partners.await?;
        let platform = mint(store.as_ref(), "platform", &[ScopeName::EventsWrite]).await?;
        // Nobody scrapes a demo.
        let node = Node::start(&config, sockets, store, Arc::new(String::new)).await?;
        let address = node.address();
        let url = format!("http://{address}");
        let api = Api { partners: Client::at(&url, &partners)?, platform: Client::at(&url, &platform)? };
        Ok(Self { api, address, database, node, temporary })
    }

    /// Whether the database goes with the demo.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Stops the node and removes what was temporary.
    pub(crate) async fn close(self) -> Result<(), Trouble> {
        self.node.shutdown().await;
        match self.temporary {
            Some(directory) => directory
                .close()
                .map_err(|error| Trouble::new(format!("the temporary database cannot be removed: {error}"))),
            None => Ok(()),
        }
    }
}

/// The database, and the directory to remove afterwards.
fn place(database: Option<Database>) -> Result<(Database, Option<TempDir>), Trouble> {
    match database {
        Some(Database::Sqlite(path)) if path.exists() => Err(Trouble::new(format!(
            "--database: {} exists already: the demo wants a new database of its own, name another file",
            path.display()
        ))),
        Some(database) => Ok((database, None)),
        None => {
            let directory = tempfile::Builder::new().prefix("stayhook-demo-").tempdir().map_err(|error| {
                let parent = std::env::temp_dir();
                Trouble::new(format!("no temporary directory can be made in {}: {error}", parent.display()))
            })?;
            Ok((Database::Sqlite(directory.path().join("stayhook.db")), Some(directory)))
        }
    }
}

/// The demo counts what it finds: webhooks of others would spoil the tally.
async fn check_empty(store: &dyn Store) -> Result<(), Trouble> {
    let webhooks = store.registry().await.map_err(|error| database::trouble(&error))?;
    if webhooks.is_empty() {
        return Ok(());
    }
    Err(Trouble::new("--database: there are webhooks in it already: the demo wants an empty database"))
}

/// The documented defaults, but with time to scale and the loopback address as if it were public.
fn config(database: &Database) -> Result<Config, Trouble> {
    let loopback = LOOPBACK.parse().map_err(|error| Trouble::new(format!("{LOOPBACK}: {error}")))?;
    let mut config = Config::default();
    config.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.database = database.clone();
    if let Database::Postgres(_) = database {
        // Nodes on PostgreSQL share a key; the demo's secrets are worth nothing.
        config.secrets.key = Some(Zeroizing::new(DEMO_KEY.to_owned()));
    }
    config.delivery.timeout = ATTEMPT_TIMEOUT;
    config.retry = backoff();
    config.disable.after = scaled(Span::hours(72));
    config.egress.rules = UrlRules {
        require_https: false,
        addresses: AddressRules { allow: vec![loopback] },
        ..UrlRules::default()
    };
    // No name is ever resolved here, so that a machine without a resolver will do.
    config.egress.nameservers = vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53)];
    Ok(config)
}

/// Makes a token as `stayhook token create` does, for the properties of the cast.
async fn mint(store: &dyn Store, name: &str, scopes: &[ScopeName]) -> Result<String, Trouble> {
    let client = ClientId::parse(name).map_err(|error| Trouble::new(error.to_string()))?;
    let mut properties = CAST
        .iter()
        .map(|role| PropertyId::new(role.property))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Trouble::new(error.to_string()))?;
    properties.dedup();
    let scopes = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    token::make(store, name.to_owned(), client, scopes, PropertyScope::Only(properties)).await
}
