//! The wire profiles of a deployment, and which of them a webhook's events go by.

use std::collections::BTreeMap;
use std::sync::Arc;

use stayhook_core::{Credentials, WebhookOptions};
use stayhook_profile::{Profile, ProfileError, Profiles};

/// The wire profiles of a deployment. It does not print, since it holds secrets.
#[derive(Clone)]
pub struct ProfileSet {
    profiles: Arc<Profiles>,
    usual: String,
    credentials: Arc<BTreeMap<String, Credentials>>,
}

impl ProfileSet {
    /// The profiles, the name of the one for webhooks that name none (`profiles.default`), and
    /// the deployment's own credentials by profile, for webhooks that bring none.
    pub fn new(profiles: Profiles, usual: String, credentials: BTreeMap<String, Credentials>) -> Self {
        Self { profiles: Arc::new(profiles), usual, credentials: Arc::new(credentials) }
    }

    /// The built-in profiles, without anything configured.
    ///
    /// # Errors
    /// When one of them is wrong, which a test of theirs rules out.
    pub fn built_in() -> Result<Self, ProfileError> {
        let profiles = Profiles::new(BTreeMap::new())?;
        Ok(Self::new(profiles, Profiles::DEFAULT.to_owned(), BTreeMap::new()))
    }

    /// All of them.
    pub fn all(&self) -> &Profiles {
        &self.profiles
    }

    /// The name of the profile of webhooks that name none.
    pub fn usual(&self) -> &str {
        &self.usual
    }

    /// The name of the profile by which the events of such a webhook go.
    pub fn name_of<'a>(&'a self, options: &'a WebhookOptions) -> &'a str {
        options.profile.as_deref().unwrap_or(&self.usual)
    }

    /// The profile by which the events of such a webhook go; `None` where the configuration
    /// does not have it any more.
    pub fn of(&self, options: &WebhookOptions) -> Option<&Arc<Profile>> {
        self.profiles.get(self.name_of(options))
    }

    /// The deployment's own credentials for a profile.
    pub(crate) fn credentials(&self, profile: &str) -> Option<&Credentials> {
        self.credentials.get(profile)
    }
}
