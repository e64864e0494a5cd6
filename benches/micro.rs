//! What the parts cost: `cargo bench --bench micro`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on stops")]

use std::sync::Arc;

use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use stayhook_core::{
    AllowList, BookingId, ClientId, DeliveryId, Envelope, EventId, EventType, Json, Outcome, Policy,
    Progress, PropertyId, Roll, Signer, SigningSecret, Span, Subscription, UnixMs, UrlRules, WebhookId,
    WebhookOptions, WebhookUrl, compose,
};
use stayhook_profile::{EventFacts, Profile, Profiles, Secrets, Wire};
use stayhook_store::{
    Body, Conclude, Conclusion, HandoffId, Intake, Keyring, NewRow, NewWebhook, Origin, Reply, SqliteOptions,
    SqliteStore, Step, Store, Target, TargetFate, Tried,
};

fn main() {
    divan::main();
}

const BOOKING: &str = r#"{"booking":{"id":9001,"propertyId":101,"arrival":"2026-07-14","departure":"2026-07-18","status":"confirmed","channel":"airbnb","reservationNumber":"HMABCDE","guest":{"firstName":"Maya","lastName":"M.","email":"maya@example.com","phone":"+33 6 12 34 56 78"},"adults":2,"children":1,"amounts":{"amount":"620.00","currency":"EUR","cityTax":"12.40","cleaningFee":"45.00"},"identity":{"status":"verified"},"createdAt":"2026-05-27T16:40:00Z","updatedAt":"2026-05-27T16:40:00Z","notes":"Late arrival, needs a cot and a parking space near the house"}}"#;

#[divan::bench]
fn sign(bencher: Bencher) {
    let signer = Signer::new(&SigningSecret::from_entropy([7; 32]));
    let event = EventId::new(UnixMs(1_779_900_000_000), 7).to_string();
    bencher.bench(|| signer.sign(1_779_900_000, &event, black_box(BOOKING.as_bytes())).text());
}

#[divan::bench]
fn parse_and_judge_a_url(bencher: Bencher) {
    let rules = UrlRules::default();
    bencher.bench(|| {
        WebhookUrl::parse(black_box("https://partner.example.com/nowistay/webhooks?tenant=42"), &rules)
    });
}

#[divan::bench]
fn judge_an_address_literal(bencher: Bencher) {
    let rules = UrlRules::default();
    bencher.bench(|| WebhookUrl::parse(black_box("https://192.168.1.10/hook"), &rules));
}

#[divan::bench]
fn parse_json(bencher: Bencher) {
    bencher.bench(|| Json::parse(black_box(BOOKING.as_bytes()), 64));
}

/// By hand, as a measure for the next one.
#[divan::bench]
fn compose_a_body_without_profile(bencher: Bencher) {
    let data = Json::parse(BOOKING.as_bytes(), 64).unwrap();
    let kind = EventType::parse("booking.updated").unwrap();
    let booking = BookingId::Number(9001);
    let envelope = Envelope {
        id: EventId::new(UnixMs(1_779_900_000_000), 7),
        kind: &kind,
        created_at: UnixMs(1_779_900_000_000),
        property: PropertyId::new(101).unwrap(),
        booking: Some(&booking),
    };
    let allowed = AllowList::default();
    bencher.bench(|| compose(&envelope, black_box(&data), false, &allowed));
}

#[divan::bench]
fn compose_a_body(bencher: Bencher) {
    let data = Json::parse(BOOKING.as_bytes(), 64).unwrap();
    let kind = EventType::parse("booking.updated").unwrap();
    let booking = BookingId::Number(9001);
    let facts = EventFacts {
        id: EventId::new(UnixMs(1_779_900_000_000), 7),
        kind: &kind,
        created_at: UnixMs(1_779_900_000_000),
        property: PropertyId::new(101).unwrap(),
        booking: Some(&booking),
    };
    let profile = nowistay();
    bencher.bench(|| profile.compose(&facts, black_box(&data), b"", false));
}

