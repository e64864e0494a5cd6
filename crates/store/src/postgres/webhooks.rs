//! Registering, reading and deleting webhooks.

use sqlx::PgConnection;
use stayhook_core::{
    Credentials, Description, EventPattern, PropertyId, Reason, Secrets, Status, Webhook, WebhookId,
};

use super::clock::Shift;
use super::closing::{self, CLOSED_AT_ONCE};
use super::failure::Failure;
use super::lanes::{Lanes, write_failing};
use super::rows::{self, int, limit};
use super::{audit, entitlements, registry, sql};
use crate::audit::Entry;
use crate::columns::{Name, StoredWebhook, list_text, seal_credentials, seal_secret};
use crate::seal::Keyring;
use crate::{
    ChangeError, CreateError, NewWebhook, Order, Page, PageRequest, Registered, Scope, WebhookFilter,
};

/// Registers a webhook in the property's lowest free slot.
pub(super) async fn create(
    conn: &mut PgConnection,
    keyring: &Keyring,
    new: &NewWebhook,
) -> Result<Result<Registered, CreateError>, Failure> {
    let slot = match free_slot(conn, new.property, new.limit).await? {
        Ok(slot) => slot,
        Err(full) => return Ok(Err(full)),
    };
    let id = WebhookId(sqlx::query_scalar(sql::NEXT_WEBHOOK).fetch_one(&mut *conn).await?);
    insert(conn, keyring, id, new, slot).await?;
    sqlx::query(sql::INSERT_URL).bind(id.0).bind(1).bind(&new.url).execute(&mut *conn).await?;
    sqlx::query(sql::INSERT_LANE).bind(id.0).bind(new.client.as_str()).execute(&mut *conn).await?;
    let webhook = Webhook {
        id,
        client: new.client.clone(),
        property: new.property,
        url: new.url.clone(),
        events: new.events.clone(),
        description: new.description.clone(),
        status: Status::ACTIVE,
        options: new.options.clone(),
        created_at: new.at,
        updated_at: new.at,
        version: 1,
    };
    let kind = new.credentials.as_ref().map(Credentials::kind);
    audit::write(conn, &Entry::created(&webhook, kind)).await?;
    let entitlement = entitlements::of(conn, new.property).await?;
    registry::bump(conn, id).await?;
    let (secrets, credentials) = (Secrets::only(new.secret.clone()), new.credentials.clone());
    Ok(Ok(Registered { webhook, secrets, credentials, entitlement, url_number: 1 }))
}

async fn free_slot(
    conn: &mut PgConnection,
    property: PropertyId,
    limit: u32,
) -> Result<Result<u32, CreateError>, Failure> {
    sqlx::query(sql::LOCK_PROPERTY).bind(property.get()).execute(&mut *conn).await?;
    let taken: Vec<i32> = sqlx::query_scalar(sql::SLOTS).bind(property.get()).fetch_all(conn).await?;
    let used = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let free = (1..=limit).find(|slot| !taken.contains(&int(*slot)));
    Ok(free.filter(|_| used < limit).ok_or(CreateError::LimitReached { limit, used }))
}

