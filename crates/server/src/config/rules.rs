//! What concerns several settings at once.

use super::{Config, Role};

/// A rule that is broken: the key to change, and what to do about it.
type Broken = (&'static str, String);

/// Judges the settings together.
pub(super) fn check(config: &Config) -> Result<(), Broken> {
    retries(config)?;
    roles(config)?;
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
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" and ");
    Err((
        "server.roles",
        format!("lacks {missing}: on SQLite one process does everything; leave the key out"),
    ))
}

fn tokens(config: &Config) -> Result<(), Broken> {
    let auth = &config.auth;
    if auth.jwks_url.is_some() && auth.jwks_file.is_some() {
        return Err(("auth.jwks_file", "stands beside auth.jwks_url: leave one of them out".to_owned()));
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
