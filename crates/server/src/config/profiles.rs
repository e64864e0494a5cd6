//! `profiles.*`: the wire profiles of the deployment, and its own credentials for them.

use std::collections::BTreeMap;

use stayhook_core::{Credentials, Secret, UrlRules, WebhookUrl};
use stayhook_engine::ProfileSet;
use stayhook_profile::{DeploymentAuth, Profile, Profiles, bearer_authorization};

use super::read::{self, Given};
use super::{Config, ProfileTables};

/// So many profiles a deployment may have, so that each event's bodies can be numbered.
const MOST: usize = 100;

/// What is wrong: the key, and what to do about it.
type Wrong = (String, String);

/// Adds `profiles.name`: a table, read when all of them are there.
pub(super) fn set(tables: &mut ProfileTables, name: &str, given: &Given) -> Result<(), String> {
    let expected = r#"expected a table, such as { extends = "nowistay" }"#;
    let toml::Value::Table(table) = read::literal(given, expected)? else { return Err(expected.to_owned()) };
    tables.own.insert(name.to_owned(), table);
    Ok(())
}

impl Config {
    /// The wire profiles, without the secrets of the deployment.
    ///
    /// # Errors
    /// What is wrong with the first one that is.
    pub(crate) fn wire_profiles(&self) -> Result<Profiles, (String, String)> {
        let ProfileTables { default, own } = &self.profiles;
        if own.len() > MOST {
            return Err((
                "profiles".to_owned(),
                format!("has {} profiles, at most {MOST} are allowed", own.len()),
            ));
        }
        let profiles = Profiles::new(own.clone())
            .map_err(|error| (error.key().to_owned(), error.reason().to_owned()))?;
        profiles.find(default).map_err(|words| ("profiles.default".to_owned(), words))?;
        profiles.iter().try_for_each(|profile| token_url(profile, &self.egress.rules))?;
        Ok(profiles)
    }

    /// The wire profiles with the deployment's own credentials, whose secrets the environment has.
    ///
    /// # Errors
    /// The same, or which variable is missing.
    pub(crate) fn profile_set(&self) -> Result<ProfileSet, (String, String)> {
        let profiles = self.wire_profiles()?;
        let mut credentials = BTreeMap::new();
        for profile in profiles.iter() {
            if let Some(auth) = profile.auth().deployment() {
                credentials.insert(profile.name().to_owned(), own(profile, auth)?);
            }
        }
        Ok(ProfileSet::new(profiles, self.profiles.default.clone(), credentials))
    }
}

/// The deployment's token endpoint keeps to the rules for URLs.
fn token_url(profile: &Profile, rules: &UrlRules) -> Result<(), Wrong> {
    let Some(DeploymentAuth::OAuth2ClientCredentials { token_url, .. }) = profile.auth().deployment() else {
        return Ok(());
    };
    let key = format!("profiles.{}.auth.deployment.token_url", profile.name());
    WebhookUrl::parse(token_url, rules).map(|_| ()).map_err(|error| (key, format!("is refused: {error}")))
}

fn own(profile: &Profile, auth: &DeploymentAuth) -> Result<Credentials, Wrong> {
    let secret = |member: &str, variable: &str| {
        let key = format!("profiles.{}.auth.deployment.{member}", profile.name());
        match std::env::var(variable) {
            Ok(secret) if !secret.is_empty() => Ok(Secret::new(secret)),
            _ => Err((
                key,
                format!("the environment variable {variable} is missing, empty or not UTF-8: set it"),
            )),
        }
    };
    Ok(match auth {
        DeploymentAuth::Basic { username, password_env } => {
            Credentials::Basic { username: username.clone(), password: secret("password_env", password_env)? }
        }
        DeploymentAuth::Bearer { token_env } => {
            let token = secret("token_env", token_env)?;
            if bearer_authorization(token.expose()).is_none() {
                let key = format!("profiles.{}.auth.deployment.token_env", profile.name());
                return Err((
                    key,
                    format!("the value of {token_env} fits into no header: use a token of visible ASCII"),
                ));
            }
            Credentials::Bearer { token }
        }
        DeploymentAuth::OAuth2ClientCredentials { token_url, client_id, client_secret_env, scope } => {
            Credentials::OAuth2 {
                token_url: token_url.clone(),
                client_id: client_id.clone(),
                client_secret: secret("client_secret_env", client_secret_env)?,
                scope: scope.clone(),
            }
        }
    })
}
