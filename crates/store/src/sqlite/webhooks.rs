//! Registering, reading and deleting webhooks.

use rusqlite::{Connection, params};
use stayhook_core::{
    ClientId, Credentials, Description, EventPattern, PropertyId, Reason, Secrets, Status, Webhook, WebhookId,
};

use super::closing::{self, CLOSED_AT_ONCE};
use super::{audit, entitlements, lanes, query, rows, secrets, sql};
use crate::audit::Entry;
use crate::columns::{Name, StoredWebhook, list_text};
use crate::seal::Keyring;
use crate::{
    ChangeError, CreateError, NewWebhook, Order, Page, PageRequest, Registered, Scope, StoreError,
    WebhookFilter,
};

/// Registers a webhook in the property's lowest free slot.
pub(super) fn create(
    conn: &Connection,
    keyring: &Keyring,
    new: &NewWebhook,
) -> Result<Registered, CreateError> {
    let slot = free_slot(conn, new.property, new.limit)?;
    let webhook = insert(conn, new, slot)?;
    let id = webhook.id;
    let (secrets, credentials) = (Secrets::only(new.secret.clone()), new.credentials.clone());
    secrets::write(conn, keyring, id, &secrets)?;
    secrets::write_credentials(conn, keyring, id, credentials.as_ref())?;
    query::run(conn, sql::INSERT_URL, params![id.0, 1, new.url])?;
    query::run(conn, sql::INSERT_LANE, params![id.0, new.client.as_str()])?;
    audit::write(conn, &Entry::created(&webhook, credentials.as_ref().map(Credentials::kind)))?;
    let entitlement = entitlements::of(conn, new.property)?;
    Ok(Registered { webhook, secrets, credentials, entitlement, url_number: 1 })
}

fn free_slot(conn: &Connection, property: PropertyId, limit: u32) -> Result<u32, CreateError> {
    let taken: Vec<u32> = query::many(conn, sql::SLOTS, [property.get()], |row| Ok(row.get(0)?))?;
    let used = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let free = (1..=limit).find(|slot| !taken.contains(slot));
    free.filter(|_| used < limit).ok_or(CreateError::LimitReached { limit, used })
}

fn insert(conn: &Connection, new: &NewWebhook, slot: u32) -> Result<Webhook, StoreError> {
    let options = &new.options;
    let row = params![
        new.client.as_str(),
        new.property.get(),
        slot,
        new.url,
        new.description.as_ref().map(Description::as_str),
        list_text(new.events.patterns().iter().map(EventPattern::as_str)),
        options.include_custom_parameters,
        options.skip_own,
        options.ordering.as_str(),
        options.profile,
        options.shadow_profile,
        new.at.0,
    ];
    query::run(conn, sql::INSERT_WEBHOOK, row)?;
    Ok(Webhook {
        id: WebhookId(conn.last_insert_rowid()),
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
    })
}

/// The webhook where the scope sees it, its secret still sealed.
pub(super) fn find(
    conn: &Connection,
    scope: &Scope,
    id: WebhookId,
) -> Result<Option<StoredWebhook>, StoreError> {
    let found = query::one(conn, sql::WEBHOOK, [id.0], rows::webhook)?;
    Ok(found.filter(|it| scope.sees(&it.webhook.client, it.webhook.property)))
}

/// The webhook that an order is to change, where the scope sees it and its version allows that.
pub(super) fn find_for(
    conn: &Connection,
    scope: &Scope,
    id: WebhookId,
    order: &Order,
) -> Result<StoredWebhook, ChangeError> {
    let found = find(conn, scope, id)?.ok_or(ChangeError::NotFound)?;
    if order.allows(found.webhook.version) { Ok(found) } else { Err(ChangeError::OtherVersion) }
}

/// Whether the scope sees such a webhook.
pub(super) fn is_seen(conn: &Connection, scope: &Scope, id: WebhookId) -> Result<bool, StoreError> {
    let name = Name("webhooks", id);
    let seen = query::one(conn, sql::OWNER, [id.0], |row| {
        let client = name.valid("client", ClientId::parse(&row.get::<_, String>(0)?).ok())?;
        let property = name.valid("property_id", PropertyId::new(row.get(1)?).ok())?;
        Ok(scope.sees(&client, property))
    })?;
    Ok(seen.unwrap_or(false))
}

/// A page of what the scope sees, by the narrowest index that there is for it.
pub(super) fn page(
    conn: &Connection,
    scope: &Scope,
    filter: &WebhookFilter,
    page: PageRequest<WebhookId>,
) -> Result<Page<Webhook, WebhookId>, StoreError> {
    let before = page.after.map_or(i64::MAX, |it| it.0);
    let (statement, client) = match (filter.property, &scope.client) {
        (Some(_), _) => (sql::WEBHOOKS_OF_PROPERTY, None),
        (None, Some(client)) => (sql::WEBHOOKS_OF_CLIENT, Some(client.as_str())),
        (None, None) => (sql::WEBHOOKS, None),
    };
    let mut statement = conn.prepare_cached(statement)?;
    let mut rows = match (filter.property, client) {
        (Some(property), _) => statement.query(params![before, property.get()])?,
        (None, Some(client)) => statement.query(params![before, client])?,
        (None, None) => statement.query([before])?,
    };
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let webhook = rows::webhook(row)?.webhook;
        if !filter.wants(scope, &webhook) {
            continue;
        }
        if found.len() == page.limit {
            let next = found.last().map(|it: &Webhook| it.id);
            return Ok(Page { rows: found, next });
        }
        found.push(webhook);
    }
    Ok(Page { rows: found, next: None })
}

/// Every webhook.
pub(super) fn all(conn: &Connection) -> Result<Vec<StoredWebhook>, StoreError> {
    query::many(conn, sql::WEBHOOKS, [i64::MAX], rows::webhook)
}

/// Deletes the webhook and cancels what waits for it; the sweeper does the rest where it is
/// much.
pub(super) fn delete(
    conn: &Connection,
    keyring: &Keyring,
    scope: &Scope,
    id: WebhookId,
    order: &Order,
) -> Result<(), ChangeError> {
    let found = find_for(conn, scope, id, order)?;
    let credentials = found.credentials_kind(keyring);
    secrets::overwriting(conn, || query::run(conn, sql::DELETE_WEBHOOK, [id.0]))?;
    query::run(conn, sql::DELETE_URLS, [id.0])?;
    lanes::write_failing(conn, id, &Status::ACTIVE)?;
    closing::close(conn, id, Reason::WebhookDeleted, order.at, CLOSED_AT_ONCE)?;
    audit::write(conn, &Entry::deleted(&order.by, order.at, &found.webhook, credentials))?;
    Ok(())
}
