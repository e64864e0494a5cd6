//! The secrets of webhooks: written sealed, rotated, and overwritten when they go.

use rusqlite::{Connection, params};
use stayhook_core::{Credentials, Secrets, WebhookId};

use super::{audit, query, sql, webhooks};
use crate::audit::Entry;
use crate::columns::{seal_credentials, seal_secret};
use crate::seal::Keyring;
use crate::{ChangeError, Order, Registered, Rotation, Scope, StoreError, Sweep};

/// Writes a webhook's signing secrets.
pub(super) fn write(
    conn: &Connection,
    keyring: &Keyring,
    webhook: WebhookId,
    secrets: &Secrets,
) -> Result<(), StoreError> {
    let current = seal_secret(keyring, webhook, &secrets.current)?;
    let next = secrets.next.as_ref();
    let sealed_next = next.map(|it| seal_secret(keyring, webhook, &it.secret)).transpose()?;
    let from = next.map(|it| it.from.0);
    overwriting(conn, || query::run(conn, sql::SET_SECRETS, params![webhook.0, current, sealed_next, from]))?;
    Ok(())
}

/// Writes a webhook's credentials, or that it has none; returns them sealed.
pub(super) fn write_credentials(
    conn: &Connection,
    keyring: &Keyring,
    webhook: WebhookId,
    credentials: Option<&Credentials>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = credentials.map(|it| seal_credentials(keyring, webhook, it)).transpose()?;
    overwriting(conn, || query::run(conn, sql::SET_CREDENTIALS, params![webhook.0, sealed]))?;
    Ok(sealed)
}

/// Gives the webhook a new signing secret.
pub(super) fn rotate(
    conn: &Connection,
    keyring: &Keyring,
    scope: &Scope,
    id: WebhookId,
    rotation: &Rotation,
    order: &Order,
) -> Result<Registered, ChangeError> {
    let stored = webhooks::find_for(conn, scope, id, order)?;
    let mut rotated = stored.open(keyring)?;
    rotated.secrets = rotated.secrets.rotated(rotation.secret.clone(), order.at, rotation.overlap);
    rotated.webhook.version += 1;
    rotated.webhook.updated_at = order.at;
    write(conn, keyring, id, &rotated.secrets)?;
    query::run(conn, sql::SET_VERSION, params![id.0, rotated.webhook.version, order.at.0])?;
    audit::write(conn, &Entry::rotated(&order.by, order.at, &rotated.webhook, rotation.overlap))?;
    Ok(rotated)
}

/// Puts next secrets whose time has come into the place of the current ones, which are
/// overwritten. Whoever read them before that knew already which one is in use.
pub(super) fn promote(conn: &Connection, sweep: &Sweep) -> Result<(), StoreError> {
    let batch = i64::try_from(sweep.batch).unwrap_or(i64::MAX);
    let due = query::many(conn, sql::ROTATED, params![sweep.now.0, batch], |row| Ok(row.get::<_, i64>(0)?))?;
    if due.is_empty() {
        return Ok(());
    }
    overwriting(conn, || {
        for webhook in due {
            query::run(conn, sql::PROMOTE, [webhook])?;
        }
        Ok(())
    })
}

/// Runs statements that remove secrets, with all bytes that they free overwritten. (Otherwise
/// the file forgets whole pages without writing to them, which spares pruning much of its work.)
pub(super) fn overwriting<T>(
    conn: &Connection,
    job: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.pragma_update(None, "secure_delete", "ON")?;
    let result = job();
    conn.pragma_update(None, "secure_delete", "FAST")?;
    result
}
