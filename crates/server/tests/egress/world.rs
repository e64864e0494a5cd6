//! The internet of one namespace: a receiver on every address, a name server, and the executable.

use std::cell::Cell;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stayhook_testkit::{Dns, Received, Receiver, Reply, TestCa};

use crate::addresses::{PROXY, REDIRECTED_TO};
use crate::served::{PATIENCE, Served};

/// Ports on which every address answers: those that are called, and those of what lives in networks.
const PLAIN_PORTS: [u16; 9] = [80, 22, 25, 1080, 3128, 5432, 6379, 8080, 9200];
const TLS_PORTS: [u16; 2] = [443, 8443];

pub(crate) struct World {
    pub(crate) dns: Dns,
    receivers: Vec<Receiver>,
    server: Served,
    properties: Cell<i64>,
}

/// A webhook that was accepted.
#[derive(Clone, Copy)]
pub(crate) struct Webhook {
    pub(crate) id: i64,
    property: i64,
}

/// What a test event led to.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) delivered: bool,
    pub(crate) error: String,
}

impl World {
    /// A world, and a server that may call these networks besides public addresses.
    pub(crate) async fn start(allow: &[&str]) -> Self {
        let (ca, directory) = (TestCa::new(), tempfile::tempdir().unwrap());
        std::fs::write(directory.path().join("ca.pem"), ca.pem()).unwrap();
        let everywhere = |port| SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        let mut receivers = Vec::new();
        for port in PLAIN_PORTS {
            receivers.push(Receiver::start_at(everywhere(port)).await.unwrap());
        }
        for port in TLS_PORTS {
            let certificate = ca.issue(&["*.example.com"]);
            receivers.push(Receiver::start_tls_at(everywhere(port), certificate).await.unwrap());
        }
        for receiver in &receivers {
            receiver.reply(answer);
        }
        let dns = Dns::start().await.unwrap();
        let server = Served::start(directory, environment(&dns, allow));
        Self { dns, receivers, server, properties: Cell::new(0) }
    }

    /// Where connections were made to.
    pub(crate) fn called(&self) -> Vec<SocketAddr> {
        self.receivers.iter().flat_map(Receiver::destinations).collect()
    }

    /// Registers a webhook for a property of its own; the status where that is refused.
    pub(crate) async fn register(&self, url: &str) -> Result<Webhook, u16> {
        self.create(json!({"url": url, "events": ["booking.*"]})).await
    }

    /// Registers a webhook whose requests need a token.
    pub(crate) async fn register_with_token(&self, url: &str, token_url: &str) -> Result<Webhook, u16> {
        let auth = json!({"type": "oauth2_client_credentials", "tokenUrl": token_url, "clientId": "a", "clientSecret": "b"});
        self.create(json!({"url": url, "events": ["order.*"], "profile": "bookingkit", "auth": auth})).await
    }

    async fn create(&self, mut webhook: Value) -> Result<Webhook, u16> {
        let property = self.properties.get() + 1;
        self.properties.set(property);
        webhook["propertyId"] = property.into();
        match self.call("POST", "/public/v1/webhooks", &webhook).await {
            (201, made) => Ok(Webhook { id: made["id"].as_i64().unwrap(), property }),
            (status, _) => Err(status),
        }
    }

    /// Sends a test event.
    pub(crate) async fn try_out(&self, webhook: Webhook) -> Tried {
        let path = format!("/public/v1/webhooks/{}/test", webhook.id);
        let (status, tried) = self.call("POST", &path, &json!({})).await;
        assert_eq!(status, 200, "{tried}");
        let error = tried["error"].as_str().unwrap_or_default().to_owned();
        Tried { delivered: tried["delivered"] == true, error }
    }

    /// Lets an event happen, and waits until it was tried once. Returns what the log says of the attempt.
    pub(crate) async fn deliver(&self, webhook: Webhook, kind: &str) -> Value {
        let data = if kind.starts_with("booking.") { json!({"booking": {"id": 1}}) } else { json!({}) };
        let event = json!({"type": kind, "propertyId": webhook.property, "data": data});
        let (status, accepted) = self.call("POST", "/internal/v1/events", &event).await;
        assert_eq!(status, 202, "{accepted}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(delivery) = self.server.tried(webhook.id).await {
                return delivery;
            }
            assert!(Instant::now() < deadline, "never tried");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Calls the server's API.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.server.call(method, path, body).await
    }

    /// Runs `check-url`: its exit code.
    pub(crate) fn check_url(&self, url: &str) -> Option<i32> {
        self.server.command().args(["check-url", url]).output().unwrap().status.code()
    }
}

fn environment(dns: &Dns, allow: &[&str]) -> Vec<(String, String)> {
    let proxy = format!("http://{PROXY}:3128");
    let proxies =
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"].map(|name| (name, proxy.clone()));
    let socks = ["all_proxy", "ALL_PROXY"].map(|name| (name, format!("socks5://{PROXY}:1080")));
    let settings = [
        ("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false".to_owned()),
        ("STAYHOOK_EGRESS__ALLOW", json!(allow).to_string()),
        ("STAYHOOK_EGRESS__NAMESERVERS", json!([dns.addr()]).to_string()),
        ("STAYHOOK_EGRESS__CA_FILE", "ca.pem".to_owned()),
        ("STAYHOOK_DELIVERY__TIMEOUT", "2s".to_owned()),
    ];
    settings.into_iter().chain(proxies).chain(socks).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What every address answers: by the path.
fn answer(request: &Received) -> Reply {
    let inside = format!("http://{REDIRECTED_TO}/");
    let path = request.path.split('?').next().unwrap_or_default();
    match path.strip_prefix("/redirect/").map(|status| status.parse().unwrap()) {
        Some(status) => Reply::status(status).header("Location", &inside),
        None if path == "/elsewhere" => Reply::status(200)
            .header("Location", &inside)
            .header("Content-Location", &inside)
            .header("Refresh", &format!("0; url={inside}"))
            .header("Link", &format!("<{inside}>; rel=preload"))
            .header("Alt-Svc", &format!("h2=\"{REDIRECTED_TO}:443\"")),
        None if path == "/token" => {
            Reply::status(200).body(r#"{"access_token": "opaque", "token_type": "Bearer", "expires_in": 1}"#)
        }
        None => Reply::status(200),
    }
}
