//! The house under test: everything real except receivers, clock and dice.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use stayhook_api::{ApiLimits, ApiState, Issuers, ScopeName, Surface, new_token, router};
use stayhook_core::{
    Catalogue, ClientId, Fault, FaultClass, Policy, PropertyId, Roll, Span, StatusChange, UnixMs, UrlRules,
    WebhookChange, WebhookId,
};
use stayhook_courier::{Answer as Answered, Outbound, Reply as Replied, Transport};
use stayhook_engine::{By, Clock, Dice, Engine, EngineConfig, Parts};
use stayhook_store::{
    Author, Keyring, NewToken, Patch, PropertyScope, Scope, SqliteOptions, SqliteStore, Store,
};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::described;

/// 2026-05-27T16:40:00Z, the moment of the reference's examples.
pub(crate) const START: UnixMs = UnixMs(1_779_900_000_000);

/// `limits.event_bytes` of the house.
pub(crate) const EVENT_BYTES: usize = 4_096;

pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) receiver: Arc<Receiver>,
    /// Registers and reads webhooks of the client `pms` for properties 101 and 102.
    pub(crate) owner: String,
    /// Reports events of every property as the client `bookings`.
    pub(crate) producer: String,
    /// Says which properties are served, as the client `platform`.
    pub(crate) steward: String,
    /// Administers everything as the client `operations`.
    pub(crate) admin: String,
    state: ApiState,
    router: Router,
    surface: Surface,
    dice: Arc<Count>,
    directory: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A house whose API is set up in another way.
    pub(crate) async fn with(change: impl FnOnce(&mut ApiState)) -> Self {
        let directory = TempDir::new().unwrap();
        let (clock, dice, receiver) =
            (Arc::new(Hands::default()), Arc::new(Count::default()), Arc::new(Receiver::default()));
        let store: Arc<dyn Store> = Arc::new(open(&directory.path().join("house.db")));
        let engine = Engine::start(Parts {
            store: Arc::clone(&store),
            transport: Arc::clone(&receiver) as Arc<dyn Transport>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            dice: Arc::clone(&dice) as Arc<dyn Dice>,
            config: config(),
        })
        .await
        .unwrap();
        let mut state = ApiState {
            engine: engine.clone(),
            url_rules: UrlRules::default(),
            limits: ApiLimits {
                event_bytes: EVENT_BYTES,
                requests_per_second: None,
                events_per_second: None,
            },
            issuers: Issuers::default(),
            metrics: Arc::new(|| "stayhook_up 1\n".to_owned()),
        };
        change(&mut state);
        let router = router(state.clone(), Surface::All);
        described::learn(&router).await;
        let mut house = Self {
            engine,
            store,
            clock,
            receiver,
            owner: String::new(),
            producer: String::new(),
            steward: String::new(),
            admin: String::new(),
            state,
            router,
            surface: Surface::All,
            dice,
            directory,
        };
        house.owner = house.token("pms", "webhooks.write bookings.read", Some(&[101, 102])).await;
        house.producer = house.token("bookings", "events.write", None).await;
        house.steward = house.token("platform", "entitlements.write", None).await;
        house.admin = house.token("operations", "admin", None).await;
        house
    }

    /// Another surface of the same house.
    pub(crate) fn surface(&mut self, surface: Surface) {
        self.router = router(self.state.clone(), surface);
        self.surface = surface;
    }

    /// Takes tables away from under the running process.
    pub(crate) fn break_database(&self) {
        let database = rusqlite::Connection::open(self.directory.path().join("house.db")).unwrap();
        database.busy_timeout(Duration::from_secs(5)).unwrap();
        database.execute_batch("DROP TABLE tokens; DROP TABLE webhooks").unwrap();
    }

    /// A token of a client with these scopes, for these properties or all.
    pub(crate) async fn token(&self, client: &str, scopes: &str, properties: Option<&[i64]>) -> String {
        let (text, hash) = new_token(self.dice.secret());
        let properties = properties.map_or(PropertyScope::All, |list| {
            PropertyScope::Only(list.iter().map(|number| PropertyId::new(*number).unwrap()).collect())
        });
        let scopes =
            scopes.split_whitespace().map(|name| ScopeName::parse(name).unwrap().to_string()).collect();
        let (name, client) = (format!("{client}'s"), ClientId::parse(client).unwrap());
        let token = NewToken { name, client, scopes, properties, hash, at: self.engine.now() };
        self.store.create_token(token).await.unwrap();
        text
    }

    /// Registers a webhook for a property and returns its id.
    pub(crate) async fn webhook(&self, property: i64) -> i64 {
        let answer = self.post(&self.owner, "/public/v1/webhooks", &registration(property)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_i64().unwrap()
    }

    /// Disables a webhook, as an administrator does.
    pub(crate) async fn disable(&self, webhook: i64, why: &str) {
        let status = Some(StatusChange::Disable(why.to_owned()));
        let patch =
            Patch { change: WebhookChange { status, ..WebhookChange::default() }, ..Patch::default() };
        let by = By::new(Author::Admin(ClientId::parse("operations").unwrap()));
        self.engine.change_webhook(&Scope::EVERYTHING, WebhookId(webhook), patch, by).await.unwrap();
    }

    /// Reports an event of a property and returns its id.
    pub(crate) async fn event(&self, property: i64) -> String {
        let answer = self.post(&self.producer, "/internal/v1/events", &event(property)).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(self.request("GET", path, token).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Answer {
        self.send(self.request("DELETE", path, token).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.write("POST", token, path, body.to_string()).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.write("PATCH", token, path, body.to_string()).await
    }

    pub(crate) async fn put(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.write("PUT", token, path, body.to_string()).await
    }

    /// The token that opens a path.
    pub(crate) fn key(&self, path: &str) -> &str {
        if path.starts_with("/admin") {
            &self.admin
        } else if path.ends_with("/entitlement") {
            &self.steward
        } else if path.starts_with("/internal") {
            &self.producer
        } else {
            &self.owner
        }
    }

    /// Sends a body as JSON, whatever it is.
    pub(crate) async fn write(&self, method: &str, token: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = self.request(method, path, token).header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) fn request(&self, method: &str, path: &str, token: &str) -> axum::http::request::Builder {
        Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"))
    }

    /// Sends a request. Whatever comes back bears an id, stays out of caches, and is described.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        assert!(!answer.header("x-request-id").is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        if self.surface == Surface::All {
            described::check(&method, uri.path(), &answer);
        }
        answer
    }

    /// A request under way, to be dropped or made beside others.
    pub(crate) fn start(&self, request: Request<Body>) -> impl Future<Output = u16> + use<> {
        let router = self.router.clone();
        async move { router.oneshot(request).await.unwrap().status().as_u16() }
    }
}

/// A valid registration for a property.
pub(crate) fn registration(property: i64) -> Value {
    json!({
        "propertyId": property,
        "url": "https://partner.example.com/nowistay/webhooks",
        "events": ["booking.created", "booking.updated"],
        "description": "PMS sync",
    })
}

/// A valid event of a property.
pub(crate) fn event(property: i64) -> Value {
    json!({
        "type": "booking.updated",
        "propertyId": property,
        "bookingId": 9001,
        "data": {"booking": {"id": 9001, "status": "confirmed"}},
    })
}

/// Waits until something is there.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looking).await.expect("it happens within ten seconds")
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Asserts that this is a whole problem of that status and code, and returns it.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json", "{status}: {}", self.text());
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!((self.status, &problem["code"]), (status, &json!(code)), "{problem}");
        assert_problem(&problem, status, code);
        problem
    }

    /// The pointers and details of a problem's wrong fields.
    pub(crate) fn wrong(&self, code: &str) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let problem = self.problem(422, code);
        let errors = problem["errors"].as_array().unwrap();
        errors.iter().map(|error| (text(&error["pointer"]), text(&error["detail"]))).collect()
    }
}

