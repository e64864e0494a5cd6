//! A deployment whose server can be killed and started again.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The files that outlive each server.
pub(crate) struct Deployment {
    dir: TempDir,
    token: String,
    concurrency: usize,
    /// Of PostgreSQL; a file in `dir` if `None`.
    database: Option<String>,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Deployment {
    pub(crate) fn on_sqlite(concurrency: usize) -> Self {
        Self::create(concurrency, None)
    }

    pub(crate) fn on_postgres(concurrency: usize, url: &str) -> Self {
        Self::create(concurrency, Some(url.to_owned()))
    }

    fn create(concurrency: usize, database: Option<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut deployment = Self { dir, token: String::new(), concurrency, database };
        let scopes = "webhooks.write,bookings.read,events.write";
        let minted = deployment.command(&["token", "create", "--name", "crash", "--scopes", scopes]).output();
        deployment.token = String::from_utf8(minted.unwrap().stdout).unwrap().trim().to_owned();
        deployment
    }

    pub(crate) async fn start(&mut self) -> Server {
        let mut child = self.command(&["serve"]).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let url = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(stdout).lines();
            lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned))
        });
        let client = reqwest::Client::new();
        Server { child, client, url: url.await.unwrap().expect("an address"), token: self.token.clone() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stayhook"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("STAYHOOK_SERVER__LISTEN", "127.0.0.1:0")
            .env("STAYHOOK_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#)
            .env("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false")
            .env("STAYHOOK_DELIVERY__CONCURRENCY", self.concurrency.to_string())
            .env("STAYHOOK_DELIVERY__PER_WEBHOOK_CONCURRENCY", self.concurrency.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(url) = &self.database {
            command
                .env("STAYHOOK_DATABASE__URL", url)
                .env("STAYHOOK_SECRETS__KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
        }
        command
    }
}

impl Server {
    pub(crate) async fn register(&self, url: &str, property: u32) {
        let body = format!(r#"{{"propertyId":{property},"url":"{url}","events":["booking.created"]}}"#);
        let answer = self
            .client
            .post(format!("{}/public/v1/webhooks", self.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), 201);
    }

    /// What became of an event: it goes to one webhook.
    pub(crate) async fn delivery(&self, event: &str) -> Value {
        self.get(&format!("/internal/v1/events/{event}")).await["deliveries"][0].take()
    }

    /// The attempts of a delivery.
    pub(crate) async fn attempts(&self, delivery: &Value) -> Value {
        let (webhook, id) = (&delivery["webhookId"], delivery["id"].as_str().unwrap());
        self.get(&format!("/public/v1/webhooks/{webhook}/deliveries/{id}")).await["attempts"].take()
    }

    async fn get(&self, path: &str) -> Value {
        let answer =
            self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// SIGKILL: the process gets no chance to do anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as an operator would.
    pub(crate) async fn stop(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || self.child.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "{ended}");
    }
}
