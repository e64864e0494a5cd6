//! The whole house for one story: API, engine, SQLite in a temporary directory, the real
//! courier, and a clock that the story moves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stayhook_api::{ApiLimits, ApiState, Issuers, Surface};
use stayhook_core::{
    AddressRules, Catalogue, ClientId, Policy, PropertyId, Span, StatusChange, UrlRules, WebhookChange,
    WebhookId,
};
use stayhook_courier::{Courier, CourierConfig, Transport};
use stayhook_engine::{By, Dice, Engine, EngineConfig, Parts, ProfileSet};
use stayhook_store::{
    Author, Keyring, NewToken, Patch, PostgresOptions, PostgresStore, PropertyScope, Scope, SqliteOptions,
    SqliteStore, Stats, StatsRequest, Store, StoreError, Timing,
};
use stayhook_testkit::Postgres;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::clock::{FixedDice, ManualClock};

/// How long a story waits for something to happen before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// 32 bytes of ones.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Which database a story is told on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// A database that outlives each process.
enum Ground {
    Sqlite(TempDir),
    Postgres(Postgres),
}

pub(crate) struct House {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engine: Engine,
    router: Router,
    token: String,
    config: EngineConfig,
    /// Taken out when another process is to stand on it.
    ground: Option<Ground>,
    /// The process: everything of the engine runs on it, and dies with it.
    process: Option<Runtime>,
}

