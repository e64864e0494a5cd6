//! What the cases are made of.

use std::sync::Arc;

use bytes::Bytes;
use stayhook_core::{
    BookingId, ClientId, Credentials, DisableRule, End, EventId, EventType, Fault, FaultClass,
    IdempotencyKey, Outcome, Policy, Progress, PropertyId, Roll, Secret, Secrets, SigningSecret, Span, State,
    StatusChange, Subscription, UnixMs, WebhookChange, WebhookId, WebhookOptions,
};

use crate::{
    AuditFilter, AuditLine, Author, Body, Claim, Claimed, Conclude, Concluded, Conclusion, DeliveryFilter,
    DeliveryLine, HandoffId, HoldLimits, IdempotencyClaim, Intake, NewRow, NewWebhook, Order, Origin,
    PageRequest, Patch, Receipt, Registered, Reply, Rotation, Scope, Step, Store, Sweep, Swept, Target,
    TargetFate, Tried,
};

pub(super) type Any = Arc<dyn Store>;

pub(super) const EVERYTHING: &Scope = &Scope::EVERYTHING;
pub(super) const FRESH: Progress = Progress { attempts: 0, steps: 0 };
pub(super) const LEASE: Span = Span::seconds(45);
pub(super) const KEEP: Span = Span::days(30);

/// So many milliseconds after the suite's beginning of time.
pub(super) fn at(ms: i64) -> UnixMs {
    UnixMs(1_780_000_000_000 + ms)
}

pub(super) fn hours(n: i64) -> i64 {
    n * 3_600_000
}

/// An event accepted then; the number tells those of one moment apart, in order.
pub(super) fn event_id(ms: i64, number: u16) -> EventId {
    EventId::new(at(ms), u128::from(number) << 62)
}

