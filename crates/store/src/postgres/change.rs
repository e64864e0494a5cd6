//! Changing a webhook, and what that means for deliveries that wait.

use sqlx::PgConnection;
use stayhook_core::{
    Credentials, Description, Effects, EventPattern, Held, Ordering, Reason, Status, UnixMs, Webhook,
    WebhookId,
};

use super::clock::Shift;
use super::closing::{self, CLOSED_AT_ONCE};
use super::failure::Failure;
use super::lanes::{Lanes, write_failing};
use super::release::Part;
use super::rows::{int, limit};
use super::{audit, registry, sql, webhooks};
use crate::audit::{Entry, NewCredentials};
use crate::columns::{StoredWebhook, list_text, seal_credentials, status_columns};
use crate::seal::Keyring;
use crate::{ChangeError, Order, Patch, Scope, StoreError};

/// What somebody asks for; see [`crate::Store::change_webhook`].
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) patch: &'a Patch,
    pub(super) order: &'a Order,
    pub(super) retry_by: UnixMs,
}

/// Makes the change by the rules of [`Webhook::changed`], all or nothing.
pub(super) async fn change(
    conn: &mut PgConnection,
    shift: Shift,
    keyring: &Keyring,
    scope: &Scope,
    id: WebhookId,
    asked: Asked<'_>,
) -> Result<Result<StoredWebhook, ChangeError>, Failure> {
    Lanes::lock(conn, shift, [id]).await?;
    let Some(mut stored) = webhooks::find(conn, scope, id).await? else {
        return Ok(Err(ChangeError::NotFound));
    };
    if !asked.order.allows(stored.webhook.version) {
        return Ok(Err(ChangeError::OtherVersion));
    }
    let (mut next, effects) = match stored.webhook.changed(&asked.patch.change, asked.order.at) {
        Ok(changed) => changed,
        Err(refused) => return Ok(Err(refused.into())),
    };
    let replaced = replaced(keyring, &stored, asked.patch)?;
    if !effects.changed {
        if replaced.is_none() {
            return Ok(Ok(stored));
        }
        next.version += 1;
        next.updated_at = asked.order.at;
    }
    if next.url != stored.webhook.url {
        stored.url_number += 1;
        let url = sqlx::query(sql::INSERT_URL).bind(id.0).bind(int(stored.url_number)).bind(&next.url);
        url.execute(&mut *conn).await?;
    }
    update(conn, &next, stored.url_number).await?;
    if let Some(Replaced { sealed, .. }) = &replaced {
        sqlx::query(sql::SET_CREDENTIALS).bind(id.0).bind(sealed).execute(&mut *conn).await?;
        stored.sealed_credentials.clone_from(sealed);
    }
    let kinds = replaced.as_ref().map(|it| &it.kinds);
    let entry = Entry::changed(&asked.order.by, &stored.webhook, &next, kinds).releasing(effects.release);
    audit::write(conn, &entry).await?;
    switch(conn, shift, &stored.webhook, &next, asked.order.at).await?;
    reorder(conn, shift, &stored.webhook, &next, asked.order.at).await?;
    follow(conn, shift, &next, effects, asked.order.at, asked.retry_by).await?;
    registry::bump(conn, id).await?;
    stored.webhook = next;
    Ok(Ok(stored))
}

/// Credentials in place of those that were stored.
struct Replaced {
    sealed: Option<Vec<u8>>,
    kinds: NewCredentials,
}

/// The credentials that take the place of those that are stored; `None` if they stay. Whether new ones are the old ones nobody can tell from outside, so that they count as new.
fn replaced(
    keyring: &Keyring,
    stored: &StoredWebhook,
    patch: &Patch,
) -> Result<Option<Replaced>, StoreError> {
    let Some(new) = &patch.credentials else { return Ok(None) };
    if new.is_none() && stored.sealed_credentials.is_none() {
        return Ok(None);
    }
    let sealed = new.as_ref().map(|it| seal_credentials(keyring, stored.webhook.id, it)).transpose()?;
    let before = stored.credentials_kind(keyring);
    let kinds = NewCredentials { before, after: new.as_ref().map(Credentials::kind) };
    Ok(Some(Replaced { sealed, kinds }))
}

