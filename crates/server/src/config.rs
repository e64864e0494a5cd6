//! The configuration: a TOML file, then the environment, then flags.
//!
//! Every setting is one row of the table in `keys.rs`; `sources.rs` gathers what was written
//! where and `layers.rs` puts it together; `rules.rs` holds what concerns several keys at once.
//! Nothing else reads the environment.

mod error;
mod keys;
mod layers;
mod nearest;
mod profiles;
mod read;
mod rules;
mod sources;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use stayhook_core::{AddressRules, Backoff, EventKind, Span, UrlRules};
use zeroize::Zeroizing;

pub(crate) use error::ConfigError;
pub(crate) use layers::{ConfigArgs, Flag};

/// Everything that can be configured, by section, with the documented defaults.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) delivery: Delivery,
    /// `retry.*`
    pub(crate) retry: Backoff,
    pub(crate) disable: Disable,
    pub(crate) hold: Hold,
    pub(crate) retention: Retention,
    pub(crate) egress: Egress,
    pub(crate) limits: Limits,
    pub(crate) auth: Auth,
    pub(crate) secrets: Secrets,
    pub(crate) entitlements: Entitlements,
    pub(crate) profiles: ProfileTables,
    /// `event_types."x"`: types beside those of the built-in profiles.
    pub(crate) event_types: Vec<EventKind>,
}

/// `server.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    /// Where the API answers; port 0 picks a free one.
    pub(crate) listen: SocketAddr,
    /// Where `/internal`, `/admin` and `/metrics` answer, if not beside the public API.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// What this node does.
    pub(crate) roles: Vec<Role>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Answers the API.
    Api,
    /// Delivers.
    Worker,
    /// Disables, expires and prunes on time.
    Maintenance,
}

/// `database.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Database {
    /// The file behind `sqlite://`.
    Sqlite(PathBuf),
    /// `postgres://…`, whole; it may hold a password.
    Postgres(String),
}

/// The database as it may be shown: without a password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => {
                let behind = url.rsplit_once('@').map_or(url.as_str(), |(_, behind)| behind);
                let shown = behind.split(['?', '#']).next().unwrap_or_default();
                write!(
                    f,
                    "postgres://{}",
                    shown.trim_start_matches("postgres://").trim_start_matches("postgresql://")
                )
            }
        }
    }
}

/// `delivery.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    /// The deadline of one attempt, from DNS to the response headers.
    pub(crate) timeout: Span,
    /// Attempts in flight on this node.
    pub(crate) concurrency: usize,
    /// Attempts in flight to one webhook.
    pub(crate) per_webhook_concurrency: usize,
}

/// `disable.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Disable {
    /// Continuous failure for longer than this disables a webhook.
    pub(crate) after: Span,
}

/// `hold.*`: what a paused webhook keeps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hold {
    /// For how long.
    pub(crate) max_age: Span,
    /// How many events.
    pub(crate) max_events: u64,
}

/// `retention.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Retention {
    /// How long events and their delivery records are kept, from acceptance.
    pub(crate) keep: Span,
}

/// `egress.*`
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Egress {
    /// `egress.require_https`, `egress.allow` and `egress.ports`.
    pub(crate) rules: UrlRules,
    /// The DNS servers to ask; none means those of the system.
    pub(crate) nameservers: Vec<SocketAddr>,
    /// Further trusted roots, PEM.
    pub(crate) ca_file: Option<PathBuf>,
}

/// `limits.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limits {
    /// Over all clients, paused and disabled ones counted.
    pub(crate) webhooks_per_property: u32,
    /// The largest event that is taken in, in bytes.
    pub(crate) event_bytes: usize,
    /// Of one token at the public API; ten seconds' worth may come at once.
    pub(crate) requests_per_second: u32,
    /// That one token may report; no limit if `None`.
    pub(crate) events_per_second: Option<u32>,
}

/// `auth.*`: access tokens that others issue.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Auth {
    /// Where the keys of JWTs are fetched.
    pub(crate) jwks_url: Option<String>,
    /// Or the file that holds them.
    pub(crate) jwks_file: Option<PathBuf>,
    /// The `iss` that JWTs must bear.
    pub(crate) issuer: Option<String>,
    /// The `aud` that JWTs must bear.
    pub(crate) audience: Option<String>,
    /// Where opaque tokens are examined (RFC 7662).
    pub(crate) introspection_url: Option<String>,
    /// As whom.
    pub(crate) introspection_client_id: Option<String>,
    /// And with which secret.
    pub(crate) introspection_client_secret: Option<Zeroizing<String>>,
}

/// `secrets.*`
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Secrets {
    /// The key that seals signing secrets, base64 of 32 bytes; a key file if `None`.
    pub(crate) key: Option<Zeroizing<String>>,
    /// Keys that open what was sealed before.
    pub(crate) older_keys: Vec<Zeroizing<String>>,
}

/// `entitlements.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entitlements {
    /// Whether properties not named otherwise are entitled to deliveries.
    pub(crate) default: bool,
}

/// `profiles.*`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProfileTables {
    /// The wire profile of webhooks that name none.
    pub(crate) default: String,
    /// The deployment's own profiles, by name: see [`Config::wire_profiles`].
    pub(crate) own: BTreeMap<String, toml::Table>,
}

impl Config {
    /// The SQLite file that a configuration without `database.url` uses.
    const DATABASE: &str = "stayhook.db";
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: None,
            roles: Role::ALL.to_vec(),
        }
    }
}

impl Role {
    /// Every role.
    pub(crate) const ALL: [Self; 3] = [Self::Api, Self::Worker, Self::Maintenance];

    /// The name in the configuration.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Maintenance => "maintenance",
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from(Config::DATABASE))
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self { timeout: Span::seconds(10), concurrency: 512, per_webhook_concurrency: 32 }
    }
}

impl Default for Disable {
    fn default() -> Self {
        Self { after: Span::hours(72) }
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self { max_age: Span::hours(72), max_events: 10_000 }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep: Span::days(30) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            webhooks_per_property: 3,
            event_bytes: 256 * 1024,
            requests_per_second: 1_000,
            events_per_second: None,
        }
    }
}

impl Default for Entitlements {
    fn default() -> Self {
        Self { default: true }
    }
}

impl Default for ProfileTables {
    fn default() -> Self {
        Self { default: stayhook_profile::Profiles::DEFAULT.to_owned(), own: BTreeMap::new() }
    }
}

impl Egress {
    /// The rule that only public addresses are called, with the operator's exemptions.
    pub(crate) fn addresses(&self) -> &AddressRules {
        &self.rules.addresses
    }
}

#[cfg(test)]
mod tests;