pub(super) fn client(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

pub(super) fn property(number: i64) -> PropertyId {
    PropertyId::new(number).unwrap()
}

pub(super) fn kind(name: &str) -> EventType {
    EventType::parse(name).unwrap()
}

pub(super) fn new_webhook(of: i64) -> NewWebhook {
    NewWebhook {
        client: client("pms"),
        property: property(of),
        url: "https://partner.example.com/hooks".to_owned(),
        events: Subscription::parse(["booking.created", "booking.updated"]).unwrap(),
        description: None,
        options: WebhookOptions::default(),
        secret: SigningSecret::from_entropy([7; 32]),
        credentials: None,
        at: at(0),
        limit: 100,
    }
}

/// Registers a webhook of property 101.
pub(super) async fn webhook(store: &Any) -> WebhookId {
    store.create_webhook(new_webhook(101)).await.unwrap().webhook.id
}

pub(super) async fn read(store: &Any, id: WebhookId) -> stayhook_core::Webhook {
    store.webhook(EVERYTHING, id).await.unwrap().unwrap()
}

/// An event of booking 9001 for these webhooks.
pub(super) fn row(id: EventId, targets: &[(WebhookId, TargetFate)]) -> NewRow {
    let target =
        |(webhook, fate): &(WebhookId, TargetFate)| Target { webhook: *webhook, body: 0, fate: *fate };
    NewRow {
        id,
        kind: kind("booking.created"),
        property: property(101),
        booking: Some(BookingId::Number(9001)),
        created_at: id.accepted_at(),
        client: client("bookings"),
        origin: None,
        idempotency: None,
        bodies: vec![body(&format!("body of {id}"))],
        targets: targets.iter().map(target).collect(),
    }
}

/// A body of the usual profile.
pub(super) fn body(text: &str) -> Body {
    Body { profile: "nowistay".into(), bytes: Bytes::copy_from_slice(text.as_bytes()) }
}

pub(super) fn key(text: &str, content: u8) -> Option<IdempotencyClaim> {
    Some(IdempotencyClaim { key: IdempotencyKey::parse(text).unwrap(), content: [content; 32] })
}

pub(super) async fn accept(store: &Any, events: Vec<NewRow>) -> Receipt {
    store.intake(Intake { events, ..Intake::default() }).await.unwrap()
}

/// Accepts one event that this node sends to the webhook at once.
pub(super) async fn send(store: &Any, webhook: WebhookId, event: EventId) -> HandoffId {
    accept(store, vec![row(event, &[(webhook, TargetFate::Send)])]).await.handoff.unwrap()
}

/// Accepts one event that waits for the webhook.
pub(super) async fn wait(store: &Any, webhook: WebhookId, event: EventId) {
    accept(store, vec![row(event, &[(webhook, TargetFate::Wait)])]).await;
}

/// An attempt that ended at this moment, after 100 ms.
pub(super) fn tried(outcome: Outcome, ended: UnixMs) -> Step {
    let reply = match outcome {
        Outcome::Accepted => Reply { status: Some(200), fault: None, body: Bytes::from_static(b"ok") },
        Outcome::Failed { .. } | Outcome::Moved | Outcome::Again { .. } | Outcome::Gone => {
            let fault = Fault::new(FaultClass::Status, "the receiver answered 500");
            Reply { status: Some(500), fault: Some(fault), body: Bytes::from_static(b"oops") }
        }
        Outcome::Interrupted => {
            let fault = Some(Fault::new(FaultClass::Interrupted, "shut down"));
            Reply { status: None, fault, body: Bytes::new() }
        }
    };
    let duration = Span::millis(100);
    let started_at = ended.before(duration);
    Step::Tried(Tried { started_at, duration, outcome, roll: Roll(0), backoff: None, url_number: 1, reply })
}

pub(super) fn failed(ended: UnixMs) -> Step {
    tried(Outcome::Failed { retry_after: None }, ended)
}

pub(super) fn accepted(ended: UnixMs) -> Step {
    tried(Outcome::Accepted, ended)
}

pub(super) fn conclusion(
    webhook: WebhookId,
    event: EventId,
    origin: Origin,
    progress: Progress,
    step: Step,
) -> Conclusion {
    Conclusion { webhook, event, booking: Some(BookingId::Number(9001)), origin, progress, step }
}

/// Of the handoff that [`send`] made.
pub(super) fn handed(webhook: WebhookId, event: EventId, handoff: HandoffId, step: Step) -> Conclusion {
    conclusion(webhook, event, Origin::Handoff(handoff), FRESH, step)
}

/// Of a claim after so many attempts, all of which failed.
pub(super) fn claimed(webhook: WebhookId, event: EventId, attempts: u32, step: Step) -> Conclusion {
    conclusion(webhook, event, Origin::Claim, Progress { attempts, steps: attempts }, step)
}

pub(super) async fn conclude(store: &Any, conclusions: Vec<Conclusion>, now: UnixMs) -> Concluded {
    let finished = conclusions.iter().filter_map(|it| match it.origin {
        Origin::Handoff(id) => Some(id),
        Origin::Claim => None,
    });
    let finished = finished.collect();
    store.conclude(Conclude { conclusions, finished, now, policy: Policy::default() }).await.unwrap()
}

/// Accepts an event and concludes its only delivery, at that moment.
pub(super) async fn send_and(store: &Any, webhook: WebhookId, event: EventId, step: Step) -> Concluded {
    let handoff = send(store, webhook, event).await;
    let now = event.accepted_at().after(Span::millis(100));
    conclude(store, vec![handed(webhook, event, handoff, step)], now).await
}

pub(super) async fn claim(store: &Any, now: UnixMs) -> Claimed {
    claim_of(store, now, 64, 64, vec![]).await
}

pub(super) async fn claim_of(
    store: &Any,
    now: UnixMs,
    lanes: usize,
    per_lane: usize,
    skip: Vec<WebhookId>,
) -> Claimed {
    store.claim(Claim { now, lease: LEASE, lanes, per_lane, skip, after: None }).await.unwrap()
}

pub(super) async fn sweep(store: &Any, now: UnixMs) -> Swept {
    sweep_of(store, now, 1_000).await
}

pub(super) async fn sweep_of(store: &Any, now: UnixMs, batch: usize) -> Swept {
    let disable = DisableRule::default();
    store
        .sweep(Sweep { now, keep: KEEP, prune: KEEP, disable, hold: HoldLimits::default(), batch })
        .await
        .unwrap()
}

pub(super) async fn change(store: &Any, id: WebhookId, change: WebhookChange, now: UnixMs) -> Registered {
    let patch = Patch { change, ..Patch::default() };
    store.change_webhook(EVERYTHING, id, patch, &order(now), now.after(Span::minutes(1))).await.unwrap()
}

/// An administrator's order.
pub(super) fn order(now: UnixMs) -> Order {
    Order::new(Author::Operator, now)
}

pub(super) async fn switch(store: &Any, id: WebhookId, status: StatusChange, now: UnixMs) -> Registered {
    change(store, id, WebhookChange { status: Some(status), ..WebhookChange::default() }, now).await
}

/// The delivery, as a list has it: without its profile, which is always known of a single one.
pub(super) async fn line(store: &Any, webhook: WebhookId, event: EventId) -> DeliveryLine {
    let (line, _) = store.delivery(EVERYTHING, webhook, event).await.unwrap().unwrap();
    assert_eq!(line.profile.as_deref(), Some("nowistay"));
    DeliveryLine { profile: None, ..line }
}

pub(super) async fn state(store: &Any, webhook: WebhookId, event: EventId) -> State {
    line(store, webhook, event).await.state
}

/// The state of the event's only target.
pub(super) async fn target_state(store: &Any, event: EventId) -> State {
    store.event(event).await.unwrap().unwrap().targets[0].state
}

pub(super) async fn log(store: &Any, webhook: WebhookId, filter: &DeliveryFilter) -> Vec<DeliveryLine> {
    let page = PageRequest { after: None, limit: 10_000 };
    store.deliveries(EVERYTHING, webhook, filter, page).await.unwrap().unwrap().rows
}

/// Everything that was written down, newest first.
pub(super) async fn audit(store: &Any) -> Vec<AuditLine> {
    let page = PageRequest { after: None, limit: 10_000 };
    store.audit(&AuditFilter::default(), page).await.unwrap().rows
}

/// The webhook as a node loads it.
pub(super) async fn registered(store: &Any, id: WebhookId) -> Registered {
    store.registered(&[id]).await.unwrap().pop().unwrap()
}

/// The secrets of a webhook: the one in use, and the next with the moment of its change.
pub(super) fn told(registered: &Registered) -> (String, Option<(String, UnixMs)>) {
    let Secrets { current, next } = &registered.secrets;
    let next = next.as_ref().map(|it| (it.secret.expose().to_owned(), it.from));
    (current.expose().to_owned(), next)
}

pub(super) fn secret(byte: u8) -> SigningSecret {
    SigningSecret::from_entropy([byte; 32])
}

pub(super) fn basic(password: &str) -> Credentials {
    Credentials::Basic { username: "stayhook".to_owned(), password: Secret::new(password.to_owned()) }
}

/// What is stored of a webhook's credentials.
pub(super) fn exposed(registered: &Registered) -> Option<Vec<u8>> {
    registered.credentials.as_ref().map(|it| it.expose_bytes().to_vec())
}

pub(super) async fn rotate(store: &Any, id: WebhookId, byte: u8, overlap: Span, now: UnixMs) -> Registered {
    let rotation = Rotation { secret: secret(byte), overlap };
    store.rotate_secret(EVERYTHING, id, rotation, &order(now)).await.unwrap()
}

/// An order that holds only while the webhook has one of these versions.
pub(super) fn only_at(versions: &[i64], now: UnixMs) -> Order {
    Order { versions: Some(versions.to_vec()), ..order(now) }
}

pub(super) fn cancelled(reason: stayhook_core::Reason) -> State {
    State::Ended(End::Cancelled(reason))
}
