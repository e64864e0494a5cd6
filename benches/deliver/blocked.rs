//! What waits and is not due costs the claim nothing (`--blocked EVENTS`): so many events behind one
//! waiting event of their booking, of a webhook of which others are due.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use stayhook_core::{
    BookingId, ClientId, EventId, EventType, Ordering, PropertyId, SigningSecret, Span, Subscription, UnixMs,
    WebhookId, WebhookOptions,
};
use stayhook_store::{
    Body, Claim, Intake, Keyring, NewRow, NewWebhook, PostgresOptions, PostgresStore, SqliteOptions,
    SqliteStore, Store, Target, TargetFate, Timing,
};
use stayhook_testkit::Postgres;

use crate::report;

/// When everything happens.
const NOW: UnixMs = UnixMs(1_779_900_000_000);
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
/// Webhooks of which something is due.
const LANES: usize = 64;
const PER_LANE: usize = 8;
/// How often a claim is measured.
const CLAIMS: usize = 40;
/// Events in one commit.
const COMMIT: usize = 1_000;

pub(crate) async fn bench(events: usize, on_postgres: bool) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let postgres = on_postgres.then(|| Postgres::create().unwrap());
    let store = open(&dir, postgres.as_ref()).await;
    let ordered = register(&*store, 1, Ordering::Booking).await;
    // It waits for its retry in an hour.
    let first = row(EventId::new(NOW.after(Span::hours(1)), 1), ordered, Some(9_001));
    accept(&*store, vec![first]).await;
    let mut rows = Vec::new();
    for property in 2..=LANES {
        let webhook = register(&*store, property, Ordering::None).await;
        rows.extend((0..2 * CLAIMS * PER_LANE).map(|number| due(webhook, property, number, None)));
    }
    rows.extend(
        (0..2 * CLAIMS * PER_LANE).map(|number| due(ordered, 1, number, Some(100_000 + number as i64))),
    );
    for commit in rows.chunks(COMMIT) {
        accept(&*store, commit.to_vec()).await;
    }
    let before = claims(&*store).await;
    let began = Instant::now();
    let blocked: Vec<NewRow> = (0..events).map(|number| due(ordered, 0, number, Some(9_001))).collect();
    for commit in blocked.chunks(COMMIT) {
        accept(&*store, commit.to_vec()).await;
    }
    eprintln!("{events} blocked events accepted in {:.1?}", began.elapsed());
    let after = claims(&*store).await;
    let database = if on_postgres { "PostgreSQL" } else { "SQLite" };
    report::figures(
        &format!("{database}: one claim of {LANES} × {PER_LANE}, ms"),
        &[("before", &before), (&format!("beside {events} blocked events"), &after)],
    );
}

async fn open(dir: &tempfile::TempDir, postgres: Option<&Postgres>) -> Arc<dyn Store> {
    let keyring = Keyring::parse(KEY).unwrap();
    match postgres {
        None => {
            let path = dir.path().join("bench.db");
            Arc::new(
                SqliteStore::open(SqliteOptions { path, keyring, migrate: true, exclusive: true }).unwrap(),
            )
        }
        Some(postgres) => {
            let (url, node) = (postgres.url().to_owned(), "bench".to_owned());
            let options = PostgresOptions { url, keyring, migrate: true, node, timing: Timing::Caller };
            Arc::new(PostgresStore::open(options).await.unwrap())
        }
    }
}

async fn register(store: &dyn Store, property: usize, ordering: Ordering) -> WebhookId {
    let new = NewWebhook {
        client: ClientId::parse("pms").unwrap(),
        property: PropertyId::new(i64::try_from(property).unwrap()).unwrap(),
        url: "https://partner.example.com/hooks".to_owned(),
        events: Subscription::parse(["booking.created"]).unwrap(),
        description: None,
        options: WebhookOptions { ordering, ..WebhookOptions::default() },
        secret: SigningSecret::from_entropy([7; 32]),
        credentials: None,
        at: NOW,
        limit: 3,
    };
    store.create_webhook(new).await.unwrap().webhook.id
}

/// The claims, in milliseconds each.
async fn claims(store: &dyn Store) -> Vec<f64> {
    let mut took = Vec::new();
    for _ in 0..CLAIMS {
        let (lease, began) = (Span::hours(1), Instant::now());
        let claim =
            Claim { now: NOW, lease, lanes: LANES, per_lane: PER_LANE, skip: Vec::new(), after: None };
        let claimed = store.claim(claim).await.unwrap();
        took.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(claimed.due.len(), LANES * PER_LANE);
    }
    took
}

async fn accept(store: &dyn Store, events: Vec<NewRow>) {
    store.intake(Intake { events, ..Intake::default() }).await.unwrap();
}

/// An event that has been due since its acceptance.
fn due(webhook: WebhookId, of: usize, number: usize, booking: Option<i64>) -> NewRow {
    row(EventId::new(NOW.before(Span::minutes(1)), (of * 1_000_000 + number) as u128), webhook, booking)
}

fn row(id: EventId, webhook: WebhookId, booking: Option<i64>) -> NewRow {
    NewRow {
        id,
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(1).unwrap(),
        booking: booking.map(BookingId::Number),
        created_at: NOW,
        client: ClientId::parse("bookings").unwrap(),
        origin: None,
        idempotency: None,
        bodies: vec![Body { profile: "nowistay".into(), bytes: Bytes::from_static(b"{}") }],
        targets: vec![Target { webhook, body: 0, fate: TargetFate::Wait }],
    }
}
