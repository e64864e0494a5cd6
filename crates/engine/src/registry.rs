//! The node's copy of all webhooks: what fan-out and every attempt look at.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use stayhook_core::{PropertyId, Status, UrlRules, Webhook, WebhookId};
use stayhook_store::{Entitlement, Registered, StatusChanged};

use crate::profiles::ProfileSet;
use crate::sender::Sender;
use crate::tokens::Tokens;

/// A webhook, ready to be sent to.
pub(crate) struct Entry {
    pub(crate) webhook: Webhook,
    pub(crate) url_number: u32,
    /// The name of the profile by which new events go.
    pub(crate) profile: Arc<str>,
    /// Makes its requests.
    pub(crate) sender: Arc<Sender>,
}

/// What a node judges webhooks by.
pub(crate) struct Rules {
    pub(crate) urls: UrlRules,
    pub(crate) profiles: ProfileSet,
    /// Whether properties may be served about which nothing was set.
    pub(crate) entitled: bool,
}

/// All webhooks by id and by property.
pub(crate) struct Registry {
    rules: Rules,
    /// Which changes of other nodes this copy has followed, see [`stayhook_store::RegistryChanges`].
    generation: AtomicI64,
    maps: RwLock<Maps>,
    tokens: Tokens,
}

#[derive(Default)]
struct Maps {
    by_id: HashMap<WebhookId, Arc<Entry>>,
    by_property: HashMap<PropertyId, Vec<WebhookId>>,
    /// Of properties with webhooks; the newest that is known.
    entitlements: HashMap<PropertyId, Entitlement>,
    /// Ids are never given twice: a change that is applied after the deletion is stale.
    deleted: HashSet<WebhookId>,
}

impl Registry {
    pub(crate) fn new(rules: Rules, webhooks: Vec<Registered>, generation: i64) -> Self {
        let registry = Self {
            rules,
            generation: AtomicI64::new(generation),
            maps: RwLock::default(),
            tokens: Tokens::default(),
        };
        for webhook in webhooks {
            registry.apply(&webhook);
        }
        registry
    }

    pub(crate) fn generation(&self) -> i64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Other nodes' changes up to this generation have been followed.
    pub(crate) fn followed(&self, generation: i64) {
        self.generation.fetch_max(generation, Ordering::AcqRel);
    }

    /// The ids of all webhooks.
    pub(crate) fn ids(&self) -> Vec<WebhookId> {
        self.read(|maps| maps.by_id.keys().copied().collect())
    }

    pub(crate) fn get(&self, id: WebhookId) -> Option<Arc<Entry>> {
        self.read(|maps| maps.by_id.get(&id).cloned())
    }

    /// Every webhook of a property, in order of registration.
    pub(crate) fn of(&self, property: PropertyId) -> Vec<Arc<Entry>> {
        self.read(|maps| {
            let ids = maps.by_property.get(&property).map(Vec::as_slice).unwrap_or_default();
            ids.iter().filter_map(|id| maps.by_id.get(id).cloned()).collect()
        })
    }

    /// Whether the property may be served.
    pub(crate) fn entitled(&self, property: PropertyId) -> bool {
        let set = self.read(|maps| maps.entitlements.get(&property).and_then(|it| it.set));
        set.unwrap_or(self.rules.entitled)
    }

    pub(crate) fn len(&self) -> usize {
        self.read(|maps| maps.by_id.len())
    }

    /// Takes over a webhook as the store has it, unless a newer state is known.
    pub(crate) fn apply(&self, registered: &Registered) {
        let entry = Arc::new(self.entry(registered));
        let webhook = &registered.webhook;
        self.write(|maps| {
            if maps.deleted.contains(&webhook.id) {
                return;
            }
            maps.learn(webhook.property, registered.entitlement);
            let known = maps.by_id.get(&webhook.id);
            if known.is_some_and(|it| it.webhook.version > webhook.version) {
                return;
            }
            if known.is_none() {
                let ids = maps.by_property.entry(webhook.property).or_default();
                let at = ids.partition_point(|id| *id < webhook.id);
                ids.insert(at, webhook.id);
            }
            maps.by_id.insert(webhook.id, entry);
        });
    }

    /// Takes over a status that an attempt or the clock led to.
    pub(crate) fn apply_status(&self, change: &StatusChanged) {
        self.write(|maps| {
            let Some(entry) = maps.by_id.get_mut(&change.webhook) else { return };
            if change.version >= entry.webhook.version {
                *entry = Arc::new(entry.with_status(change.status.clone(), change.version));
            }
        });
    }

    pub(crate) fn remove(&self, id: WebhookId) {
        self.write(|maps| {
            maps.deleted.insert(id);
            let Some(entry) = maps.by_id.remove(&id) else { return };
            if let Some(ids) = maps.by_property.get_mut(&entry.webhook.property) {
                ids.retain(|it| *it != id);
                if ids.is_empty() {
                    maps.by_property.remove(&entry.webhook.property);
                    maps.entitlements.remove(&entry.webhook.property);
                }
            }
        });
    }

    /// A webhook as the store has it, ready to be sent to.
    pub(crate) fn entry(&self, registered: &Registered) -> Entry {
        let webhook = registered.webhook.clone();
        let Rules { urls, profiles, .. } = &self.rules;
        Entry {
            url_number: registered.url_number,
            profile: profiles.name_of(&webhook.options).into(),
            sender: Arc::new(Sender::of(registered, profiles, urls, &self.tokens)),
            webhook,
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Maps) -> T) -> T {
        // Every write leaves the maps whole, also one that panicked between two lines.
        look(&self.maps.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Maps)) {
        change(&mut self.maps.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Maps {
    fn learn(&mut self, property: PropertyId, entitlement: Entitlement) {
        let known = self.entitlements.entry(property).or_default();
        if entitlement.version >= known.version {
            *known = entitlement;
        }
    }
}

impl Entry {
    fn with_status(&self, status: Status, version: i64) -> Self {
        Self {
            webhook: Webhook { status, version, ..self.webhook.clone() },
            url_number: self.url_number,
            profile: Arc::clone(&self.profile),
            sender: Arc::clone(&self.sender),
        }
    }
}
