//! Nodes on one database, and deliveries for them.

use bytes::Bytes;
use sqlx::{Connection as _, PgConnection};
use stayhook_core::{
    ClientId, EventId, EventType, Fault, FaultClass, Outcome, Policy, Progress, PropertyId, Roll,
    SigningSecret, Span, Subscription, UnixMs, WebhookId, WebhookOptions,
};
use stayhook_store::{
    Author, Body, Claim, Claimed, Conclude, Concluded, Conclusion, HandoffId, Intake, Keyring, NewRow,
    NewWebhook, Order, Origin, PostgresOptions, PostgresStore, Receipt, Reply, Step, Store, StoreError,
    Target, TargetFate, Timing, Tried,
};
use stayhook_testkit::Postgres;

/// Several nodes, and a way to look behind them.
pub(crate) struct House {
    pub(crate) database: Postgres,
    pub(crate) sql: PgConnection,
}

impl House {
    pub(crate) async fn new() -> Self {
        let database = Postgres::create().unwrap();
        let sql = PgConnection::connect(database.url()).await.unwrap();
        Self { database, sql }
    }

    pub(crate) async fn node(&self) -> PostgresStore {
        try_open(&self.database, Timing::Database).await.unwrap()
    }

    /// What time it is for the database.
    pub(crate) async fn now(&mut self) -> UnixMs {
        UnixMs(self.number("SELECT stayhook.clock()").await)
    }

    pub(crate) async fn number(&mut self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.sql).await.unwrap()
    }

    pub(crate) async fn run(&mut self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&mut self.sql).await.unwrap();
    }
}

pub(crate) async fn try_open(database: &Postgres, timing: Timing) -> Result<PostgresStore, StoreError> {
    open_with(database, timing, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").await
}

pub(crate) async fn open_with(
    database: &Postgres,
    timing: Timing,
    key: &str,
) -> Result<PostgresStore, StoreError> {
    open_under(database, timing, Keyring::parse(key).unwrap()).await
}

pub(crate) async fn open_under(
    database: &Postgres,
    timing: Timing,
    keyring: Keyring,
) -> Result<PostgresStore, StoreError> {
    let url = database.url().to_owned();
    PostgresStore::open(PostgresOptions { url, keyring, migrate: true, node: "test".to_owned(), timing })
        .await
}

/// A node at that address.
pub(crate) async fn open_at(url: String) -> Result<PostgresStore, StoreError> {
    let keyring = Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let (node, timing) = ("test".to_owned(), Timing::Database);
    PostgresStore::open(PostgresOptions { url, keyring, migrate: true, node, timing }).await
}

pub(crate) fn new_webhook(property: i64, at: UnixMs) -> NewWebhook {
    NewWebhook {
        client: ClientId::parse("pms").unwrap(),
        property: PropertyId::new(property).unwrap(),
        url: "https://partner.example.com/hooks".to_owned(),
        events: Subscription::parse(["booking.created"]).unwrap(),
        description: None,
        options: WebhookOptions::default(),
        secret: SigningSecret::from_entropy([7; 32]),
        credentials: None,
        at,
        limit: 3,
    }
}

/// An order of whoever has the command line.
pub(crate) fn order(at: UnixMs) -> Order {
    Order::new(Author::Operator, at)
}

/// Registers a webhook of a property of its own.
pub(crate) async fn webhook(store: &PostgresStore, property: i64) -> WebhookId {
    store.create_webhook(new_webhook(property, UnixMs(0))).await.unwrap().webhook.id
}

pub(crate) fn row(id: EventId, targets: &[(WebhookId, TargetFate)]) -> NewRow {
    let target =
        |(webhook, fate): &(WebhookId, TargetFate)| Target { webhook: *webhook, body: 0, fate: *fate };
    NewRow {
        id,
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(101).unwrap(),
        booking: None,
        created_at: id.accepted_at(),
        client: ClientId::parse("bookings").unwrap(),
        origin: None,
        idempotency: None,
        bodies: vec![Body { profile: "nowistay".into(), bytes: Bytes::from_static(b"{}") }],
        targets: targets.iter().map(target).collect(),
    }
}

/// An event accepted then; the number tells those of one moment apart.
pub(crate) fn event(at: UnixMs, number: u16) -> EventId {
    EventId::new(at, u128::from(number) << 62)
}

pub(crate) async fn accept(store: &PostgresStore, events: Vec<NewRow>) -> Receipt {
    store.intake(Intake { events, ..Intake::default() }).await.unwrap()
}

/// Accepts one event that this node sends to the webhook at once.
pub(crate) async fn send(store: &PostgresStore, webhook: WebhookId, event: EventId) -> HandoffId {
    accept(store, vec![row(event, &[(webhook, TargetFate::Send)])]).await.handoff.unwrap()
}

/// Accepts one event that waits for the webhook.
pub(crate) async fn wait(store: &PostgresStore, webhook: WebhookId, event: EventId) {
    accept(store, vec![row(event, &[(webhook, TargetFate::Wait)])]).await;
}

pub(crate) async fn claim(store: &PostgresStore, now: UnixMs) -> Claimed {
    let claim = Claim { now, lease: Span::seconds(45), lanes: 8, per_lane: 8, skip: vec![], after: None };
    store.claim(claim).await.unwrap()
}

/// An attempt that ended then.
pub(crate) fn tried(outcome: Outcome, ended: UnixMs) -> Step {
    let failed = outcome != Outcome::Accepted;
    let reply = Reply {
        status: Some(if failed { 500 } else { 200 }),
        fault: failed.then(|| Fault::new(FaultClass::Status, "the receiver answered 500")),
        body: Bytes::new(),
    };
    let duration = Span::millis(10);
    Step::Tried(Tried {
        started_at: ended.before(duration),
        duration,
        outcome,
        roll: Roll(0),
        backoff: None,
        url_number: 1,
        reply,
    })
}

pub(crate) const FAILED: Outcome = Outcome::Failed { retry_after: None };

pub(crate) fn conclusion(
    webhook: WebhookId,
    event: EventId,
    origin: Origin,
    attempts: u32,
    step: Step,
) -> Conclusion {
    Conclusion {
        webhook,
        event,
        booking: None,
        origin,
        progress: Progress { attempts, steps: attempts },
        step,
    }
}

pub(crate) async fn conclude(store: &PostgresStore, conclusion: Conclusion, now: UnixMs) -> Concluded {
    let finished = match conclusion.origin {
        Origin::Handoff(id) => vec![id],
        Origin::Claim => vec![],
    };
    let batch = Conclude { conclusions: vec![conclusion], finished, now, policy: Policy::default() };
    store.conclude(batch).await.unwrap()
}
