//! Changing a webhook, and what that means for deliveries that wait.

use rusqlite::{Connection, params};
use stayhook_core::{
    Credentials, Description, Effects, EventPattern, Held, Ordering, Reason, Status, UnixMs, Webhook,
    WebhookId,
};

use super::closing::{self, CLOSED_AT_ONCE};
use super::release::Part;
use super::{audit, lanes, query, secrets, sql, webhooks};
use crate::audit::{Entry, NewCredentials};
use crate::columns::{StoredWebhook, list_text, status_columns};
use crate::{ChangeError, Keyring, Order, Patch, Registered, Scope, StoreError};

/// Makes the change by the rules of [`Webhook::changed`], all or nothing.
pub(super) fn change(
    conn: &Connection,
    keyring: &Keyring,
    scope: &Scope,
    id: WebhookId,
    patch: &Patch,
    order: &Order,
    retry_by: UnixMs,
) -> Result<Registered, ChangeError> {
    let mut stored = webhooks::find_for(conn, scope, id, order)?;
    let (mut next, effects) = stored.webhook.changed(&patch.change, order.at)?;
    let credentials = new_credentials(keyring, &stored, patch);
    if !effects.changed && credentials.is_none() {
        return Ok(stored.open(keyring)?);
    }
    if !effects.changed {
        (next.version, next.updated_at) = (next.version + 1, order.at);
    }
    if next.url != stored.webhook.url {
        stored.url_number += 1;
        query::run(conn, sql::INSERT_URL, params![id.0, stored.url_number, next.url])?;
    }
    update(conn, &next, stored.url_number)?;
    switch(conn, &stored.webhook, &next, order.at)?;
    reorder(conn, &stored.webhook, &next)?;
    follow(conn, &next, effects, order.at, retry_by)?;
    if let Some(wanted) = patch.credentials.as_ref().filter(|_| credentials.is_some()) {
        stored.sealed_credentials = secrets::write_credentials(conn, keyring, id, wanted.as_ref())?;
    }
    let entry = Entry::changed(&order.by, &stored.webhook, &next, credentials.as_ref());
    audit::write(conn, &entry.releasing(effects.release))?;
    stored.webhook = next;
    Ok(stored.open(keyring)?)
}

/// What the patch makes of the credentials, if it replaces or clears any. New ones are never
/// compared with the old: nobody is to learn whether they are the same.
fn new_credentials(keyring: &Keyring, stored: &StoredWebhook, patch: &Patch) -> Option<NewCredentials> {
    let wanted = patch.credentials.as_ref()?;
    let changes = wanted.is_some() || stored.sealed_credentials.is_some();
    changes.then(|| NewCredentials {
        before: stored.credentials_kind(keyring),
        after: wanted.as_ref().map(Credentials::kind),
    })
}

fn update(conn: &Connection, next: &Webhook, url_number: u32) -> Result<(), StoreError> {
    let (status, since, words) = status_columns(&next.status);
    let row = params![
        next.id.0,
        next.url,
        url_number,
        next.description.as_ref().map(Description::as_str),
        list_text(next.events.patterns().iter().map(EventPattern::as_str)),
        status,
        since,
        words,
        next.options.include_custom_parameters,
        next.options.skip_own,
        next.options.ordering.as_str(),
        next.options.profile,
        next.options.shadow_profile,
        next.version,
        next.updated_at.0,
    ];
    query::run(conn, sql::UPDATE_WEBHOOK, row)?;
    Ok(())
}

/// The lane as the status wants it: held while paused, open again once reactivated. Another reason
/// of being disabled is nothing to it.
fn switch(conn: &Connection, before: &Webhook, next: &Webhook, at: UnixMs) -> Result<(), StoreError> {
    let disabled = |webhook: &Webhook| matches!(webhook.status, Status::Disabled { .. });
    if before.status == next.status || (disabled(before) && disabled(next)) {
        return Ok(());
    }
    lanes::write_failing(conn, next.id, &next.status)?;
    let held = matches!(next.status, Status::Paused { .. });
    query::run(conn, sql::SET_HELD, params![next.id.0, held, at.0])?;
    if disabled(before) {
        closing::reopen(conn, next.id, at)?;
    }
    Ok(())
}

/// Deliveries that are leased stay with their holder: it looks at the webhook again before
/// an attempt, and its conclusion is decided by the webhook's status.
fn follow(
    conn: &Connection,
    next: &Webhook,
    effects: Effects,
    at: UnixMs,
    retry_by: UnixMs,
) -> Result<(), StoreError> {
    let id = next.id;
    if effects.cancel_all {
        closing::close(conn, id, Reason::WebhookDisabled, at, CLOSED_AT_ONCE)?;
        return Ok(());
    }
    if effects.drop_unsubscribed {
        drop_unsubscribed(conn, id, at)?;
    }
    if effects.pull_forward {
        query::run(conn, sql::PARK_FORWARD, params![id.0, retry_by.0])?;
        if query::run(conn, sql::PULL_FORWARD, params![id.0, retry_by.0])? > 0 {
            query::run(conn, sql::LANE_DUE_BY, params![id.0, retry_by.0])?;
        }
    }
    match effects.release {
        None | Some(Held::Deliver) => Ok(()),
        Some(Held::Latest) => Part::begin(conn, id, Reason::Superseded, at),
        Some(Held::Discard) => Part::begin(conn, id, Reason::Discarded, at),
    }
}

/// Cancels what waits of types that are not wanted any more. Where something else is still being
/// cancelled, such a delivery is called off when its turn comes.
fn drop_unsubscribed(conn: &Connection, id: WebhookId, at: UnixMs) -> Result<(), StoreError> {
    if query::exists(conn, sql::IS_CLOSING, [id.0])? {
        return Ok(());
    }
    Part::begin(conn, id, Reason::Unsubscribed, at)
}

/// Where older ones are not waited for any more, what is parked becomes due: some of it at once,
/// the rest by the sweeper. Claims see to what gives way, and to what has to wait from now on.
fn reorder(conn: &Connection, before: &Webhook, next: &Webhook) -> Result<(), StoreError> {
    if before.options.ordering == next.options.ordering {
        return Ok(());
    }
    let free = next.options.ordering != Ordering::Booking;
    query::run(conn, sql::SET_FREEING, params![next.id.0, free])?;
    if free {
        let most = i64::try_from(CLOSED_AT_ONCE).unwrap_or(i64::MAX);
        query::run(conn, sql::FREE, [next.id.0, most])?;
    }
    Ok(())
}