/// Asserts that a value has the members of a problem (RFC 9457).
pub(crate) fn assert_problem(problem: &Value, status: u16, code: &str) {
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["type"], format!("urn:stayhook:problem:{code}"));
    for member in ["title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
    }
}

fn open(path: &Path) -> SqliteStore {
    let keyring = Keyring::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").ok().unwrap();
    SqliteStore::open(SqliteOptions { path: path.to_owned(), keyring, migrate: true, exclusive: true })
        .unwrap()
}

fn config() -> EngineConfig {
    EngineConfig {
        hold: stayhook_store::HoldLimits::default(),
        policy: Policy::default(),
        concurrency: 64,
        per_webhook_concurrency: 8,
        timeout: Span::seconds(10),
        keep: Span::days(30),
        url_rules: UrlRules::default(),
        webhooks_per_property: 3,
        profiles: stayhook_engine::ProfileSet::built_in().unwrap(),
        event_bytes: EVENT_BYTES,
        entitled_by_default: true,
        catalogue: Catalogue::built_in(),
        roles: stayhook_engine::Roles::ALL,
        outage: None,
    }
}

/// A clock that is turned by hand.
pub(crate) struct Hands(tokio::sync::watch::Sender<UnixMs>);

impl Default for Hands {
    fn default() -> Self {
        Self(tokio::sync::watch::Sender::new(START))
    }
}

