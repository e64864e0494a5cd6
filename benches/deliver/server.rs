//! The real binary as a child process, set up over its own command line and API.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use stayhook_testkit::Postgres;
use tempfile::TempDir;

use crate::callers::Client;
use crate::receiver::Receiver;

/// A directory with what a server needs, and a database: both outlive each server.
pub(crate) struct Home {
    binary: PathBuf,
    dir: TempDir,
    /// Its URL.
    pub(crate) database: String,
    pub(crate) on_postgres: bool,
    token: String,
}

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) properties: usize,
    home: Arc<Home>,
}

/// 32 bytes of ones.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

impl Home {
    /// A fresh SQLite file, or a fresh database of a throw-away PostgreSQL, and a token.
    pub(crate) fn create(on_postgres: bool) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let database = if on_postgres {
            Postgres::create().unwrap().url().to_owned()
        } else {
            format!("sqlite://{}", dir.path().join("bench.db").display())
        };
        let mut home = Self { binary: build(), dir, database, on_postgres, token: String::new() };
        let scopes = "webhooks.write,bookings.read,events.write";
        let minted =
            home.command(&["token", "create", "--name", "bench", "--scopes", scopes, "--properties", "all"]);
        home.token = String::from_utf8({ minted }.output().unwrap().stdout).unwrap().trim().to_owned();
        home
    }

    /// The SQLite file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("bench.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("STAYHOOK_DATABASE__URL", &self.database)
            .env("STAYHOOK_SECRETS__KEY", KEY)
            .env("STAYHOOK_SERVER__LISTEN", "127.0.0.1:0")
            .env("STAYHOOK_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#)
            .env("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false")
            .env("STAYHOOK_LIMITS__REQUESTS_PER_SECOND", "1000000")
            // What a bench holds stays held.
            .env("STAYHOOK_HOLD__MAX_EVENTS", "100000000")
            .env("STAYHOOK_HOLD__MAX_AGE", "30d")
            .stdout(Stdio::piped());
        command
    }
}

impl Server {
    /// Starts a server with so many webhooks, `fanout` of them for each property, on a fresh
    /// database.
    pub(crate) async fn start(
        receiver: &Receiver,
        webhooks: usize,
        fanout: usize,
        on_postgres: bool,
    ) -> Self {
        let server = Self::serve(&Arc::new(Home::create(on_postgres)), webhooks / fanout);
        server.register(receiver, webhooks / fanout * fanout).await;
        server
    }

    /// Starts a server on what is there, for so many properties.
    pub(crate) fn serve(home: &Arc<Home>, properties: usize) -> Self {
        let mut child = home.command(&["serve"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| line.unwrap().strip_prefix("listening on http://").map(str::to_owned))
            .expect("an address")
            .parse()
            .unwrap();
        Self { child, address, token: home.token.clone(), properties, home: Arc::clone(home) }
    }

    pub(crate) async fn register(&self, receiver: &Receiver, webhooks: usize) {
        let mut client = Client::connect(self.address).await;
        for number in 0..webhooks {
            let url = format!("http://{}/{number}", receiver.address());
            let body = format!(
                r#"{{"propertyId":{},"url":"{url}","events":["booking.created"]}}"#,
                1 + number % self.properties
            );
            let status = client.post("/public/v1/webhooks", &self.token, body.into()).await;
            assert_eq!(status, 201);
        }
    }

    /// CPU time used so far, of the server's threads and of PostgreSQL's processes.
    pub(crate) fn cpu(&self) -> Duration {
        let own = ticks(&format!("/proc/{}/stat", self.child.id()), None).unwrap_or(0);
        duration(own) + self.database_cpu()
    }

    /// The part of it that PostgreSQL used.
    pub(crate) fn database_cpu(&self) -> Duration {
        if self.home.on_postgres { duration(postgres_ticks(&self.home.database)) } else { Duration::ZERO }
    }

    /// Bytes that the server has had written to disk so far.
    pub(crate) fn written(&self) -> u64 {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap();
        let line = io.lines().find_map(|it| it.strip_prefix("write_bytes: ")).unwrap();
        line.parse().unwrap()
    }

    /// Stops everything that goes to one more property's only webhook, which this makes.
    pub(crate) async fn pause_one(&self, receiver: &Receiver) -> usize {
        let property = self.properties + 1;
        let mut client = Client::connect(self.address).await;
        let body = format!(
            r#"{{"propertyId":{property},"url":"http://{}/held","events":["booking.created"]}}"#,
            receiver.address()
        );
        assert_eq!(client.post("/public/v1/webhooks", &self.token, body.into()).await, 201);
        let webhook = property;
        let path = format!("/public/v1/webhooks/{webhook}");
        assert_eq!(client.patch(&path, &self.token, r#"{"status":"paused"}"#.into()).await, 200);
        webhook
    }

    /// The largest resident set so far, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub(crate) async fn stop(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let ended = tokio::task::spawn_blocking(move || self.child.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "{ended}");
    }
}

/// Builds the binary as a user would, and says where it is.
fn build() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--package", "stayhook"])
        .current_dir(&root)
        .status()
        .unwrap();
    assert!(built.success());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../release/stayhook")
}

/// Ticks of proc(5) are 10 ms.
fn duration(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 10)
}

/// The processes of the throw-away PostgreSQL behind this URL, those that ended included.
fn postgres_ticks(url: &str) -> u64 {
    let (_, home) = url.rsplit_once("host=").expect("the directory of its socket");
    let file = std::fs::read_to_string(PathBuf::from(home).join("data/postmaster.pid")).unwrap();
    let postmaster = file.lines().next().expect("its process");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let children = processes.map(|it| it.path().join("stat").display().to_string());
    let living: u64 = children.filter_map(|stat| ticks(&stat, Some(postmaster))).sum();
    living + ticks(&format!("/proc/{postmaster}/stat"), None).unwrap_or(0)
}

/// Fields 4 and 14 to 17 of proc(5): user and system time, own and of children that ended. Of
/// a child only, where a parent is named, and then without its own children.
fn ticks(stat: &str, parent: Option<&str>) -> Option<u64> {
    let text = std::fs::read_to_string(stat).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    if parent.is_some_and(|it| it != fields[1]) {
        return None;
    }
    let most = if parent.is_some() { 13 } else { 15 };
    Some(fields[11..most].iter().filter_map(|it| it.parse::<u64>().ok()).sum())
}
