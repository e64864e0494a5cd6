//! Registering, reading and deleting webhooks.

use stayhook_core::{Credentials, Reason, Secrets, Status, Webhook, WebhookId};

use super::change::CLOSED_AT_ONCE;
use super::state::{Hook, Lane, State, Time};
use crate::audit::Entry;
use crate::page::Gathering;
use crate::{
    ChangeError, CreateError, NewWebhook, Order, Page, PageRequest, Registered, Rotation, Scope,
    WebhookFilter,
};

impl State {
    pub(super) fn create_webhook(&mut self, new: NewWebhook, time: Time) -> Result<Registered, CreateError> {
        let used = self.webhooks.values().filter(|it| it.webhook.property == new.property).count();
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        if used >= new.limit {
            return Err(CreateError::LimitReached { limit: new.limit, used });
        }
        let id = self.next_webhook();
        let webhook = Webhook {
            id,
            client: new.client,
            property: new.property,
            url: new.url,
            events: new.events,
            description: new.description,
            status: Status::ACTIVE,
            options: new.options,
            created_at: new.at,
            updated_at: new.at,
            version: 1,
        };
        self.write_down(Entry::created(&webhook, new.credentials.as_ref().map(Credentials::kind)));
        self.urls.insert((id, 1), webhook.url.clone());
        self.lanes.insert(id, Lane { client: webhook.client.to_string(), ..Lane::default() });
        let secrets = Secrets::only(new.secret);
        self.webhooks.insert(id, Hook { webhook, url_number: 1, secrets, credentials: new.credentials });
        self.changed(Some(id), time);
        Ok(self.expect_registered(id)?)
    }

    /// The webhook, where the scope sees it.
    pub(super) fn seen(&self, scope: &Scope, id: WebhookId) -> Option<&Hook> {
        self.webhooks.get(&id).filter(|it| scope.sees(&it.webhook.client, it.webhook.property))
    }

    /// The same for whoever wants to change it.
    pub(super) fn ordered(&self, scope: &Scope, id: WebhookId, order: &Order) -> Result<&Hook, ChangeError> {
        let hook = self.seen(scope, id).ok_or(ChangeError::NotFound)?;
        if order.allows(hook.webhook.version) { Ok(hook) } else { Err(ChangeError::OtherVersion) }
    }

    pub(super) fn webhooks(
        &self,
        scope: &Scope,
        filter: &WebhookFilter,
        page: PageRequest<WebhookId>,
    ) -> Page<Webhook, WebhookId> {
        let mut gathering = Gathering::new(page.limit);
        for (id, hook) in self.webhooks.iter().rev().filter(|(id, _)| page.after.is_none_or(|it| **id < it)) {
            let wanted = filter.wants(scope, &hook.webhook).then(|| hook.webhook.clone());
            if let Some(page) = gathering.add(*id, wanted) {
                return page;
            }
        }
        gathering.end()
    }

    pub(super) fn delete_webhook(
        &mut self,
        scope: &Scope,
        id: WebhookId,
        order: &Order,
        time: Time,
    ) -> Result<(), ChangeError> {
        let hook = self.ordered(scope, id, order)?;
        let kind = hook.credentials.as_ref().map(Credentials::kind);
        let entry = Entry::deleted(&order.by, order.at, &hook.webhook, kind);
        self.write_down(entry);
        self.webhooks.remove(&id);
        self.close(id, Reason::WebhookDeleted, order.at, time, CLOSED_AT_ONCE);
        self.changed(Some(id), time);
        Ok(())
    }

    pub(super) fn rotate_secret(
        &mut self,
        scope: &Scope,
        id: WebhookId,
        rotation: Rotation,
        order: &Order,
        time: Time,
    ) -> Result<Registered, ChangeError> {
        self.ordered(scope, id, order)?;
        let Some(hook) = self.webhooks.get_mut(&id) else { return Err(ChangeError::NotFound) };
        hook.secrets = hook.secrets.rotated(rotation.secret, order.at, rotation.overlap);
        hook.webhook.version += 1;
        hook.webhook.updated_at = order.at;
        let entry = Entry::rotated(&order.by, order.at, &hook.webhook, rotation.overlap);
        self.write_down(entry);
        self.changed(Some(id), time);
        Ok(self.expect_registered(id)?)
    }
}
