//! A deployment in which everything is: every kind of row, every state of a delivery.

use std::sync::Arc;

use bytes::Bytes;
use stayhook_core::{
    BookingId, ClientId, Credentials, Description, EventId, EventKind, EventType, Fault, FaultClass,
    IdempotencyKey, Outcome, Policy, Progress, PropertyId, Reason, Roll, Secret, SigningSecret, Span,
    StatusChange, Subscription, UnixMs, WebhookChange, WebhookId, WebhookOptions,
};
use stayhook_store::{
    Author, Body, Claim, Conclude, Conclusion, HandoffId, IdempotencyClaim, Intake, NewRow, NewToken,
    NewWebhook, Order, Origin, Patch, PropertyScope, Reply, Rotation, Scope, Step, Store, Tally, Target,
    TargetFate, TokenHash, Tried,
};

/// So many milliseconds after the beginning of time here.
pub(crate) fn at(ms: i64) -> UnixMs {
    UnixMs(1_780_000_000_000 + ms)
}

/// An event of that day and number.
pub(crate) fn event(day: i64, number: u16) -> EventId {
    EventId::new(at(day * 86_400_000), u128::from(number) << 62)
}

fn client(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

fn order(now: UnixMs) -> Order {
    Order::new(Author::Operator, now)
}

/// Fills an empty store. Returns its webhooks.
pub(crate) async fn fill(store: &Arc<dyn Store>) -> Vec<WebhookId> {
    let mut webhooks = Vec::new();
    for number in 0..6 {
        webhooks.push(register(store, number).await);
    }
    events(store, &webhooks).await;
    changes(store, &webhooks).await;
    administration(store, &webhooks).await;
    tokens(store).await;
    webhooks
}

pub(crate) async fn register(store: &Arc<dyn Store>, number: u8) -> WebhookId {
    let bearer = Credentials::Bearer { token: Secret::new("to the receiver".to_owned()) };
    let new = NewWebhook {
        client: client("pms"),
        property: PropertyId::new(101 + i64::from(number % 3)).unwrap(),
        url: format!("https://partner.example.com/hooks/{number}"),
        events: Subscription::parse(["booking.created"]).unwrap(),
        description: (number == 1).then(|| Description::parse("Höfe & Gäste").unwrap()),
        options: WebhookOptions { skip_own: number == 2, ..WebhookOptions::default() },
        secret: SigningSecret::from_entropy([number + 1; 32]),
        credentials: (number == 1).then_some(bearer),
        at: at(i64::from(number)),
        limit: 10,
    };
    store.create_webhook(new).await.unwrap().webhook.id
}

fn body(text: &str) -> Body {
    Body { profile: "nowistay".into(), bytes: Bytes::copy_from_slice(text.as_bytes()) }
}

fn row(id: EventId, targets: &[(WebhookId, TargetFate)]) -> NewRow {
    let target =
        |(webhook, fate): &(WebhookId, TargetFate)| Target { webhook: *webhook, body: 0, fate: *fate };
    NewRow {
        id,
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(101).unwrap(),
        booking: Some(BookingId::Number(9001)),
        created_at: id.accepted_at(),
        client: client("bookings"),
        origin: None,
        idempotency: None,
        bodies: vec![body(&format!("body of {id}"))],
        targets: targets.iter().map(target).collect(),
    }
}

async fn accept(store: &Arc<dyn Store>, row: NewRow) -> Option<HandoffId> {
    store.intake(Intake { events: vec![row], ..Intake::default() }).await.unwrap().handoff
}

/// Delivered, failed, in flight, leased, waiting, skipped; with two bodies, with a key.
async fn events(store: &Arc<dyn Store>, webhooks: &[WebhookId]) {
    let (first, second) = (webhooks[0], webhooks[1]);
    for number in 0..40 {
        let (day, outcome) = match number % 4 {
            0 => (0, Outcome::Failed { retry_after: None }),
            other => (i64::from(other), Outcome::Accepted),
        };
        let id = event(day, number);
        let handoff = accept(store, row(id, &[(first, TargetFate::Send)])).await.unwrap();
        conclude(store, first, id, handoff, outcome).await;
    }
    let mut all = row(event(1, 100), &[(first, TargetFate::Send), (second, TargetFate::Wait)]);
    all.bodies.push(Body { profile: "acme".into(), bytes: Bytes::from(vec![0, 255, 10, 13]) });
    all.targets[1].body = 1;
    all.booking = Some(BookingId::text("R-7/ä").unwrap());
    all.origin = Some(client("channel manager"));
    let key = IdempotencyKey::parse("order-1").unwrap();
    all.idempotency = Some(IdempotencyClaim { key, content: [7; 32] });
    accept(store, all).await;
    accept(store, row(event(1, 101), &[(second, TargetFate::Skip(Reason::NotEntitled))])).await;
    let mut alone = row(event(2, 102), &[]);
    alone.booking = None;
    accept(store, alone).await;
    for number in 200..220 {
        let waits = [webhooks[2], webhooks[3], webhooks[4], webhooks[5]].map(|id| (id, TargetFate::Wait));
        accept(store, row(event(2, number), &waits)).await;
    }
    // Two that somebody has claimed, and not concluded when everything stopped.
    let skip = webhooks.iter().copied().filter(|it| *it != webhooks[2]).collect();
    let claim =
        Claim { now: at(3 * 86_400_000), lease: Span::seconds(45), lanes: 8, per_lane: 2, skip, after: None };
    assert_eq!(store.claim(claim).await.unwrap().due.len(), 2);
}

async fn conclude(
    store: &Arc<dyn Store>,
    webhook: WebhookId,
    event: EventId,
    handoff: HandoffId,
    outcome: Outcome,
) {
    let failed = outcome != Outcome::Accepted;
    let reply = Reply {
        status: Some(if failed { 500 } else { 200 }),
        fault: failed.then(|| Fault::new(FaultClass::Status, "the receiver answered 500")),
        body: Bytes::from_static(b"\x00\xffoops"),
    };
    let step = Step::Tried(Tried {
        started_at: event.accepted_at(),
        duration: Span::millis(12),
        outcome,
        roll: Roll(0),
        backoff: None,
        url_number: 1,
        reply,
    });
    let conclusion = Conclusion {
        webhook,
        event,
        booking: Some(BookingId::Number(9001)),
        origin: Origin::Handoff(handoff),
        progress: Progress { attempts: 0, steps: 0 },
        step,
    };
    let batch = Conclude {
        conclusions: vec![conclusion],
        finished: vec![handoff],
        now: event.accepted_at().after(Span::millis(12)),
        policy: Policy::default(),
    };
    store.conclude(batch).await.unwrap();
}

/// One is paused, one disabled, one deleted, one has moved.
async fn changes(store: &Arc<dyn Store>, webhooks: &[WebhookId]) {
    let now = at(4 * 86_400_000);
    let patch = |change| Patch { change, credentials: None };
    let status = |status| patch(WebhookChange { status: Some(status), ..WebhookChange::default() });
    let moved = WebhookChange {
        url: Some("https://partner.example.com/moved".to_owned()),
        ..WebhookChange::default()
    };
    let words = "too many complaints".to_owned();
    for (webhook, patch) in [
        (webhooks[0], patch(moved)),
        (webhooks[3], status(StatusChange::Pause)),
        (webhooks[4], status(StatusChange::Disable(words))),
    ] {
        let (order, retry_by) = (order(now), now.after(Span::minutes(1)));
        let changed = store.change_webhook(&Scope::EVERYTHING, webhook, patch, &order, retry_by).await;
        assert!(changed.is_ok());
    }
    assert!(store.delete_webhook(&Scope::EVERYTHING, webhooks[5], &order(now)).await.is_ok());
}

async fn administration(store: &Arc<dyn Store>, webhooks: &[WebhookId]) {
    let now = at(4 * 86_400_000 + 1);
    let rotation = Rotation { secret: SigningSecret::from_entropy([99; 32]), overlap: Span::hours(24) };
    assert!(store.rotate_secret(&Scope::EVERYTHING, webhooks[2], rotation, &order(now)).await.is_ok());
    store.set_entitlement(PropertyId::new(103).unwrap(), false, &order(now)).await.unwrap();
    let kind = EventKind {
        name: EventType::parse("table.closed").unwrap(),
        label: "Table closed".to_owned(),
        description: "…".to_owned(),
        schema: None,
    };
    store.put_event_type(kind, &order(now)).await.unwrap();
    let tally = |webhook, accepted| Tally {
        webhook,
        at: now,
        accepted,
        delivered: 3,
        failed: 1,
        duration: Span::millis(400),
    };
    store.count(vec![tally(webhooks[0], 4), tally(webhooks[1], 5)]).await.unwrap();
}

async fn tokens(store: &Arc<dyn Store>) {
    for byte in [1, 2] {
        let new = NewToken {
            name: format!("token {byte}"),
            client: client("pms"),
            scopes: vec!["webhooks.read".to_owned()],
            properties: PropertyScope::Only(vec![PropertyId::new(101).unwrap()]),
            hash: TokenHash([byte; 32]),
            at: at(0),
        };
        store.create_token(new).await.unwrap();
    }
    assert!(store.revoke_token(2, at(1)).await.unwrap());
}
