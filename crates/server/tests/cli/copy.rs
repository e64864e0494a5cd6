//! `copy`: a deployment that moves goes on where it stopped, whatever happens on the way.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stayhook_core::{
    ClientId, EventId, EventType, PropertyId, SigningSecret, Subscription, UnixMs, WebhookId, WebhookOptions,
    verify,
};
use stayhook_store::{
    Body, IdempotencyClaim, Intake, Keyring, NewRow, NewWebhook, SqliteOptions, SqliteStore, Store, Target,
    TargetFate,
};
use stayhook_testkit::{Postgres, Receiver, Reply};

use crate::support::{PATIENCE, Sandbox, Server};

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Servers that may deliver to this machine and try again soon.
fn sandbox() -> Sandbox {
    Sandbox::new()
        .env("STAYHOOK_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#)
        .env("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false")
        .env("STAYHOOK_RETRY__BASE", "1s")
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn enqueue(server: &Server, token: &str, booking: u32) {
    let body = format!(
        r#"{{"type":"booking.created","propertyId":101,"bookingId":{booking},"data":{{"booking":{{"id":{booking}}}}}}}"#
    );
    let answer = server.call("POST", "/internal/v1/events", token, &body);
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// The deliveries of the first webhook, as the API shows them.
fn deliveries(server: &Server, token: &str) -> Vec<serde_json::Value> {
    let answer = server.call("GET", "/public/v1/webhooks/1/deliveries", token, "");
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut page: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    page["data"].as_array_mut().map(std::mem::take).unwrap()
}

fn delivered(deliveries: &[serde_json::Value]) -> Vec<&serde_json::Value> {
    deliveries.iter().filter(|it| it["status"] == "delivered").collect()
}

/// To PostgreSQL with the key file of the old database, and back with the key configured.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_goes_on_where_it_stopped() {
    let (sandbox, database) = (sandbox(), Postgres::create().unwrap());
    let receiver = Receiver::start().await.unwrap();
    let token = sandbox.token("webhooks.write,bookings.read,events.write");
    let server = sandbox.serve(&[]);
    let secret = SigningSecret::parse(&server.register(&token, &receiver.url("/hook"))).unwrap();
    enqueue(&server, &token, 1);
    wait_for("the first is delivered", || delivered(&deliveries(&server, &token)).len() == 1);
    receiver.always(Reply::status(503));
    enqueue(&server, &token, 2);
    wait_for("the second was tried", || deliveries(&server, &token)[0]["attemptCount"] == 1);
    let before = deliveries(&server, &token);
    server.stop().exits(0);

    let to = ["copy", "--from", "sqlite://stayhook.db", "--to", database.url()];
    let moved = sandbox.run(&to).exits(0);
    for words in ["the counts agree", "stayhook.db.secrets.key", "attempts"] {
        assert!(moved.stdout.contains(words), "{words}: {moved:?}");
    }
    let key = std::fs::read_to_string(sandbox.path("stayhook.db.secrets.key")).unwrap();
    assert!(!moved.stdout.contains(key.trim()) && !moved.stderr.contains(key.trim()), "the key is not shown");

    let sandbox = sandbox.env("STAYHOOK_SECRETS__KEY", key.trim());
    receiver.always(Reply::status(200));
    let server = sandbox.serve(&["--database", database.url()]);
    assert_eq!(delivered(&deliveries(&server, &token)), delivered(&before));
    wait_for("what waited is delivered", || delivered(&deliveries(&server, &token)).len() == 2);
    enqueue(&server, &token, 3);
    wait_for("and what came later", || delivered(&deliveries(&server, &token)).len() == 3);
    let after = deliveries(&server, &token);
    server.stop().exits(0);

    sandbox.run(&["copy", "--from", database.url(), "--to", "sqlite://back.db"]).exits(0);
    assert!(!sandbox.path("back.db.secrets.key").exists(), "the key is configured");
    let server = sandbox.serve(&["--database", "sqlite://back.db"]);
    assert_eq!(deliveries(&server, &token), after);
    server.stop().exits(0);

    for request in receiver.requests() {
        let header = |name| request.header(name).unwrap();
        let (timestamp, event) = (header("nowistay-webhook-timestamp"), header("nowistay-webhook-event-id"));
        let signature = header("nowistay-webhook-signature");
        assert!(verify(&secret, timestamp.parse().unwrap(), event, signature, &request.body));
    }
}

#[test]
fn a_file_takes_its_key_with_it() {
    let sandbox = Sandbox::new();
    let token = sandbox.token("webhooks.write,bookings.read");
    let server = sandbox.serve(&[]);
    server.register(&token, "https://partner.example.com/hook");
    server.stop().exits(0);
    let copy = ["copy", "--from", "sqlite://stayhook.db", "--to", "sqlite://new.db"];
    sandbox.run(&copy).exits(0);
    let file = |name| std::fs::read(sandbox.path(name)).unwrap();
    assert_eq!(file("stayhook.db.secrets.key"), file("new.db.secrets.key"));
    let server = sandbox.serve(&["--database", "sqlite://new.db"]);
    assert_eq!(server.call("GET", "/public/v1/webhooks/1", &token, "").status, 200);
    server.stop().exits(0);

    sandbox.run(&copy).is_trouble(&["--to", "new.db", "not empty", "rows in audit"]);
    std::fs::remove_file(sandbox.path("stayhook.db.secrets.key")).unwrap();
    sandbox.run(&copy).is_trouble(&["secrets.key", "stayhook.db.secrets.key"]);
}

#[test]
fn what_it_cannot_do_is_named() {
    let sandbox = Sandbox::new();
    sandbox.token("webhooks.write");
    let copy = |from: &str, to: &str| sandbox.run(&["copy", "--from", from, "--to", to]);
    let database = Postgres::create().unwrap();
    assert_eq!(sandbox.run(&["copy", "--from", "sqlite://stayhook.db"]).code, Some(2));
    copy("mysql://x", "sqlite://new.db").is_trouble(&["--from", "sqlite://PATH"]);
    copy("sqlite://stayhook.db", "new.db").is_trouble(&["--to", "sqlite://PATH"]);
    copy("sqlite://stayhook.db", "sqlite://nowhere/new.db").is_trouble(&["nowhere", "create it first"]);
    copy("sqlite://stayhook.db", "sqlite://./stayhook.db").is_trouble(&["--to", "same database"]);
    copy("sqlite://missing.db", "sqlite://new.db").is_trouble(&["secrets.key", "missing.db.secrets.key"]);
    copy(database.url(), "sqlite://new.db").is_trouble(&["secrets.key", "missing"]);
    let wrong = ["copy", "--set", &format!("secrets.key={KEY}"), "--from", "sqlite://stayhook.db", "--to"];
    let wrong = sandbox.run(&[&wrong[..], &["sqlite://new.db"]].concat());
    wrong.is_trouble(&["secrets.key", "sealed under another key"]);

    let server = sandbox.serve(&[]);
    copy("sqlite://stayhook.db", "sqlite://new.db").is_trouble(&["--from", "stayhook.db", "locked"]);
    server.stop().exits(0);
    copy("sqlite://stayhook.db", "sqlite://new.db").exits(0);
}

const EVENTS: u32 = 20_000;

/// A database that takes a while to copy. Returns what identifies its content.
async fn large(path: &Path) -> HashMap<String, u64> {
    let keyring = Keyring::parse(KEY).unwrap();
    let options = SqliteOptions { path: path.to_owned(), keyring, migrate: true, exclusive: true };
    let store = SqliteStore::open(options).unwrap();
    let client = ClientId::parse("pms").unwrap();
    let new = NewWebhook {
        client: client.clone(),
        property: PropertyId::new(101).unwrap(),
        url: "https://partner.example.com/hook".to_owned(),
        events: Subscription::parse(["booking.created"]).unwrap(),
        description: None,
        options: WebhookOptions::default(),
        secret: SigningSecret::from_entropy([7; 32]),
        credentials: None,
        at: UnixMs(0),
        limit: 3,
    };
    let webhook = store.create_webhook(new).await.unwrap().webhook.id;
    for first in (0..EVENTS).step_by(1_000) {
        let events = (first..first + 1_000).map(|number| row(number, webhook, &client)).collect();
        store.intake(Intake { events, ..Intake::default() }).await.unwrap();
    }
    content(path)
}

fn row(number: u32, webhook: WebhookId, client: &ClientId) -> NewRow {
    let at = UnixMs(1_780_000_000_000 + i64::from(number) * 20_000);
    NewRow {
        id: EventId::new(at, u128::from(number)),
        kind: EventType::parse("booking.created").unwrap(),
        property: PropertyId::new(101).unwrap(),
        booking: None,
        created_at: at,
        client: client.clone(),
        origin: None,
        idempotency: Some(IdempotencyClaim {
            key: stayhook_core::IdempotencyKey::parse(&format!("Order {number}")).unwrap(),
            content: [1; 32],
        }),
        bodies: vec![Body { profile: "nowistay".into(), bytes: Bytes::from(format!("{number:0>600}")) }],
        targets: vec![Target {
            webhook,
            body: 0,
            fate: match number % 2 {
                0 => TargetFate::Wait,
                _ => TargetFate::Skip(stayhook_core::Reason::OwnEvent),
            },
        }],
    }
}

/// How many rows each table has, and a sum over what is in them.
fn content(path: &Path) -> HashMap<String, u64> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let conn = rusqlite::Connection::open(path).unwrap();
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'";
    let mut names = conn.prepare(names).unwrap();
    let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    names
        .map(|name| {
            let mut statement = conn.prepare(&format!("SELECT * FROM {name}")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            let mut sum = 0_u64;
            while let Some(row) = rows.next().unwrap() {
                let mut hasher = DefaultHasher::new();
                for index in 0..columns {
                    format!("{:?}", row.get_ref(index).unwrap()).hash(&mut hasher);
                }
                sum = sum.wrapping_add(hasher.finish());
            }
            (name, sum)
        })
        .filter(|(name, sum)| name != "sqlite_sequence" && *sum > 0)
        .collect()
}

/// SIGKILL at random moments, and the same command again until it is done.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_it_is_killed() {
    let sandbox = Sandbox::new().env("STAYHOOK_SECRETS__KEY", KEY);
    let before = large(&sandbox.path("old.db")).await;
    let database = Postgres::create().unwrap();
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut dice = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(seed);
    for (from, to) in [("sqlite://old.db", database.url()), (database.url(), "sqlite://new.db")] {
        let mut kills = 0;
        let args = ["copy", "--from", from, "--to", to, "--resume"];
        loop {
            let mut child = sandbox.command(&args).spawn().unwrap();
            let patience = Duration::from_millis(rand::RngExt::random_range(&mut dice, 30..350));
            let deadline = Instant::now() + patience;
            let ended = loop {
                match child.try_wait().unwrap() {
                    None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
                    other => break other,
                }
            };
            if ended.is_some() {
                let output = child.wait_with_output().unwrap();
                assert_eq!(output.status.code(), Some(0), "{output:?}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        println!("{from} to {to}: killed {kills} times");
        assert!(kills > 0, "it was too fast to be killed");
    }
    assert_eq!(content(&sandbox.path("new.db")), before);
}