async fn insert(
    conn: &mut PgConnection,
    keyring: &Keyring,
    id: WebhookId,
    new: &NewWebhook,
    slot: u32,
) -> Result<(), Failure> {
    let options = &new.options;
    let credentials = new.credentials.as_ref().map(|it| seal_credentials(keyring, id, it)).transpose()?;
    sqlx::query(sql::INSERT_WEBHOOK)
        .bind(id.0)
        .bind(new.client.as_str())
        .bind(new.property.get())
        .bind(int(slot))
        .bind(&new.url)
        .bind(new.description.as_ref().map(Description::as_str))
        .bind(list_text(new.events.patterns().iter().map(EventPattern::as_str)))
        .bind(options.include_custom_parameters)
        .bind(options.skip_own)
        .bind(options.ordering.as_str())
        .bind(&options.profile)
        .bind(&options.shadow_profile)
        .bind(seal_secret(keyring, id, &new.secret)?)
        .bind(credentials)
        .bind(new.at.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// The webhook where the scope sees it, its secret still sealed.
pub(super) async fn find(
    conn: &mut PgConnection,
    scope: &Scope,
    id: WebhookId,
) -> Result<Option<StoredWebhook>, Failure> {
    let row = sqlx::query(sql::WEBHOOK).bind(id.0).fetch_optional(conn).await?;
    let found = row.as_ref().map(rows::webhook).transpose()?;
    Ok(found.filter(|it| scope.sees(&it.webhook.client, it.webhook.property)))
}

/// Whether the scope sees such a webhook.
pub(super) async fn is_seen(conn: &mut PgConnection, scope: &Scope, id: WebhookId) -> Result<bool, Failure> {
    let name = Name("webhooks", id);
    let Some(row) = sqlx::query(sql::OWNER).bind(id.0).fetch_optional(conn).await? else { return Ok(false) };
    Ok(scope.sees(&rows::client(&row, 0, &name)?, rows::property(&row, 1, &name)?))
}

/// A page of what the scope sees, by the narrowest index that there is for it.
pub(super) async fn page(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &WebhookFilter,
    page: PageRequest<WebhookId>,
) -> Result<Page<Webhook, WebhookId>, Failure> {
    let mut before = page.after.map_or(i64::MAX, |it| it.0);
    // As many as are wanted where all match, and more where few do.
    let mut step = page.limit.saturating_add(1);
    let mut found = Vec::new();
    loop {
        let rows = match (filter.property, &scope.client) {
            (Some(property), _) => {
                let query = sqlx::query(sql::WEBHOOKS_OF_PROPERTY).bind(before).bind(limit(step));
                query.bind(property.get()).fetch_all(&mut *conn).await?
            }
            (None, Some(client)) => {
                let query = sqlx::query(sql::WEBHOOKS_OF_CLIENT).bind(before).bind(limit(step));
                query.bind(client.as_str()).fetch_all(&mut *conn).await?
            }
            (None, None) => {
                sqlx::query(sql::WEBHOOKS).bind(before).bind(limit(step)).fetch_all(&mut *conn).await?
            }
        };
        for row in &rows {
            let webhook = rows::webhook(row)?.webhook;
            before = webhook.id.0;
            if !filter.wants(scope, &webhook) {
                continue;
            }
            if found.len() == page.limit {
                let next = found.last().map(|it: &Webhook| it.id);
                return Ok(Page { rows: found, next });
            }
            found.push(webhook);
        }
        if rows.len() < step {
            return Ok(Page { rows: found, next: None });
        }
        step = step.saturating_mul(2).min(MOST_AT_ONCE);
    }
}

/// So many rows are read at once in search of those that are wanted.
const MOST_AT_ONCE: usize = 2_000;

/// Deletes the webhook and cancels what waits for it; the sweeper does the rest where it is
/// much.
pub(super) async fn delete(
    conn: &mut PgConnection,
    shift: Shift,
    keyring: &Keyring,
    scope: &Scope,
    id: WebhookId,
    order: &Order,
) -> Result<Result<(), ChangeError>, Failure> {
    Lanes::lock(conn, shift, [id]).await?;
    let Some(found) = find(conn, scope, id).await? else { return Ok(Err(ChangeError::NotFound)) };
    if !order.allows(found.webhook.version) {
        return Ok(Err(ChangeError::OtherVersion));
    }
    let kind = found.credentials_kind(keyring);
    audit::write(conn, &Entry::deleted(&order.by, order.at, &found.webhook, kind)).await?;
    sqlx::query(sql::DELETE_WEBHOOK).bind(id.0).execute(&mut *conn).await?;
    sqlx::query(sql::DELETE_URLS).bind(id.0).execute(&mut *conn).await?;
    write_failing(conn, id, &Status::ACTIVE).await?;
    closing::close(conn, shift, id, Reason::WebhookDeleted, order.at, CLOSED_AT_ONCE).await?;
    registry::bump(conn, id).await?;
    Ok(Ok(()))
}
