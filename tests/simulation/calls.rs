//! Calls of the API, as the engine gets them.

use std::collections::BTreeMap;

use stayhook_core::{
    BookingId, ClientId, EventId, EventType, Held, IdempotencyKey, Json, NewEvent, PropertyId, StatusChange,
    Subscription, WebhookChange, WebhookId, WebhookOptions,
};
use stayhook_engine::{By, Engine, Registration};
use stayhook_store::{Author, Patch, Recover, Scope};

use crate::history::Answered;
use crate::network::url_of;
use crate::plan::{Call, Events};
use crate::profiles::GATHERING;

/// What a call is about, by the names that the store gave.
#[derive(Clone, Copy, Default)]
pub(crate) struct Target {
    pub(crate) webhook: Option<WebhookId>,
    pub(crate) event: Option<EventId>,
}

impl Target {
    /// `None` where it is about something that is not there.
    pub(crate) fn of(call: &Call, webhooks: &BTreeMap<usize, WebhookId>, events: &[EventId]) -> Option<Self> {
        let slot = match call {
            Call::Create { .. } | Call::Enqueue { .. } | Call::Entitle { .. } => return Some(Self::default()),
            Call::Redirect { webhook, .. }
            | Call::Subscribe { webhook, .. }
            | Call::Order { webhook, .. }
            | Call::Pause { webhook }
            | Call::Resume { webhook, .. }
            | Call::Disable { webhook }
            | Call::Delete { webhook }
            | Call::Rotate { webhook, .. }
            | Call::Retry { webhook, .. }
            | Call::Recover { webhook, .. } => webhook,
        };
        let webhook = Some(*webhooks.get(slot)?);
        let event = match call {
            Call::Retry { back, .. } => Some(*events.iter().rev().nth(*back)?),
            _ => None,
        };
        Some(Self { webhook, event })
    }
}

/// The client whose webhooks all are.
pub(crate) const OWNER: &str = "pms";

fn client(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

pub(crate) fn property(number: i64) -> PropertyId {
    PropertyId::new(number).unwrap()
}

fn by() -> By {
    By::new(Author::Client(client(OWNER)))
}

/// Makes the call.
pub(crate) async fn call(engine: &Engine, call: Call, target: Target, step: usize) -> Answered {
    let scope = &Scope::EVERYTHING;
    let id = target.webhook.unwrap_or(WebhookId(0));
    let answer = match call {
        Call::Create { .. } => create(engine, call).await,
        Call::Enqueue { .. } => {
            engine.enqueue(events(call, step)).await.map(Answered::Enqueued).map_err(words)
        }
        Call::Delete { .. } => {
            engine.delete_webhook(scope, id, by()).await.map(|()| Answered::Deleted).map_err(words)
        }
        Call::Rotate { overlap, .. } => {
            let rotated = engine.rotate_secret(scope, id, overlap, by()).await.map_err(words);
            rotated.map(|it| Answered::Rotated { until: it.previous_expires_at })
        }
        Call::Entitle { property: of, entitled } => {
            let set = engine.set_entitlement(property(of), entitled, by()).await;
            set.map(|()| Answered::Entitled).map_err(words)
        }
        Call::Retry { .. } => {
            let event = target.event.unwrap_or(EventId::from_bytes([0; 16]));
            engine.retry(scope, id, event, by()).await.map(|()| Answered::Retried).map_err(words)
        }
        Call::Recover { since, failed, missed, .. } => {
            let until = engine.now();
            let recover =
                Recover { since: until.before(since), until, failed, missed, entitled_by_default: true };
            let recovered = engine.recover(scope, id, recover, by()).await;
            recovered.map(|it| Answered::Recovered(it.requeued)).map_err(words)
        }
        _ => {
            let patch = Patch { change: change(call), ..Patch::default() };
            let changed = engine.change_webhook(scope, id, patch, by()).await.map_err(words);
            changed.map(|it| Answered::Changed { status: it.status })
        }
    };
    answer.unwrap_or_else(Answered::Refused)
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn create(engine: &Engine, call: Call) -> Result<Answered, String> {
    let Call::Create { property: of, receiver, events, skip_own, ordering, gathers } = call else {
        return Err("no registration".to_owned());
    };
    let registration = Registration {
        client: client(OWNER),
        property: property(of),
        url: url_of(receiver),
        events: subscription(events),
        description: None,
        options: WebhookOptions {
            skip_own,
            ordering,
            profile: gathers.then(|| GATHERING.to_owned()),
            ..WebhookOptions::default()
        },
        credentials: None,
    };
    let made = engine.create_webhook(registration).await.map_err(words);
    made.map(|(webhook, _)| Answered::Created { webhook: webhook.id })
}

fn subscription(events: Events) -> Subscription {
    Subscription::parse(events.patterns().iter().copied()).unwrap()
}

/// What a PATCH asks for.
fn change(call: Call) -> WebhookChange {
    let none = WebhookChange::default();
    let status = |status| WebhookChange { status: Some(status), ..WebhookChange::default() };
    match call {
        Call::Redirect { receiver, .. } => WebhookChange { url: Some(url_of(receiver)), ..none },
        Call::Subscribe { events, .. } => WebhookChange { events: Some(subscription(events)), ..none },
        Call::Order { ordering, .. } => WebhookChange { ordering: Some(ordering), ..none },
        Call::Pause { .. } => status(StatusChange::Pause),
        Call::Resume { held, .. } => status(StatusChange::Activate(held)),
        Call::Disable { .. } => status(StatusChange::Disable("simulated".to_owned())),
        _ => status(StatusChange::Activate(Held::Deliver)),
    }
}

/// The events of an enqueueing.
fn events(call: Call, step: usize) -> Vec<NewEvent> {
    let Call::Enqueue { property: of, kind, bookings: (first, different), count, key, own } = call else {
        return Vec::new();
    };
    let event = |number: u64| {
        let booking = 9_000 + first + number % different;
        // Under a key the content is the same each time, but for one key that is misused.
        let says = if key.is_some_and(|it| it > 0) { 0 } else { step as u64 };
        let data = [
            ("id", Json::Number(booking as f64)),
            ("status", Json::Text("confirmed".to_owned())),
            ("nights", Json::Number((says % 30) as f64)),
        ];
        NewEvent {
            client: client("bookings"),
            kind: EventType::parse(kind).unwrap(),
            property: property(of),
            booking: Some(BookingId::Number(i64::try_from(booking).unwrap())),
            data: Json::object([("booking", Json::object(data))]),
            raw: None,
            created_at: None,
            idempotency_key: key
                .map(|it| IdempotencyKey::parse(&format!("{kind}-{of}-{booking}-{it}")).unwrap()),
            origin: own.then(|| client(OWNER)),
        }
    };
    (0..count).map(event).collect()
}