impl Hands {
    pub(crate) fn advance(&self, span: Span) {
        self.0.send_modify(|now| *now = now.after(span));
    }
}

impl Clock for Hands {
    fn now(&self) -> UnixMs {
        *self.0.borrow()
    }

    fn monotonic(&self) -> Duration {
        self.now().since(START).as_duration()
    }

    fn sleep_until(&self, at: UnixMs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            if now.wait_for(|now| *now >= at).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Dice that never show the same twice.
#[derive(Default)]
struct Count(AtomicU64);

impl Dice for Count {
    fn roll(&self) -> Roll {
        Roll(0)
    }

    fn entropy(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.entropy().to_be_bytes());
        bytes
    }
}

/// Receivers everywhere: they record, and answer 204 until they are told to fail.
#[derive(Default)]
pub(crate) struct Receiver {
    received: Mutex<Vec<Outbound>>,
    failing: Mutex<bool>,
    hanging: tokio::sync::watch::Sender<bool>,
}

impl Receiver {
    pub(crate) fn fail(&self, failing: bool) {
        *self.failing.lock().unwrap() = failing;
    }

    /// Lets requests wait, or lets them go on.
    pub(crate) fn hang(&self, hanging: bool) {
        self.hanging.send_replace(hanging);
    }

    pub(crate) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> Outbound {
        self.received.lock().unwrap().last().unwrap().clone()
    }

    /// The names, as they go out, and values of the last request's headers but for signatures.
    pub(crate) fn last_headers(&self) -> Value {
        let title = |name: &str| {
            let part = |part: &str| part[..1].to_uppercase() + &part[1..];
            name.split('-').map(part).collect::<Vec<_>>().join("-")
        };
        let headers =
            self.last().headers.into_iter().filter(|(name, _)| !name.as_str().contains("signature"));
        headers.map(|(name, value)| (title(name.as_str()), json!(value.to_str().unwrap()))).collect()
    }
}

#[async_trait]
impl Transport for Receiver {
    async fn send(&self, outbound: Outbound) -> Answered {
        self.received.lock().unwrap().push(outbound);
        self.hanging.subscribe().wait_for(|hanging| !hanging).await.unwrap();
        if *self.failing.lock().unwrap() {
            return Answered::Failed(Fault::new(FaultClass::Connect, "the connection was refused"));
        }
        let body = Bytes::from_static(b"thanks");
        Answered::Replied(Replied {
            status: 200,
            retry_after: None,
            location: None,
            body,
            page: None,
            reused: false,
        })
    }

    fn forget(&self, _: WebhookId) {}
}