/// Headers and signature of one attempt.
#[divan::bench]
fn make_the_headers(bencher: Bencher) {
    let secret = SigningSecret::from_entropy([7; 32]);
    let wire = Wire::new(&nowistay(), None, Secrets { current: &secret, next: None });
    let kind = EventType::parse("booking.updated").unwrap();
    let attempt = stayhook_profile::Attempt {
        delivery: DeliveryId { event: EventId::new(UnixMs(1_779_900_000_000), 7), webhook: WebhookId(801) },
        number: 1,
        kind: &kind,
        property: PropertyId::new(101).unwrap(),
        now: UnixMs(1_779_900_000_000),
        body: BOOKING.as_bytes(),
        authorization: None,
    };
    bencher.bench(|| wire.headers(black_box(&attempt)));
}

fn nowistay() -> Arc<Profile> {
    let profiles = Profiles::new(std::collections::BTreeMap::new()).unwrap();
    Arc::clone(profiles.get("nowistay").unwrap())
}

/// From acceptance to the settled delivery, in group commits of this size, on SQLite with
/// `synchronous=FULL`; the sending in between is left out.
#[divan::bench(args = [1, 10, 100, 500])]
fn enqueue_and_settle_on_sqlite(bencher: Bencher, group: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = SqliteStore::open(SqliteOptions {
        path: dir.path().join("bench.db"),
        keyring: Keyring::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap(),
        migrate: true,
        exclusive: true,
    })
    .unwrap();
    let webhook = runtime.block_on(register(&store));
    let mut number = 0;
    bencher.counter(ItemsCount::new(group)).bench_local(|| {
        let rows: Vec<NewRow> = (0..group).map(|it| row(number + it as u128, webhook)).collect();
        number += group as u128;
        runtime.block_on(async {
            let ids: Vec<EventId> = rows.iter().map(|row| row.id).collect();
            let receipt = store.intake(Intake { events: rows, ..Intake::default() }).await.unwrap();
            let handoff = receipt.handoff.unwrap();
            store.conclude(delivered(webhook, &ids, handoff)).await.unwrap();
        });
    });
}

async fn register(store: &SqliteStore) -> WebhookId {
    let new = NewWebhook {
        client: ClientId::parse("bench").unwrap(),
        property: PropertyId::new(101).unwrap(),
        url: "https://partner.example.com/".to_owned(),
        events: Subscription::parse(["booking.*"]).unwrap(),
        description: None,
        options: WebhookOptions::default(),
        secret: SigningSecret::from_entropy([7; 32]),
        credentials: None,
        at: UnixMs(0),
        limit: 3,
    };
    store.create_webhook(new).await.unwrap().webhook.id
}

fn row(number: u128, webhook: WebhookId) -> NewRow {
    NewRow {
        id: EventId::new(UnixMs(1_779_900_000_000), number << 20),
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(101).unwrap(),
        booking: Some(BookingId::Number(9001)),
        created_at: UnixMs(1_779_900_000_000),
        client: ClientId::parse("bench").unwrap(),
        origin: None,
        idempotency: None,
        bodies: vec![Body { profile: "nowistay".into(), bytes: Bytes::from_static(BOOKING.as_bytes()) }],
        targets: vec![Target { webhook, body: 0, fate: TargetFate::Send }],
    }
}

fn delivered(webhook: WebhookId, ids: &[EventId], handoff: HandoffId) -> Conclude {
    let now = UnixMs(1_779_900_000_100);
    let conclusions = ids.iter().map(|event| Conclusion {
        webhook,
        event: *event,
        booking: None,
        origin: Origin::Handoff(handoff),
        progress: Progress::default(),
        step: Step::Tried(Tried {
            backoff: None,
            started_at: now,
            duration: Span::millis(12),
            outcome: Outcome::Accepted,
            roll: Roll(0),
            url_number: 1,
            reply: Reply { status: Some(200), ..Reply::default() },
        }),
    });
    Conclude { conclusions: conclusions.collect(), finished: vec![handoff], now, policy: Policy::default() }
}
