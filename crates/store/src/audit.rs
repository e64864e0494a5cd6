//! The audit log: who changed what, when, from what to what. No secrets, no payloads.

mod entry;
mod words;

use stayhook_core::{ClientId, UnixMs, WebhookId};

pub(crate) use entry::{Entry, NewCredentials, parse_author};

use crate::Author;

/// Something that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A webhook was registered.
    WebhookCreated,
    /// A webhook was changed: by its owner, an administrator, or the 72-hour rule.
    WebhookChanged,
    /// A webhook was deleted.
    WebhookDeleted,
    /// A webhook got a new signing secret.
    SecretRotated,
    /// Deliveries of a webhook were requeued by time window.
    DeliveriesRecovered,
    /// One delivery was requeued.
    DeliveryRetried,
    /// A property was entitled, or is no longer.
    EntitlementSet,
    /// An event type was added or changed.
    EventTypePut,
    /// An API token was made.
    TokenCreated,
    /// An API token was revoked.
    TokenRevoked,
    /// Stored secrets were sealed anew under another key.
    SecretsResealed,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number; grows with time.
    pub id: i64,
    /// When.
    pub at: UnixMs,
    /// Who.
    pub by: Author,
    /// What was done.
    pub action: Action,
    /// To what: the webhook's id, the property's, the type's name, the token's id, the delivery's id.
    pub subject: String,
    /// The webhook, where it is about one.
    pub webhook: Option<WebhookId>,
    /// Whose webhook or token it is.
    pub owner: Option<ClientId>,
    /// As it was: a JSON object; none where there was nothing.
    pub before: Option<String>,
    /// As it is: a JSON object; none where there is nothing any more.
    pub after: Option<String>,
}

/// Which changes to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only of this kind.
    pub action: Option<Action>,
    /// Only about this webhook.
    pub webhook: Option<WebhookId>,
    /// Only made by this client.
    pub client: Option<ClientId>,
    /// Only at or after.
    pub since: Option<UnixMs>,
    /// Only before.
    pub until: Option<UnixMs>,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::WebhookCreated,
        Self::WebhookChanged,
        Self::WebhookDeleted,
        Self::SecretRotated,
        Self::DeliveriesRecovered,
        Self::DeliveryRetried,
        Self::EntitlementSet,
        Self::EventTypePut,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::SecretsResealed,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebhookCreated => "webhook.created",
            Self::WebhookChanged => "webhook.changed",
            Self::WebhookDeleted => "webhook.deleted",
            Self::SecretRotated => "webhook.secret_rotated",
            Self::DeliveriesRecovered => "webhook.recovered",
            Self::DeliveryRetried => "delivery.retried",
            Self::EntitlementSet => "entitlement.set",
            Self::EventTypePut => "event_type.put",
            Self::TokenCreated => "token.created",
            Self::TokenRevoked => "token.revoked",
            Self::SecretsResealed => "secrets.resealed",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}
