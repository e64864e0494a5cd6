//! The real executable with a directory and an environment of its own, and its API.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes, so that only a fault runs into it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const SCOPES: &str = "webhooks.write,bookings.read,events.write,admin";

/// A running server, which ends when dropped.
pub(crate) struct Served {
    directory: TempDir,
    environment: Vec<(String, String)>,
    process: Child,
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Served {
    /// Starts a server in `directory`, and makes a token for every property.
    pub(crate) fn start(directory: TempDir, mut environment: Vec<(String, String)>) -> Self {
        environment.push(("STAYHOOK_SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
        let token = ["token", "create", "--name", "test", "--properties", "all", "--scopes", SCOPES];
        let made = command(&directory, &environment).args(token).output().unwrap();
        let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let mut process = command(&directory, &environment).arg("serve").spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { directory, environment, process, url: url.expect("an address"), token, client }
    }

    /// Another command in the same place.
    pub(crate) fn command(&self) -> Command {
        command(&self.directory, &self.environment)
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Calls its API: status and answer. `null` is no body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.token).header("Content-Type", "application/json");
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    /// The newest delivery of a webhook with its attempts, once it was tried.
    pub(crate) async fn tried(&self, webhook: i64) -> Option<Value> {
        let log = format!("/public/v1/webhooks/{webhook}/deliveries");
        let (_, page) = self.call("GET", &log, &Value::Null).await;
        let delivery = &page["data"][0];
        delivery["attemptCount"].as_i64().filter(|attempts| *attempts > 0)?;
        let one = format!("{log}/{}", delivery["id"].as_str().unwrap());
        Some(self.call("GET", &one, &Value::Null).await.1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already, which is for the test to notice.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(directory: &TempDir, environment: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stayhook"));
    command.current_dir(directory.path()).env_clear().envs(environment.iter().cloned());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
