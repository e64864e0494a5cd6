//! What concerns several settings at once.

use super::{Config, Database, Role};

/// A rule that is broken: the key to change, and what to do about it.
type Broken = (&'static str, String);

/// Judges the settings together.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    retries(config)?;
    roles(config)?;
    key(config)?;
    tokens(config)
}

fn retries(config: &Config) -> Result<(), Broken> {
    let (base, cap) = (config.retry.base, config.retry.cap);
    if cap < base {
        return Err((
            "retry.cap",
            format!("is {cap}, shorter than retry.base, {base}: make it at least as long"),
        ));
    }
    Ok(())
}

fn roles(config: &Config) -> Result<(), Broken> {
    let missing: Vec<&str> =
        Role::ALL.into_iter().filter(|role| !config.server.roles.contains(role)).map(Role::as_str).collect();
    if missing.is_empty() || matches!(config.database, Database::Postgres(_)) {
        return Ok(());
    }
    let missing = missing.join(" and ");
    Err((
        "server.roles",
        format!("lacks {missing}: on SQLite one process does everything; leave the key out"),
    ))
}

/// Nodes share one key: there is no file beside the database that all of them could read.
fn key(config: &Config) -> Result<(), Broken> {
    if config.secrets.key.is_none() && matches!(config.database, Database::Postgres(_)) {
        let what =
            "is missing: on PostgreSQL every node needs the same one; `openssl rand -base64 32` makes one";
        return Err(("secrets.key", what.to_owned()));
    }
    Ok(())
}

fn tokens(config: &Config) -> Result<(), Broken> {
    let auth = &config.auth;
    if auth.jwks_url.is_some() && auth.jwks_file.is_some() {
        return Err(("auth.jwks_file", "stands beside auth.jwks_url: leave one of them out".to_owned()));
    }
    if auth.jwks_url.is_some() || auth.jwks_file.is_some() {
        let rules = [("auth.issuer", &auth.issuer), ("auth.audience", &auth.audience)];
        if let Some((missing, _)) = rules.into_iter().find(|(_, given)| given.is_none()) {
            let what = "is missing: JWTs are judged by auth.issuer and auth.audience, which both must be set";
            return Err((missing, what.to_owned()));
        }
    }
    let parts = [
        ("auth.introspection_url", auth.introspection_url.is_some()),
        ("auth.introspection_client_id", auth.introspection_client_id.is_some()),
        ("auth.introspection_client_secret", auth.introspection_client_secret.is_some()),
    ];
    match parts.iter().find(|(_, given)| !given) {
        Some((missing, _)) if parts.iter().any(|(_, given)| *given) => Err((
            missing,
            "is missing: introspection takes introspection_url, introspection_client_id and \
             introspection_client_secret together"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}