async fn update(conn: &mut PgConnection, next: &Webhook, url_number: u32) -> Result<(), Failure> {
    let (status, since, words) = status_columns(&next.status);
    sqlx::query(sql::UPDATE_WEBHOOK)
        .bind(next.id.0)
        .bind(&next.url)
        .bind(int(url_number))
        .bind(next.description.as_ref().map(Description::as_str))
        .bind(list_text(next.events.patterns().iter().map(EventPattern::as_str)))
        .bind(status)
        .bind(since)
        .bind(words)
        .bind(next.options.include_custom_parameters)
        .bind(next.options.skip_own)
        .bind(next.options.ordering.as_str())
        .bind(&next.options.profile)
        .bind(&next.options.shadow_profile)
        .bind(next.version)
        .bind(next.updated_at.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// The lane as the status wants it: held while paused, open again once reactivated. Another reason
/// of being disabled is nothing to it.
async fn switch(
    conn: &mut PgConnection,
    shift: Shift,
    before: &Webhook,
    next: &Webhook,
    at: UnixMs,
) -> Result<(), Failure> {
    let disabled = |webhook: &Webhook| matches!(webhook.status, Status::Disabled { .. });
    if before.status == next.status || (disabled(before) && disabled(next)) {
        return Ok(());
    }
    write_failing(conn, next.id, &next.status).await?;
    let held = matches!(next.status, Status::Paused { .. });
    let now = shift.there(at);
    sqlx::query(sql::SET_HELD).bind(next.id.0).bind(held).bind(now).execute(&mut *conn).await?;
    if disabled(before) {
        closing::reopen(conn, shift, next.id, at).await?;
    }
    if !held {
        // Other nodes may have room for what was held.
        sqlx::query(sql::RING_DUE).execute(conn).await?;
    }
    Ok(())
}

/// Deliveries that are leased stay with their holder: it looks at the webhook again before
/// an attempt, and its conclusion is decided by the webhook's status.
async fn follow(
    conn: &mut PgConnection,
    shift: Shift,
    next: &Webhook,
    effects: Effects,
    at: UnixMs,
    retry_by: UnixMs,
) -> Result<(), Failure> {
    let id = next.id;
    if effects.cancel_all {
        closing::close(conn, shift, id, Reason::WebhookDisabled, at, CLOSED_AT_ONCE).await?;
        return Ok(());
    }
    if effects.drop_unsubscribed {
        drop_unsubscribed(conn, shift, id, at).await?;
    }
    if effects.pull_forward {
        pull_forward(conn, id, shift.there(retry_by)).await?;
    }
    match effects.release {
        None | Some(Held::Deliver) => Ok(()),
        Some(Held::Latest) => release(conn, shift, id, Reason::Superseded, at).await,
        Some(Held::Discard) => release(conn, shift, id, Reason::Discarded, at).await,
    }
}

async fn pull_forward(conn: &mut PgConnection, id: WebhookId, due: i64) -> Result<(), Failure> {
    sqlx::query(sql::PARK_FORWARD).bind(id.0).bind(due).execute(&mut *conn).await?;
    let pulled = sqlx::query(sql::PULL_FORWARD).bind(id.0).bind(due).execute(&mut *conn).await?;
    if pulled.rows_affected() > 0 {
        sqlx::query(sql::LANES_DUE_BY).bind([id.0]).bind([due]).execute(conn).await?;
    }
    Ok(())
}

/// Cancels what waits of types that are not wanted any more. Where something else is still being
/// cancelled, such a delivery is called off when its turn comes.
async fn drop_unsubscribed(
    conn: &mut PgConnection,
    shift: Shift,
    id: WebhookId,
    at: UnixMs,
) -> Result<(), Failure> {
    if sqlx::query_scalar(sql::IS_CLOSING).bind(id.0).fetch_one(&mut *conn).await? {
        return Ok(());
    }
    release(conn, shift, id, Reason::Unsubscribed, at).await
}

/// Cancels what waits: of each booking all but the newest, what is not wanted, or everything.
async fn release(
    conn: &mut PgConnection,
    shift: Shift,
    id: WebhookId,
    reason: Reason,
    at: UnixMs,
) -> Result<(), Failure> {
    match Part::all(conn, id, reason, at).await? {
        Some(part) => part.begin(conn, shift, id).await,
        None => Ok(()),
    }
}

/// Where older ones are not waited for any more, what is parked becomes due: some of it at once, the
/// rest by the sweeper. Claims see to what gives way, and to what has to wait from now on.
async fn reorder(
    conn: &mut PgConnection,
    shift: Shift,
    before: &Webhook,
    next: &Webhook,
    at: UnixMs,
) -> Result<(), Failure> {
    if before.options.ordering == next.options.ordering {
        return Ok(());
    }
    let free = next.options.ordering != Ordering::Booking;
    sqlx::query(sql::SET_FREEING).bind(next.id.0).bind(free).execute(&mut *conn).await?;
    if free {
        let query = sqlx::query(sql::FREE).bind(next.id.0).bind(shift.there(at));
        query.bind(limit(CLOSED_AT_ONCE)).execute(&mut *conn).await?;
        sqlx::query(sql::RING_DUE).execute(conn).await?;
    }
    Ok(())
}
