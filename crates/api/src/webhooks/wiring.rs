//! What a webhook's profile allows of its URL and its credentials: the members that are judged
//! together.

use stayhook_core::{
    Credentials, Json, MAX_SAFE_INTEGER, MAX_URL_CHARS, Ordering, PropertyId, UrlRules, WebhookChange,
    WebhookOptions, WebhookUrl,
};
use stayhook_profile::{Profile, SecretVisibility};
use stayhook_store::Registered;

use super::auth;
use crate::Api;
use crate::fields::{Fields, Wrong};

/// Judges a URL: its placeholders by the profile, and what they stand for by the rules for URLs.
/// Any event will do: it decides about path and query alone, percent-encoded.
pub(super) fn judge_url(text: &str, profile: &Profile, rules: &UrlRules) -> Result<(), Wrong> {
    if text.chars().count() > MAX_URL_CHARS {
        return Err(format!("is refused: it is too long: at most {MAX_URL_CHARS} characters").into());
    }
    let template = profile.url_template(text).map_err(|error| Wrong::from(format!("is refused: {error}")))?;
    let property = PropertyId::new(MAX_SAFE_INTEGER).map_err(|error| Wrong::from(error.to_string()))?;
    let expanded = template.expand(profile.test_type(), property);
    WebhookUrl::parse(&expanded, rules).map_err(|error| format!("is refused: {error}"))?;
    Ok(())
}

/// Judges URL, profile and credentials together, each as it is after a change of the webhook;
/// returns the credentials that the change brings, or takes away.
pub(super) fn changed(
    api: &Api,
    fields: &mut Fields,
    stored: &Registered,
    change: &WebhookChange,
    auth: Option<Json>,
) -> Option<Option<Credentials>> {
    let rules = &api.state.url_rules;
    let webhook = &stored.webhook;
    let named = change.profile.as_ref().unwrap_or(&webhook.options.profile);
    let options = WebhookOptions { profile: named.clone(), ..WebhookOptions::default() };
    let Some(profile) = api.state.engine.profiles().of(&options) else {
        fields.refuse("profile", "is needed: the webhook's own is none of this deployment any more");
        return None;
    };
    // The reference promises that a secret is shown once; a rotation does not take that back.
    let was_once = api.state.engine.profiles().of(&webhook.options).is_none_or(|it| is_shown_once(it));
    if change.profile.is_some() && was_once && !is_shown_once(profile) {
        fields.refuse(
            "profile",
            "is refused: it lets secrets be read again, and this webhook's is never shown again: \
             register another webhook with this profile",
        );
    }
    let url = change.url.as_ref().unwrap_or(&webhook.url);
    if let Err(wrong) = judge_url(url, profile, rules) {
        match &change.url {
            Some(_) => fields.refuse("url", wrong),
            None => fields.refuse("profile", format!("does not fit to the webhook's URL, which {wrong}")),
        }
    }
    match auth {
        Some(Json::Null) => {
            require_credentials(fields, profile);
            Some(None)
        }
        Some(json) => Some(auth::read(fields, json, profile, rules)),
        None => {
            if change.profile.is_some() {
                judge_kept(fields, stored.credentials.as_ref(), profile);
            }
            None
        }
    }
}

/// The ordering that a change of profile brings along: what the new profile wants of webhooks that
/// name none, unless the owner once chose another than the old profile's.
pub(super) fn ordering(api: &Api, stored: &Registered, change: &WebhookChange) -> Option<Ordering> {
    let profiles = api.state.engine.profiles();
    let (named, options) = (change.profile.as_ref()?, &stored.webhook.options);
    let next = WebhookOptions { profile: named.clone(), ..WebhookOptions::default() };
    let before = profiles.of(options).map(|profile| profile.ordering()).unwrap_or_default();
    (options.ordering == before).then(|| profiles.of(&next)).flatten().map(|profile| profile.ordering())
}

fn is_shown_once(profile: &Profile) -> bool {
    profile.secret_visibility() == SecretVisibility::Once
}

/// Whether the credentials that a webhook keeps fit to its new profile.
fn judge_kept(fields: &mut Fields, kept: Option<&Credentials>, profile: &Profile) {
    match kept {
        None => require_credentials(fields, profile),
        Some(kept) if !allows(profile, kept) => fields.refuse(
            "profile",
            "takes no credentials such as the webhook has: replace or remove them with `auth`",
        ),
        Some(_) => {}
    }
}

/// Whether a webhook of this profile may bring these credentials.
pub(super) fn allows(profile: &Profile, credentials: &Credentials) -> bool {
    profile.auth().kinds().iter().any(|kind| kind.as_str() == credentials.kind())
}

/// Whether the profile takes credentials of any kind.
pub(super) fn takes_credentials(profile: &Profile) -> bool {
    profile.auth().kinds().iter().any(|kind| kind.as_str() != "none")
}

/// Refuses a webhook without the credentials that its profile requires.
pub(super) fn require_credentials(fields: &mut Fields, profile: &Profile) {
    if profile.auth().requires_credentials() {
        fields.refuse("auth", format!("is missing: the profile {} requires credentials", profile.name()));
    }
}
