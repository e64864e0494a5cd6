//! Sealing stored secrets anew under another key.

use rusqlite::{Connection, Row, params};
use stayhook_core::{UnixMs, WebhookId};

use super::audit::Tale;
use super::{open, query, sql};
use crate::StoreError;
use crate::audit::Entry;
use crate::columns::reseal;
use crate::seal::{Keyring, Purpose};

/// So many webhooks' secrets are sealed anew in one transaction.
const BATCH: i64 = 200;

/// How far the secrets were sealed anew.
#[derive(Clone, Copy, Default)]
pub(super) struct Resealing {
    /// What was done.
    pub(super) tale: Tale,
    /// Webhooks up to this one are done.
    through: i64,
    /// Whether all is done.
    pub(super) over: bool,
}

impl Resealing {
    /// Seals a batch anew. The value by which a wrong key is noticed comes last, so that a
    /// process that has only the new key does not start before it can open everything.
    pub(super) fn go_on(
        mut self,
        conn: &Connection,
        keyring: &Keyring,
        at: UnixMs,
    ) -> Result<Self, StoreError> {
        let batch = query::many(conn, sql::SEALED, [self.through, BATCH], Sealed::read)?;
        let mut sealed = 0;
        for webhook in &batch {
            sealed += webhook.reseal(conn, keyring)?;
        }
        self.tale.add(conn, sealed, |done| Entry::resealed(at, done))?;
        match batch.last() {
            Some(last) => self.through = last.webhook.0,
            None => {
                open::reseal_check(conn, keyring)?;
                self.over = true;
            }
        }
        Ok(self)
    }
}

/// All that is stored sealed of a webhook.
struct Sealed {
    webhook: WebhookId,
    secret: Option<Vec<u8>>,
    next: Option<Vec<u8>>,
    credentials: Option<Vec<u8>>,
}

impl Sealed {
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            webhook: WebhookId(row.get(0)?),
            secret: row.get(1)?,
            next: row.get(2)?,
            credentials: row.get(3)?,
        })
    }

    /// Returns how many of them it sealed anew.
    fn reseal(&self, conn: &Connection, keyring: &Keyring) -> Result<u64, StoreError> {
        let anew = |purpose, column, sealed: &Option<Vec<u8>>| {
            let sealed = sealed.as_deref().map(|it| reseal(keyring, self.webhook, purpose, column, it));
            Ok::<_, StoreError>(sealed.transpose()?.flatten())
        };
        let secret = anew(Purpose::SigningSecret, "secret", &self.secret)?;
        let next = anew(Purpose::SigningSecret, "next_secret", &self.next)?;
        let credentials = anew(Purpose::Credentials, "credentials", &self.credentials)?;
        let count = [&secret, &next, &credentials].into_iter().flatten().count();
        if count > 0 {
            query::run(conn, sql::RESEAL, params![self.webhook.0, secret, next, credentials])?;
        }
        Ok(count as u64)
    }
}
