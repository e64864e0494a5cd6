//! What every test starts with: a courier, its name server, and short words for sending.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use stayhook_core::{AddressRules, Fault, FaultClass, Span, UnixMs, UrlRules, WebhookId, WebhookUrl};
use stayhook_courier::{Answer, Courier, CourierConfig, Outbound, Reply, Transport};
use stayhook_testkit::Dns;

/// The name under which receivers are known.
pub(crate) const NAME: &str = "hooks.example.com";

/// 2026-05-27T16:40:00Z
pub(crate) const NOW: UnixMs = UnixMs(1_779_900_000_000);

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The limit of a hasty desk.
pub(crate) const HASTE: Span = Span::millis(800);

/// A courier that may call loopback addresses, and the name server that it asks.
pub(crate) struct Desk {
    pub(crate) courier: Courier,
    pub(crate) dns: Dns,
    rules: UrlRules,
}

/// How a desk is set up.
pub(crate) struct Setup {
    pub(crate) limit: Span,
    pub(crate) allow: &'static [&'static str],
    pub(crate) ca_file: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { limit: Span::seconds(4), allow: &["127.0.0.0/8"], ca_file: None }
    }
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// One whose attempts end after [`HASTE`], for receivers that would use up any limit.
    pub(crate) async fn hasty() -> Self {
        Self::with(Setup { limit: HASTE, ..Setup::default() }).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let dns = Dns::start().await.unwrap();
        dns.answer(NAME, vec![LOOPBACK]);
        let allow = setup.allow.iter().map(|network| network.parse().unwrap()).collect();
        let rules = UrlRules { require_https: false, ports: vec![], addresses: AddressRules { allow } };
        let courier = Courier::new(CourierConfig {
            timeout: setup.limit,
            addresses: rules.addresses.clone(),
            nameservers: vec![dns.addr()],
            ca_file: setup.ca_file,
        });
        Self { courier: courier.unwrap(), dns, rules }
    }

    pub(crate) fn url(&self, text: &str) -> WebhookUrl {
        WebhookUrl::parse(text, &self.rules).unwrap()
    }

    pub(crate) fn outbound(&self, webhook: i64, url: &str) -> Outbound {
        Outbound {
            webhook: WebhookId(webhook),
            now: NOW,
            method: Method::POST,
            url: self.url(url),
            headers: Vec::new(),
            body: Bytes::from_static(b"{}"),
            keep: stayhook_courier::MAX_BODY_KEPT,
        }
    }

    /// Sends for webhook 1.
    pub(crate) async fn send(&self, url: &str) -> Answer {
        self.courier.send(self.outbound(1, url)).await
    }

    /// Sends for a webhook and expects a response.
    pub(crate) async fn reply_for(&self, webhook: i64, url: &str) -> Reply {
        match self.courier.send(self.outbound(webhook, url)).await {
            Answer::Replied(reply) => reply,
            Answer::Failed(fault) => panic!("no reply, but {fault}"),
        }
    }

    /// Sends for webhook 1 and expects a response.
    pub(crate) async fn reply(&self, url: &str) -> Reply {
        self.reply_for(1, url).await
    }

    /// Sends for webhook 1 and expects a failure, with or without a response.
    pub(crate) async fn fault(&self, url: &str) -> Fault {
        let answer = self.send(url).await;
        answer.fault().unwrap_or_else(|| panic!("no failure, but {answer:?}"))
    }

    /// Sends for webhook 1 and expects a failure of a class, with these words in it.
    pub(crate) async fn fails(&self, url: &str, class: FaultClass, words: &str) {
        let fault = self.fault(url).await;
        assert_eq!(fault.class, class, "{fault}");
        assert!(fault.words.contains(words), "{fault}");
    }
}
