//! Webhooks with their secrets as both databases store them: sealed.

use stayhook_core::{Credentials, NextSecret, Secrets, SigningSecret, UnixMs, Webhook, WebhookId};
use zeroize::Zeroizing;

use super::Name;
use crate::seal::{Keyring, Purpose, Unopened};
use crate::{Entitlement, Registered, StoreError};

/// A webhook as it is stored; its secrets still sealed.
pub(crate) struct StoredWebhook {
    pub(crate) webhook: Webhook,
    pub(crate) url_number: u32,
    pub(crate) sealed: Vec<u8>,
    /// The secret that a rotation brought, and when it takes the place of the other one.
    pub(crate) sealed_next: Option<(Vec<u8>, UnixMs)>,
    pub(crate) sealed_credentials: Option<Vec<u8>>,
    pub(crate) entitlement: Entitlement,
}

impl StoredWebhook {
    /// Opens the secrets.
    pub(crate) fn open(self, keyring: &Keyring) -> Result<Registered, StoreError> {
        let id = self.webhook.id;
        let current = open_secret(keyring, id, "secret", &self.sealed)?;
        let next = self.sealed_next.map(|(sealed, from)| {
            Ok::<_, StoreError>(NextSecret {
                secret: open_secret(keyring, id, "next_secret", &sealed)?,
                from,
            })
        });
        let credentials = self.sealed_credentials.map(|sealed| open_credentials(keyring, id, &sealed));
        Ok(Registered {
            webhook: self.webhook,
            secrets: Secrets { current, next: next.transpose()? },
            credentials: credentials.transpose()?,
            entitlement: self.entitlement,
            url_number: self.url_number,
        })
    }

    /// The kind of the credentials for the audit log; `None` where there are none, or where they
    /// do not open: nobody is kept from replacing or deleting them.
    pub(crate) fn credentials_kind(&self, keyring: &Keyring) -> Option<&'static str> {
        let sealed = self.sealed_credentials.as_deref()?;
        open_credentials(keyring, self.webhook.id, sealed).ok().map(|it| it.kind())
    }
}

/// Seals a value of a webhook.
pub(crate) fn seal(
    keyring: &Keyring,
    webhook: WebhookId,
    purpose: Purpose,
    plain: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let sealed = keyring.seal(webhook, purpose, plain);
    sealed.ok_or_else(|| StoreError::Unavailable("the system has no randomness".to_owned()))
}

/// Seals a webhook's signing secret.
pub(crate) fn seal_secret(
    keyring: &Keyring,
    webhook: WebhookId,
    secret: &SigningSecret,
) -> Result<Vec<u8>, StoreError> {
    seal(keyring, webhook, Purpose::SigningSecret, secret.expose().as_bytes())
}

/// Seals a webhook's credentials.
pub(crate) fn seal_credentials(
    keyring: &Keyring,
    webhook: WebhookId,
    credentials: &Credentials,
) -> Result<Vec<u8>, StoreError> {
    seal(keyring, webhook, Purpose::Credentials, &credentials.expose_bytes())
}

/// Seals anew what was read from this column of `webhooks`; `None` if that is not needed.
pub(crate) fn reseal(
    keyring: &Keyring,
    webhook: WebhookId,
    purpose: Purpose,
    column: &'static str,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    if keyring.is_current(sealed) {
        return Ok(None);
    }
    let plain = open(keyring, webhook, purpose, column, sealed)?;
    seal(keyring, webhook, purpose, &plain).map(Some)
}

fn open_secret(
    keyring: &Keyring,
    webhook: WebhookId,
    column: &'static str,
    sealed: &[u8],
) -> Result<SigningSecret, StoreError> {
    let opened = open(keyring, webhook, Purpose::SigningSecret, column, sealed)?;
    let secret = std::str::from_utf8(&opened).ok().and_then(|text| SigningSecret::parse(text).ok());
    Name("webhooks", webhook).valid(column, secret)
}

fn open_credentials(keyring: &Keyring, webhook: WebhookId, sealed: &[u8]) -> Result<Credentials, StoreError> {
    let opened = open(keyring, webhook, Purpose::Credentials, "credentials", sealed)?;
    Name("webhooks", webhook).valid("credentials", Credentials::from_bytes(&opened))
}

fn open(
    keyring: &Keyring,
    webhook: WebhookId,
    purpose: Purpose,
    column: &'static str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    keyring.open(webhook, purpose, sealed).map_err(|error| match error {
        Unopened::OtherKey => StoreError::WrongKey,
        Unopened::Damaged => Name("webhooks", webhook).corrupt(column),
    })
}