/// An answer of the API.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl House {
    pub(crate) async fn open(on: Database) -> Self {
        Self::with(on, |_| ()).await
    }

    /// A house whose configuration differs from the default.
    pub(crate) async fn with(on: Database, change: impl FnOnce(&mut EngineConfig)) -> Self {
        let addresses = AddressRules { allow: vec!["127.0.0.0/8".parse().unwrap()] };
        let mut config = EngineConfig {
            policy: Policy::default(),
            concurrency: 64,
            per_webhook_concurrency: 32,
            timeout: Span::seconds(2),
            hold: stayhook_store::HoldLimits::default(),
            keep: Span::days(30),
            url_rules: UrlRules { require_https: false, ports: Vec::new(), addresses },
            webhooks_per_property: 3,
            profiles: ProfileSet::built_in().unwrap(),
            event_bytes: 256 << 10,
            entitled_by_default: true,
            catalogue: Catalogue::built_in(),
            roles: stayhook_engine::Roles::ALL,
            outage: None,
        };
        change(&mut config);
        let ground = match on {
            Database::Sqlite => Ground::Sqlite(tempfile::tempdir().unwrap()),
            Database::Postgres => Ground::Postgres(Postgres::create().unwrap()),
        };
        Self::enter(ground, Arc::new(ManualClock::new()), config, None).await
    }

    async fn enter(
        ground: Ground,
        clock: Arc<ManualClock>,
        config: EngineConfig,
        token: Option<String>,
    ) -> Self {
        let process =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let started = process.spawn(start(ground.place(), Arc::clone(&clock), config.clone(), token));
        let (engine, token) = started.await.unwrap();
        let state = ApiState {
            engine: engine.clone(),
            url_rules: config.url_rules.clone(),
            limits: ApiLimits { event_bytes: 256 << 10, requests_per_second: None, events_per_second: None },
            issuers: Issuers::default(),
            metrics: Arc::new(String::new),
        };
        let router = stayhook_api::router(state, Surface::All);
        Self { clock, engine, router, token, config, ground: Some(ground), process: Some(process) }
    }

    /// The process dies at once, without a chance to write anything, and another starts.
    pub(crate) async fn crash(self) -> Self {
        self.end_process().await
    }

    /// The process is stopped as an operator stops it, and another starts.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| ()).await
    }

    /// The same, with another configuration.
    pub(crate) async fn restart_with(mut self, change: impl FnOnce(&mut EngineConfig)) -> Self {
        change(&mut self.config);
        self.engine.shutdown(Span::seconds(10)).await;
        self.end_process().await
    }

    async fn end_process(mut self) -> Self {
        let process = self.process.take().unwrap();
        tokio::task::spawn_blocking(move || process.shutdown_timeout(PATIENCE)).await.unwrap();
        let ground = self.ground.take().unwrap();
        let (clock, config, token) = (Arc::clone(&self.clock), self.config.clone(), self.token.clone());
        drop(self);
        Self::enter(ground, clock, config, Some(token)).await
    }

    /// Asks the API.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_with(method, path, body.map(|body| body.to_string())).await
    }

    /// Asks the API with a body of these bytes.
    pub(crate) async fn call_with(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Body::empty, Body::from))
            .unwrap();
        let response = self.run(tower::ServiceExt::oneshot(self.router.clone(), request)).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    /// Registers a webhook of property 101 for all booking events; its id and its secret.
    pub(crate) async fn register(&self, url: &str) -> (i64, String) {
        self.register_as(json!({"propertyId": 101, "url": url, "events": ["booking.*"]})).await
    }

    pub(crate) async fn register_as(&self, body: Value) -> (i64, String) {
        let answer = self.call(Method::POST, "/public/v1/webhooks", Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        (answer.body["id"].as_i64().unwrap(), answer.body["signingSecret"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn patch(&self, webhook: i64, change: Value) -> Value {
        let answer = self.call(Method::PATCH, &format!("/public/v1/webhooks/{webhook}"), Some(change)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    }

    /// Disables a webhook, as an administrator does.
    pub(crate) async fn disable(&self, webhook: i64) {
        let status = Some(StatusChange::Disable("complaints".to_owned()));
        let change = WebhookChange { status, ..WebhookChange::default() };
        let patch = Patch { change, ..Patch::default() };
        let engine = self.engine.clone();
        self.run(async move {
            let (scope, by) = (Scope::EVERYTHING, By::new(Author::Operator));
            engine.change_webhook(&scope, WebhookId(webhook), patch, by).await.unwrap();
        })
        .await;
    }

    /// Says whether a property may be served.
    pub(crate) async fn entitle(&self, property: i64, entitled: bool) {
        let property = PropertyId::new(property).unwrap();
        let engine = self.engine.clone();
        self.run(async move {
            engine.set_entitlement(property, entitled, By::new(Author::Operator)).await.unwrap();
        })
        .await;
    }

    /// What was counted.
    pub(crate) async fn stats(&self, request: StatsRequest) -> Stats {
        let engine = self.engine.clone();
        self.run(async move { engine.stats(request).await.unwrap() }).await
    }

    /// Does something inside of the process.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.process.as_ref().unwrap().spawn(work).await.unwrap()
    }

    /// Enqueues `booking.created` for a booking of property 101; the event's id.
    pub(crate) async fn enqueue(&self, booking: i64) -> String {
        self.enqueue_as("booking.created", booking).await
    }

    pub(crate) async fn enqueue_as(&self, kind: &str, booking: i64) -> String {
        let event = json!({
            "type": kind, "propertyId": 101, "bookingId": booking,
            "data": {"booking": {"id": booking, "status": "confirmed", "guest": {"firstName": "Maya", "email": "m@example.com"}}},
        });
        let answer = self.call(Method::POST, "/internal/v1/events", Some(event)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Reports an event of property 101 whose data are these bytes.
    pub(crate) async fn report(&self, kind: &str, booking: Option<&str>, data: &str) -> String {
        let booking = booking.map_or_else(String::new, |id| format!(r#","bookingId":"{id}""#));
        let event = format!(r#"{{"type":"{kind}","propertyId":101{booking},"data": {data} }}"#);
        let answer = self.call_with(Method::POST, "/internal/v1/events", Some(event)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// The delivery of an event to a webhook, as the log shows it, with its attempts.
    pub(crate) async fn delivery(&self, webhook: i64, event: &str) -> Value {
        let list = self.get(&format!("/public/v1/webhooks/{webhook}/deliveries?limit=200")).await;
        let lines = list["data"].as_array().unwrap();
        let line =
            lines.iter().find(|it| it["eventId"] == event).unwrap_or_else(|| panic!("no {event} in {list}"));
        self.get(&format!("/public/v1/webhooks/{webhook}/deliveries/{}", line["id"].as_str().unwrap())).await
    }

    /// Waits until the delivery looks as wanted.
    pub(crate) async fn until(&self, webhook: i64, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.eventually(async || {
            let delivery = self.delivery(webhook, event).await;
            if wanted(&delivery) { Ok(delivery) } else { Err(delivery.to_string()) }
        })
        .await
    }

    /// Waits until the delivery has this state.
    pub(crate) async fn until_state(&self, webhook: i64, event: &str, state: &str) -> Value {
        self.until(webhook, event, |it| it["status"] == state).await
    }

    /// Waits until the delivery has so many attempts and waits for the next.
    pub(crate) async fn until_attempts(&self, webhook: i64, event: &str, attempts: i64) -> Value {
        self.until(webhook, event, |it| it["attemptCount"] == attempts && it["status"] != "delivering").await
    }

    /// Waits until the webhook has this status.
    pub(crate) async fn until_status(&self, webhook: i64, status: &str) -> Value {
        self.eventually(async || {
            let body = self.get(&format!("/public/v1/webhooks/{webhook}")).await;
            if body["status"] == status { Ok(body) } else { Err(body.to_string()) }
        })
        .await
    }

    /// Tries until it succeeds or patience ends.
    pub(crate) async fn eventually<T>(&self, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match look().await {
                Ok(found) => return found,
                Err(seen) if tokio::time::Instant::now() > deadline => {
                    panic!("never came; last seen: {seen}")
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

/// Where a process finds its database.
enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Ground {
    fn place(&self) -> Place {
        match self {
            Self::Sqlite(dir) => Place::Sqlite(dir.path().join("stayhook.db")),
            Self::Postgres(database) => Place::Postgres(database.url().to_owned()),
        }
    }
}

/// Opens the database and starts an engine, as the binary does.
async fn start(
    place: Place,
    clock: Arc<ManualClock>,
    config: EngineConfig,
    token: Option<String>,
) -> (Engine, String) {
    let store = open(place).await;
    let courier = Courier::new(CourierConfig {
        timeout: config.timeout,
        addresses: config.url_rules.addresses.clone(),
        nameservers: Vec::new(),
        ca_file: None,
    })
    .unwrap();
    let dice = Arc::new(FixedDice);
    let token = match token {
        Some(token) => token,
        None => mint(&*store, &*dice).await,
    };
    let transport = Arc::new(courier) as Arc<dyn Transport>;
    let engine = Engine::start(Parts { store, transport, clock, dice, config }).await.unwrap();
    (engine, token)
}

async fn open(place: Place) -> Arc<dyn Store> {
    let keyring = || Keyring::parse(KEY).unwrap();
    match place {
        Place::Sqlite(path) => Arc::new(open_sqlite(&path, keyring).await),
        Place::Postgres(url) => {
            // The story's clock counts, and whoever is there takes over from all before.
            let options = PostgresOptions {
                url,
                keyring: keyring(),
                migrate: true,
                node: "story".to_owned(),
                timing: Timing::Caller,
            };
            Arc::new(PostgresStore::open(options).await.unwrap())
        }
    }
}

/// Opens the file, once the process before has let go of it.
async fn open_sqlite(path: &Path, keyring: impl Fn() -> Keyring) -> SqliteStore {
    for _ in 0..500 {
        let options =
            SqliteOptions { path: path.to_owned(), keyring: keyring(), migrate: true, exclusive: true };
        match SqliteStore::open(options) {
            Err(StoreError::Locked) => tokio::time::sleep(Duration::from_millis(10)).await,
            opened => return opened.unwrap(),
        }
    }
    panic!("the database stays locked")
}

async fn mint(store: &dyn Store, dice: &dyn Dice) -> String {
    let (token, hash) = stayhook_api::new_token(dice.secret());
    let scopes = ["webhooks.write", "webhooks.read", "bookings.read", "events.write", "admin"];
    store
        .create_token(NewToken {
            name: "story".to_owned(),
            client: ClientId::parse("story").unwrap(),
            scopes: scopes.map(str::to_owned).to_vec(),
            properties: PropertyScope::All,
            hash,
            at: crate::clock::START,
        })
        .await
        .unwrap();
    token
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.shutdown_background();
        }
    }
}
