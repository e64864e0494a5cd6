//! Nodes of one deployment: the real executable, each on a port of its own.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use stayhook_testkit::Receiver;
use tempfile::TempDir;

/// Longer than anything takes, so that only a fault runs into it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What its nodes have in common.
pub(crate) struct Deployment {
    dir: TempDir,
    database: String,
    pub(crate) token: String,
}

impl Deployment {
    /// Prepares the database and makes a token for everything.
    pub(crate) fn on(database: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut deployment = Self { dir, database: database.to_owned(), token: String::new() };
        let scopes = "webhooks.write,bookings.read,events.write";
        let minted = deployment.run(&["token", "create", "--name", "operator", "--scopes", scopes]);
        assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
        deployment.token = String::from_utf8(minted.stdout).unwrap().trim().to_owned();
        deployment
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stayhook"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("STAYHOOK_SERVER__LISTEN", "127.0.0.1:0")
            .env("STAYHOOK_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#)
            .env("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false")
            .env("STAYHOOK_DATABASE__URL", &self.database)
            .env("STAYHOOK_SECRETS__KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
        command
    }

    /// Starts a node with the defaults.
    pub(crate) async fn start(&self) -> Node {
        self.start_with(&[]).await
    }

    /// Starts a node with these settings.
    pub(crate) async fn start_with(&self, settings: &[(&str, &str)]) -> Node {
        let log =
            tempfile::Builder::new().prefix("node").suffix(".log").tempfile_in(self.dir.path()).unwrap();
        let (log, path) = log.keep().unwrap();
        let mut command = self.command(&["serve"]);
        command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let url = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(stdout).lines();
            lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned))
        });
        let url = url.await.unwrap();
        let log = || std::fs::read_to_string(&path).unwrap_or_default();
        let url = url.unwrap_or_else(|| panic!("it does not start: {}", log()));
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Node { child: Some(child), client, url, token: self.token.clone(), log: path }
    }
}

/// A running node.
pub(crate) struct Node {
    child: Option<Child>,
    client: reqwest::Client,
    pub(crate) url: String,
    token: String,
    log: PathBuf,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Value,
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let began = Instant::now();
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let header = |(name, value): (_, &reqwest::header::HeaderValue)| {
            (format!("{name}"), value.to_str().unwrap().to_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        let text = answer.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Self { status, headers, body, took: began.elapsed() })
    }

    /// Asserts that it says: not now, come back.
    #[track_caller]
    pub(crate) fn is_unavailable(&self) {
        assert_eq!(self.status, 503, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert!(self.headers["retry-after"].parse::<u32>().is_ok(), "{self:?}");
        assert_eq!(self.body["code"], "unavailable", "{self:?}");
    }
}

impl Node {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        Answer::of(request).await.unwrap()
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: String) -> Answer {
        let method = method.parse().unwrap();
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        Answer::of(request.header("content-type", "application/json").body(body)).await.unwrap()
    }

    /// Registers a webhook of that property for bookings; its id.
    pub(crate) async fn register(&self, url: &str, property: u32) -> i64 {
        let body = format!(r#"{{"propertyId":{property},"url":"{url}","events":["booking.*"]}}"#);
        let answer = self.call("POST", "/public/v1/webhooks", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_i64().unwrap()
    }

    /// Reports an event of property 1.
    pub(crate) async fn enqueue(&self, booking: u64) -> Answer {
        self.call("POST", "/internal/v1/events", event(booking)).await
    }

    /// The attempts of an event's only delivery.
    pub(crate) async fn attempts(&self, event: &str) -> Vec<Value> {
        let record = self.get(&format!("/internal/v1/events/{event}")).await;
        let delivery = &record.body["deliveries"][0];
        let (webhook, id) = (&delivery["webhookId"], delivery["id"].as_str().unwrap_or_default());
        let answer = self.get(&format!("/public/v1/webhooks/{webhook}/deliveries/{id}")).await;
        answer.body["attempts"].as_array().unwrap_or_else(|| panic!("{event}: {record:?} {answer:?}")).clone()
    }

    /// Waits until every one of these is delivered by its record.
    pub(crate) async fn settled(&self, events: &[String]) {
        let deadline = Instant::now() + PATIENCE;
        for event in events {
            loop {
                let record = self.get(&format!("/internal/v1/events/{event}")).await;
                if record.body["deliveries"][0]["status"] == "delivered" {
                    break;
                }
                assert!(Instant::now() < deadline, "{event} is not delivered: {record:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// SIGKILL: the process gets no chance to do anything.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, as an operator would; how it ended.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        let mut child = self.child.take().unwrap();
        tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.url, self.log());
        }
    }
}

pub(crate) fn event(booking: u64) -> String {
    format!(
        r#"{{"type":"booking.created","propertyId":1,"bookingId":{booking},"data":{{"booking":{{"id":{booking},"status":"confirmed"}}}}}}"#
    )
}

/// How often each event arrived.
pub(crate) fn arrivals(receiver: &Receiver) -> HashMap<String, usize> {
    let mut arrived = HashMap::new();
    for request in receiver.requests() {
        let event = request.header("nowistay-webhook-event-id").unwrap().to_owned();
        *arrived.entry(event).or_insert(0) += 1;
    }
    arrived
}

/// Waits until all of these have arrived, and returns how many arrivals were repetitions.
pub(crate) async fn all_arrive(receiver: &Receiver, events: &[String]) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let arrived = arrivals(receiver);
        let missing: Vec<_> = events.iter().filter(|it| !arrived.contains_key(*it)).collect();
        if missing.is_empty() {
            return arrived.values().map(|times| times - 1).sum();
        }
        assert!(
            Instant::now() < deadline,
            "{} of {} are lost: {:?}",
            missing.len(),
            events.len(),
            missing[0]
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for something to come true.
pub(crate) async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look().await {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
