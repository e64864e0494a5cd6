//! The table of all settings: what each is called, where it goes and how it is read.

use stayhook_api::DataSchema;
use stayhook_core::{EventKind, EventType, JSON_DEPTH_LIMIT, Json, Span};
use stayhook_store::Keyring;
use zeroize::Zeroizing;

use super::read::{self, Given};
use super::{Config, Database};

/// A setting.
pub(super) struct Key {
    /// `section.key`
    pub(super) name: &'static str,
    /// Reads it into its place, or says what was expected.
    pub(super) set: fn(&mut Config, &Given) -> Result<(), String>,
}

const fn key(name: &'static str, set: fn(&mut Config, &Given) -> Result<(), String>) -> Key {
    Key { name, set }
}

const MIB: u64 = 1024 * 1024;

/// All of them. `event_types` and `profiles` have names of the operator's own below them:
/// see [`set_event_type`] and [`super::profiles::set`].
pub(super) const KEYS: &[Key] = &[
    key("server.listen", |c, g| put(&mut c.server.listen, read::address(g))),
    key("server.admin_listen", |c, g| set(&mut c.server.admin_listen, read::address(g))),
    key("server.roles", |c, g| {
        put(&mut c.server.roles, read::list(g, read::role, r#"["api", "worker", "maintenance"]"#))
    }),
    key("database.url", |c, g| put(&mut c.database, database(g))),
    key("delivery.timeout", |c, g| put(&mut c.delivery.timeout, at_most(read::span(g), Span::hours(1)))),
    key("delivery.concurrency", |c, g| put(&mut c.delivery.concurrency, read::whole(g, 1..=65_536))),
    key("delivery.per_webhook_concurrency", |c, g| {
        put(&mut c.delivery.per_webhook_concurrency, read::whole(g, 1..=65_536))
    }),
    key("retry.base", |c, g| put(&mut c.retry.base, read::span(g))),
    key("retry.factor", |c, g| put(&mut c.retry.factor, read::ratio(g, 1_000..=1_000_000))),
    key("retry.cap", |c, g| put(&mut c.retry.cap, at_most(read::span(g), Span::days(365)))),
    key("retry.jitter", |c, g| put(&mut c.retry.jitter, read::ratio(g, 0..=1_000))),
    key("disable.after", |c, g| put(&mut c.disable.after, read::span(g))),
    key("hold.max_age", |c, g| put(&mut c.hold.max_age, read::span(g))),
    key("hold.max_events", |c, g| put(&mut c.hold.max_events, read::whole(g, 1..=1_000_000_000))),
    key("retention.keep", |c, g| put(&mut c.retention.keep, at_most(read::span(g), Span::days(36_500)))),
    key("egress.require_https", |c, g| put(&mut c.egress.rules.require_https, read::yes_or_no(g))),
    key("egress.allow", |c, g| {
        put(&mut c.egress.rules.addresses.allow, read::list(g, read::network, r#"["10.1.0.0/16"]"#))
    }),
    key("egress.ports", |c, g| {
        put(&mut c.egress.rules.ports, read::list(g, |port| read::whole(port, 1..=65_535), "[443, 8443]"))
    }),
    key("egress.nameservers", |c, g| {
        put(&mut c.egress.nameservers, read::list(g, read::nameserver, r#"["9.9.9.9:53"]"#))
    }),
    key("egress.ca_file", |c, g| set(&mut c.egress.ca_file, read::path(g))),
    key("limits.webhooks_per_property", |c, g| {
        put(&mut c.limits.webhooks_per_property, read::whole(g, 1..=1_000))
    }),
    key("limits.event_bytes", |c, g| put(&mut c.limits.event_bytes, read::size(g, 64..=16 * MIB))),
    key("limits.requests_per_second", |c, g| {
        put(&mut c.limits.requests_per_second, read::whole(g, 1..=1_000_000))
    }),
    key("limits.events_per_second", |c, g| {
        set(&mut c.limits.events_per_second, read::whole(g, 1..=10_000_000))
    }),
    key("auth.jwks_url", |c, g| set(&mut c.auth.jwks_url, read::operator_url(g))),
    key("auth.jwks_file", |c, g| set(&mut c.auth.jwks_file, read::path(g))),
    key("auth.issuer", |c, g| {
        set(&mut c.auth.issuer, read::text(g, "the issuer of tokens, as in their iss"))
    }),
    key("auth.audience", |c, g| {
        set(&mut c.auth.audience, read::text(g, "an audience, as in the aud of tokens"))
    }),
    key("auth.introspection_url", |c, g| set(&mut c.auth.introspection_url, read::operator_url(g))),
    key("auth.introspection_client_id", |c, g| {
        set(&mut c.auth.introspection_client_id, read::text(g, "a client id"))
    }),
    key("auth.introspection_client_secret", |c, g| {
        set(&mut c.auth.introspection_client_secret, read::secret(g, "the client's secret"))
    }),
    key("secrets.key", |c, g| set(&mut c.secrets.key, sealing_key(g))),
    key("secrets.older_keys", |c, g| {
        put(&mut c.secrets.older_keys, read::list(g, sealing_key, r#"["the key before this one"]"#))
    }),
    key("entitlements.default", |c, g| put(&mut c.entitlements.default, read::yes_or_no(g))),
    key("profiles.default", |c, g| {
        put(&mut c.profiles.default, read::text(g, "the name of a profile, such as nowistay"))
    }),
];

/// Sections whose entries the operator names.
pub(super) const EVENT_TYPES: &str = "event_types";
pub(super) const PROFILES: &str = "profiles";

/// Adds `event_types."name"`: a table of `label`, `description` and `schema`, all optional.
pub(super) fn set_event_type(config: &mut Config, name: &str, given: &Given) -> Result<(), String> {
    let name = EventType::parse(name).map_err(|error| error.to_string())?;
    let expected = r#"expected a table, such as { label = "Table closed" }"#;
    let toml::Value::Table(table) = read::literal(given, expected)? else { return Err(expected.to_owned()) };
    let mut kind = EventKind { label: name.to_string(), name, description: String::new(), schema: None };
    for (member, value) in table {
        match member.as_str() {
            "label" => kind.label = read::text(&Given::Toml(value), "a label")?,
            "description" => kind.description = read::text(&Given::Toml(value), "a description")?,
            "schema" => kind.schema = Some(schema(&value)?),
            _ => {
                return Err(format!(
                    "unknown member `{member}`: it takes label, description and schema, and a name with dots \
                     stands in quotes, as in [event_types.\"table.closed\"]"
                ));
            }
        }
    }
    config.event_types.retain(|known| known.name != kind.name);
    config.event_types.push(kind);
    Ok(())
}

fn sealing_key(given: &Given) -> Result<Zeroizing<String>, String> {
    let key = read::secret(given, "base64 of 32 bytes, such as `openssl rand -base64 32` prints")?;
    match Keyring::parse(&key) {
        Ok(_) => Ok(key),
        Err(error) => Err(error.to_string()),
    }
}

fn schema(value: &toml::Value) -> Result<Json, String> {
    let expected = "schema: expected a table that is a JSON Schema";
    if !value.is_table() {
        return Err(expected.to_owned());
    }
    let text = serde_json::to_vec(value).map_err(|_| expected.to_owned())?;
    let schema = Json::parse(&text, JSON_DEPTH_LIMIT).map_err(|error| format!("schema: {error}"))?;
    DataSchema::compile(&schema).map_err(|error| format!("schema: {error}"))?;
    Ok(schema)
}

fn database(given: &Given) -> Result<Database, String> {
    let url = read::text(given, "the URL of a database, such as sqlite://stayhook.db")?;
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return match url::Url::parse(&url) {
            Ok(_) => Ok(Database::Postgres(url)),
            Err(error) => Err(format!("is no URL of a PostgreSQL database: {error}")),
        };
    }
    match url.strip_prefix("sqlite://") {
        Some(path) if path.contains(['?', '#']) => Err("sqlite://PATH takes no parameters".to_owned()),
        Some(path) if path.is_empty() || path.ends_with('/') || path.contains(":memory:") => {
            Err("expected the path of a file behind sqlite://, such as sqlite://stayhook.db".to_owned())
        }
        Some(path) => Ok(Database::Sqlite(path.into())),
        None => Err("expected sqlite://PATH or postgres://…, such as sqlite://stayhook.db".to_owned()),
    }
}

fn at_most(span: Result<Span, String>, most: Span) -> Result<Span, String> {
    span.and_then(|span| if span <= most { Ok(span) } else { Err(format!("must be at most {most}")) })
}

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn set<T>(place: &mut Option<T>, value: Result<T, String>) -> Result<(), String> {
    *place = Some(value?);
    Ok(())
}
