//! The executable among hostile and healthy receivers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stayhook_testkit::Receiver;

use crate::served::{PATIENCE, Served};
use crate::zoo::Zoo;

pub(crate) struct House {
    server: Served,
    healthy: Receiver,
    properties: std::cell::Cell<i64>,
}

/// A webhook and the property that it alone belongs to.
pub(crate) struct Webhook {
    id: i64,
    property: i64,
}

impl House {
    pub(crate) async fn open(zoo: &Zoo) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), zoo.ca.pem()).unwrap();
        let settings = [
            ("STAYHOOK_EGRESS__REQUIRE_HTTPS", "false"),
            ("STAYHOOK_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#),
            ("STAYHOOK_EGRESS__CA_FILE", "ca.pem"),
            ("STAYHOOK_EGRESS__NAMESERVERS", r#"["127.0.0.1:53"]"#),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let server = Served::start(directory, settings.into());
        Self { server, healthy: Receiver::start().await.unwrap(), properties: std::cell::Cell::new(0) }
    }

    /// The most memory that the server has held so far.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) async fn register(&self, url: &str) -> Webhook {
        let property = self.properties.get() + 1;
        self.properties.set(property);
        let webhook = json!({"propertyId": property, "url": url, "events": ["booking.*"]});
        let (status, made) = self.server.call("POST", "/public/v1/webhooks", &webhook).await;
        assert_eq!(status, 201, "{made}");
        Webhook { id: made["id"].as_i64().unwrap(), property }
    }

    pub(crate) async fn register_healthy(&self, count: usize) -> Vec<Webhook> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.register(&self.healthy.url("/")).await);
        }
        all
    }

    /// Lets an event happen for each of these webhooks, all at once.
    pub(crate) async fn attack(&self, webhooks: &[Webhook]) {
        let events: Vec<Value> = webhooks.iter().map(event).collect();
        let (status, answer) =
            self.server.call("POST", "/internal/v1/events/batch", &json!({"events": events})).await;
        assert_eq!(status, 202, "{answer}");
    }

    /// Lets events of healthy receivers happen one after the other for this long. Returns the longest
    /// time from the call that reports one until its arrival.
    pub(crate) async fn serve_healthy(&self, webhooks: &[Webhook], duration: Duration) -> Duration {
        let (began, mut longest) = (Instant::now(), Duration::ZERO);
        for (n, webhook) in webhooks.iter().cycle().enumerate() {
            if began.elapsed() > duration {
                break;
            }
            let since = Instant::now();
            let (status, answer) = self.server.call("POST", "/internal/v1/events", &event(webhook)).await;
            assert_eq!(status, 202, "{answer}");
            assert!(self.healthy.wait_for(n + 1, PATIENCE).await.len() > n, "never arrived");
            longest = longest.max(since.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        longest
    }

    /// The delivery to a webhook, once it was tried.
    pub(crate) async fn tried(&self, webhook: &Webhook) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(delivery) = self.server.tried(webhook.id).await {
                return delivery;
            }
            assert!(Instant::now() < deadline, "never tried");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn event(webhook: &Webhook) -> Value {
    json!({"type": "booking.created", "propertyId": webhook.property, "data": {"booking": {"id": 1}}})
}
