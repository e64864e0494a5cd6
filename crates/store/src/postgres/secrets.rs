//! Secrets that change: rotation, its end, and another key that seals them.

use sqlx::{PgConnection, Row as _};
use stayhook_core::{NextSecret, UnixMs, WebhookId};

use super::clock::Shift;
use super::failure::Failure;
use super::lanes::Lanes;
use super::rows::{self, limit};
use super::{audit, open, registry, sql, webhooks};
use crate::audit::Entry;
use crate::columns;
use crate::seal::{Keyring, Purpose};
use crate::{ChangeError, Order, Registered, Rotation, Scope, Sweep};

/// So many webhooks are sealed anew in one transaction.
const AT_ONCE: usize = 200;

/// Gives the webhook a new signing secret.
pub(super) async fn rotate(
    conn: &mut PgConnection,
    shift: Shift,
    keyring: &Keyring,
    scope: &Scope,
    id: WebhookId,
    rotation: &Rotation,
    order: &Order,
) -> Result<Result<Registered, ChangeError>, Failure> {
    Lanes::lock(conn, shift, [id]).await?;
    let Some(stored) = webhooks::find(conn, scope, id).await? else {
        return Ok(Err(ChangeError::NotFound));
    };
    if !order.allows(stored.webhook.version) {
        return Ok(Err(ChangeError::OtherVersion));
    }
    let mut it = stored.open(keyring)?;
    it.secrets = it.secrets.rotated(rotation.secret.clone(), order.at, rotation.overlap);
    it.webhook.version += 1;
    it.webhook.updated_at = order.at;
    write(conn, keyring, &it).await?;
    audit::write(conn, &Entry::rotated(&order.by, order.at, &it.webhook, rotation.overlap)).await?;
    registry::bump(conn, id).await?;
    Ok(Ok(it))
}

async fn write(conn: &mut PgConnection, keyring: &Keyring, it: &Registered) -> Result<(), Failure> {
    let webhook = &it.webhook;
    let seal = |secret| columns::seal_secret(keyring, webhook.id, secret);
    let next = it.secrets.next.as_ref();
    let sealed_next = next.map(|NextSecret { secret, .. }| seal(secret)).transpose()?;
    sqlx::query(sql::SET_SECRETS)
        .bind(webhook.id.0)
        .bind(seal(&it.secrets.current)?)
        .bind(sealed_next)
        .bind(next.map(|it| it.from.0))
        .bind(webhook.version)
        .bind(webhook.updated_at.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends the overlap of rotations whose time has come, so that the old secrets are gone. Nodes
/// of this version know by themselves when that is; those of the version before, which know
/// one secret alone, are told.
pub(super) async fn promote(conn: &mut PgConnection, sweep: &Sweep) -> Result<(), Failure> {
    let query = sqlx::query_scalar(sql::PROMOTE).bind(sweep.now.0).bind(limit(sweep.batch));
    let promoted: Vec<i64> = query.fetch_all(&mut *conn).await?;
    for webhook in promoted {
        registry::bump(conn, WebhookId(webhook)).await?;
    }
    Ok(())
}

/// How far sealing anew has come.
#[derive(Clone, Copy)]
pub(super) struct Resealing {
    /// Webhooks up to this one are done.
    after: i64,
    /// So many secrets were sealed anew.
    pub(super) resealed: u64,
    line: Option<i64>,
    pub(super) done: bool,
}

impl Resealing {
    pub(super) const START: Self = Self { after: 0, resealed: 0, line: None, done: false };

    /// Goes on with some webhooks; with the last of them the key check follows.
    pub(super) async fn step(
        mut self,
        conn: &mut PgConnection,
        keyring: &Keyring,
        at: UnixMs,
    ) -> Result<Self, Failure> {
        let query = sqlx::query(sql::SEALED).bind(self.after).bind(limit(AT_ONCE));
        let rows = query.fetch_all(&mut *conn).await?;
        let mut fresh = Fresh::default();
        for row in &rows {
            let webhook = rows::webhook_id(row, 0)?;
            self.after = webhook.0;
            fresh.add(keyring, webhook, row)?;
        }
        self.done = rows.len() < AT_ONCE;
        if self.done {
            open::reseal_check(conn, keyring).await?;
        }
        if fresh.count > 0 {
            self.resealed += fresh.count;
            fresh.write(conn).await?;
            let entry = Entry::resealed(at, self.resealed);
            self.line = Some(audit::write_or_extend(conn, self.line, &entry).await?);
        }
        Ok(self)
    }
}

/// What is to be written, column by column; `None` stays as it is.
#[derive(Default)]
struct Fresh {
    webhooks: Vec<i64>,
    secrets: Vec<Option<Vec<u8>>>,
    next: Vec<Option<Vec<u8>>>,
    credentials: Vec<Option<Vec<u8>>>,
    count: u64,
}

impl Fresh {
    fn add(
        &mut self,
        keyring: &Keyring,
        webhook: WebhookId,
        row: &sqlx::postgres::PgRow,
    ) -> Result<(), Failure> {
        let reseal = |at: usize, purpose, column| -> Result<Option<Vec<u8>>, Failure> {
            let Some(sealed) = row.try_get::<Option<&[u8]>, _>(at)? else { return Ok(None) };
            Ok(columns::reseal(keyring, webhook, purpose, column, sealed)?)
        };
        let fresh = [
            reseal(1, Purpose::SigningSecret, "secret")?,
            reseal(2, Purpose::SigningSecret, "next_secret")?,
            reseal(3, Purpose::Credentials, "credentials")?,
        ];
        let count = fresh.iter().flatten().count() as u64;
        if count > 0 {
            let [secret, next, credentials] = fresh;
            self.webhooks.push(webhook.0);
            self.secrets.push(secret);
            self.next.push(next);
            self.credentials.push(credentials);
            self.count += count;
        }
        Ok(())
    }

    async fn write(&self, conn: &mut PgConnection) -> Result<(), Failure> {
        let query = sqlx::query(sql::RESEAL).bind(&self.webhooks).bind(&self.secrets);
        query.bind(&self.next).bind(&self.credentials).execute(conn).await?;
        Ok(())
    }
}
