//! What is kept.

use std::collections::{BTreeMap, VecDeque};

use stayhook_core::{
    BookingId, Credentials, EventId, EventKind, EventType, PropertyId, Reason, Secrets, Span, Status, UnixMs,
    Webhook, WebhookId,
};
use tokio::sync::mpsc;

use super::records::Row;
use crate::audit::Entry;
use crate::{
    AuditLine, Entitlement, HandoffId, NewRow, Registered, Signal, StoreError, Tally, TokenHash, TokenLine,
};

/// Everything, in order.
#[derive(Default)]
pub(super) struct State {
    pub(super) webhooks: BTreeMap<WebhookId, Hook>,
    /// By webhook and number; kept for the log.
    pub(super) urls: BTreeMap<(WebhookId, u32), String>,
    /// What outlives a webhook while its deliveries end.
    pub(super) lanes: BTreeMap<WebhookId, Lane>,
    pub(super) events: BTreeMap<EventId, NewRow>,
    pub(super) attempts: BTreeMap<(WebhookId, EventId), Vec<Row>>,
    pub(super) pending: BTreeMap<(WebhookId, EventId), Pending>,
    pub(super) handoffs: BTreeMap<HandoffId, Handoff>,
    pub(super) keys: BTreeMap<(String, String), (EventId, [u8; 32])>,
    pub(super) entitlements: BTreeMap<PropertyId, Entitlement>,
    pub(super) event_types: BTreeMap<EventType, EventKind>,
    pub(super) audit: Vec<AuditLine>,
    pub(super) tokens: Vec<(TokenHash, TokenLine)>,
    pub(super) tallies: BTreeMap<(WebhookId, i64), Tally>,
    /// Nodes that are there, and since when they are silent if they are.
    pub(super) nodes: BTreeMap<i64, Option<UnixMs>>,
    /// What changed, in order: a webhook, or the event types.
    pub(super) changes: Vec<Option<WebhookId>>,
    pub(super) listeners: Vec<mpsc::Sender<Signal>>,
    /// What was not passed on yet, and when it is to be.
    pub(super) signals: VecDeque<(UnixMs, Signal)>,
    /// How long a signal is under way.
    pub(super) hearsay: Span,
    last_webhook: i64,
    last_handoff: i64,
    last_node: i64,
}

/// A webhook with its secrets.
pub(super) struct Hook {
    pub(super) webhook: Webhook,
    pub(super) url_number: u32,
    pub(super) secrets: Secrets,
    pub(super) credentials: Option<Credentials>,
}

/// A webhook's deliveries as a whole.
#[derive(Clone, Default)]
pub(super) struct Lane {
    /// Whose webhook it is or was.
    pub(super) client: String,
    /// What waits is being cancelled.
    pub(super) closing: Option<Closing>,
    /// When to see whether more is held than may be, by the store's clock.
    pub(super) look: Option<UnixMs>,
    /// The last claim that left something due behind: others come first.
    pub(super) served: Option<UnixMs>,
}

/// A cancellation of which not everything is done.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    pub(super) reason: Reason,
    /// Since when it counts.
    pub(super) since: UnixMs,
    /// Where not everything that waits is meant: what is.
    pub(super) part: Option<Part>,
}

/// What waited when a webhook was resumed.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// Up to this event all is done.
    pub(super) done: Option<EventId>,
    /// Newer ones are left alone.
    pub(super) newest: EventId,
}

/// A delivery that waits, or is somebody's.
#[derive(Clone)]
pub(super) struct Pending {
    /// When it is due, by the store's clock; while leased, when the lease runs out.
    pub(super) due: UnixMs,
    pub(super) attempts: u32,
    pub(super) steps: u32,
    pub(super) booking: Option<BookingId>,
    /// Which node has it.
    pub(super) lease: Option<i64>,
    /// Its place in its booking's order; 0 if it came while that did not matter.
    pub(super) seq: u64,
    /// Another one of its booking is before it: it is not due.
    pub(super) parked: bool,
    /// Newer events that are gathered under the same key take its place.
    pub(super) gathered: Option<String>,
}

impl Pending {
    /// When it may be claimed, if nothing else has to happen first.
    pub(super) fn claimable(&self) -> Option<UnixMs> {
        (!self.parked).then_some(self.due)
    }

    pub(super) fn is_of(&self, booking: &str) -> bool {
        self.booking.as_ref().is_some_and(|it| it.key() == booking)
    }
}

/// Deliveries in the memory of the node that accepted their events.
pub(super) struct Handoff {
    pub(super) node: i64,
    pub(super) deliveries: Vec<(EventId, WebhookId)>,
}

/// The moment of a call.
#[derive(Clone, Copy)]
pub(super) struct Time {
    /// By the caller's clock.
    pub(super) now: UnixMs,
    /// What is added to have it by the store's.
    pub(super) shift: i64,
}

impl Time {
    pub(super) fn there(self, at: UnixMs) -> UnixMs {
        UnixMs(at.0.saturating_add(self.shift))
    }

    pub(super) fn here(self, at: UnixMs) -> UnixMs {
        UnixMs(at.0.saturating_sub(self.shift))
    }
}

impl State {
    pub(super) fn new(hearsay: Span) -> Self {
        Self { hearsay, ..Self::default() }
    }

    pub(super) fn next_webhook(&mut self) -> WebhookId {
        self.last_webhook += 1;
        WebhookId(self.last_webhook)
    }

    pub(super) fn next_handoff(&mut self) -> HandoffId {
        self.last_handoff += 1;
        HandoffId(self.last_handoff)
    }

    pub(super) fn register(&mut self) -> i64 {
        self.last_node += 1;
        self.nodes.insert(self.last_node, None);
        self.last_node
    }

    /// The webhook's status; `None` if there is no such webhook (any more).
    pub(super) fn status(&self, id: WebhookId) -> Option<&Status> {
        self.webhooks.get(&id).map(|it| &it.webhook.status)
    }

    pub(super) fn url_number(&self, id: WebhookId) -> Option<u32> {
        self.webhooks.get(&id).map(|it| it.url_number)
    }

    pub(super) fn entitlement(&self, property: PropertyId) -> Entitlement {
        self.entitlements.get(&property).copied().unwrap_or_default()
    }

    pub(super) fn registered(&self, id: WebhookId) -> Option<Registered> {
        let hook = self.webhooks.get(&id)?;
        Some(Registered {
            webhook: hook.webhook.clone(),
            secrets: hook.secrets.clone(),
            credentials: hook.credentials.clone(),
            entitlement: self.entitlement(hook.webhook.property),
            url_number: hook.url_number,
        })
    }

    /// The same, where there has to be one.
    pub(super) fn expect_registered(&self, id: WebhookId) -> Result<Registered, StoreError> {
        let missing = StoreError::Corrupt { table: "webhooks", column: "id", row: id.to_string() };
        self.registered(id).ok_or(missing)
    }

    pub(super) fn write_down(&mut self, entry: Entry) {
        let Entry { by, at, action, subject, webhook, owner, before, after } = entry;
        let id = i64::try_from(self.audit.len()).unwrap_or(i64::MAX).saturating_add(1);
        self.audit.push(AuditLine { id, at, by, action, subject, webhook, owner, before, after });
    }

    /// The keys of what waits for a webhook, in order of acceptance.
    pub(super) fn waiting(&self, id: WebhookId) -> Vec<EventId> {
        let all = (id, EventId::floor(UnixMs(0)))..=(id, EventId::from_bytes([u8::MAX; 16]));
        self.pending.range(all).map(|((_, event), _)| *event).collect()
    }
}
