//! Webhooks as they are registered, and who may see them.

use stayhook_core::{
    ClientId, Credentials, Description, PropertyId, Secrets, SigningSecret, Span, Status, Subscription,
    UnixMs, Webhook, WebhookChange, WebhookOptions,
};

/// What a caller may see: every query about webhooks takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Only webhooks of this client; of all clients if `None` (administrators).
    pub client: Option<ClientId>,
    /// Only webhooks of these properties.
    pub properties: PropertyScope,
}

/// Which properties a caller may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyScope {
    /// Every property.
    All,
    /// These, sorted.
    Only(Vec<PropertyId>),
}

impl Scope {
    /// The scope of administrators and of the engine itself.
    pub const EVERYTHING: Self = Self { client: None, properties: PropertyScope::All };

    /// Whether a webhook of this client and property is in the scope.
    pub fn sees(&self, client: &ClientId, property: PropertyId) -> bool {
        self.client.as_ref().is_none_or(|it| it == client) && self.properties.contains(property)
    }
}

impl PropertyScope {
    /// Whether the property is in the scope.
    pub fn contains(&self, property: PropertyId) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.binary_search(&property).is_ok(),
        }
    }
}

/// A webhook to be registered: everything about it is valid by construction.
#[derive(Clone)]
pub struct NewWebhook {
    /// Who registers it.
    pub client: ClientId,
    /// For which property.
    pub property: PropertyId,
    /// The URL as it was given, already judged.
    pub url: String,
    /// Which events.
    pub events: Subscription,
    /// The owner's note.
    pub description: Option<Description>,
    /// The owner's choices.
    pub options: WebhookOptions,
    /// The secret; sealed before it is written.
    pub secret: SigningSecret,
    /// What the receiver wants to hear besides; sealed before it is written.
    pub credentials: Option<Credentials>,
    /// When.
    pub at: UnixMs,
    /// `limits.webhooks_per_property`
    pub limit: u32,
}

/// A registered webhook with its secret opened: for the engine alone.
#[derive(Clone)]
pub struct Registered {
    /// The webhook.
    pub webhook: Webhook,
    /// The keys of its signatures.
    pub secrets: Secrets,
    /// What the receiver wants to hear besides.
    pub credentials: Option<Credentials>,
    /// Whether its property may be served.
    pub entitlement: Entitlement,
    /// Which of the webhook's URLs is in use: attempts refer to it by this number.
    pub url_number: u32,
}

/// What a webhook's owner or an administrator asks for.
#[derive(Clone, Default)]
pub struct Patch {
    /// Of the webhook itself.
    pub change: WebhookChange,
    /// New credentials, or none from now on.
    pub credentials: Option<Option<Credentials>>,
}

/// What is known about a property's subscription to the platform's service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entitlement {
    /// What was set; `entitlements.default` holds if nothing was.
    pub set: Option<bool>,
    /// Grows with every change, so that copies can tell which is newer; 0 if nothing was set.
    pub version: i64,
}

/// A new signing secret.
#[derive(Clone)]
pub struct Rotation {
    /// The secret.
    pub secret: SigningSecret,
    /// For how long the old one stays in use.
    pub overlap: Span,
}

/// Which webhooks to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookFilter {
    /// Only of this property.
    pub property: Option<PropertyId>,
    /// Only with this status: `active`, `paused` or `disabled`.
    pub status: Option<StatusName>,
}

/// A status without what belongs to it, to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusName {
    /// [`stayhook_core::Status::Active`]
    Active,
    /// [`stayhook_core::Status::Paused`]
    Paused,
    /// [`stayhook_core::Status::Disabled`]
    Disabled,
}

impl WebhookFilter {
    /// Whether the webhook is one that the filter wants and the scope sees.
    pub(crate) fn wants(&self, scope: &Scope, webhook: &Webhook) -> bool {
        let is_asked = |asked: StatusName| asked == StatusName::of(&webhook.status);
        scope.sees(&webhook.client, webhook.property)
            && self.property.is_none_or(|it| it == webhook.property)
            && self.status.is_none_or(is_asked)
    }
}

impl StatusName {
    /// The status of that name in the API.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "active" => Some(Self::Active),
            "paused" => Some(Self::Paused),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }

    /// The name of a status.
    pub fn of(status: &Status) -> Self {
        match status {
            Status::Active { .. } => Self::Active,
            Status::Paused { .. } => Self::Paused,
            Status::Disabled { .. } => Self::Disabled,
        }
    }
}
