//! What a webhook's profile allows of its URL and its credentials: the members that are judged
//! together.

use stayhook_core::{Credentials, MAX_SAFE_INTEGER, MAX_URL_CHARS, PropertyId, UrlRules, WebhookUrl};
use stayhook_profile::Profile;

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
