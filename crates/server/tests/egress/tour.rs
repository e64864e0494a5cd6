//! A walk through everything that could lead to an address that may not be called.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use crate::addresses::{FORBIDDEN, PUBLIC_V4, PUBLIC_V6, REDIRECTED_TO, SCHEMA_HOST, TRICKS, ip, url_of};
use crate::world::{Webhook, World};

/// What is asserted on the way, besides what is observed in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// That everything forbidden is refused, in the same words.
    Refusals,
    /// Nothing: the configuration allows what is forbidden.
    Nothing,
}

const BLOCKED: &str = "the receiver's name resolves to an address that may not be called";

/// Walks all of it.
pub(crate) async fn walk(world: &World, expect: Expect) {
    let tour = Tour { world, expect };
    tour.public_addresses_are_reached().await;
    tour.literals_are_refused().await;
    tour.names_of_forbidden_addresses_are_refused().await;
    tour.aliases_are_judged_by_where_they_lead().await;
    tour.one_forbidden_address_refuses_all().await;
    tour.names_that_turn_are_refused_at_the_next_attempt().await;
    tour.redirects_lead_nowhere().await;
    tour.token_endpoints_obey_the_same_rules().await;
    tour.changes_obey_the_same_rules().await;
    tour.nothing_else_fetches().await;
}

struct Tour<'a> {
    world: &'a World,
    expect: Expect,
}

impl Tour<'_> {
    async fn public_addresses_are_reached(&self) {
        self.world.dns.answer("public.example.com", vec![ip(PUBLIC_V4)]);
        self.world.dns.answer("six.example.com", vec![ip(PUBLIC_V6)]);
        self.world.dns.cname("alias.example.com", "public.example.com");
        let literal = url_of(PUBLIC_V6);
        for url in [
            "http://public.example.com/",
            "https://public.example.com/",
            "http://six.example.com/",
            "https://alias.example.com/",
            "http://93.184.215.14/",
            &literal,
        ] {
            let webhook = self.world.register(url).await.unwrap();
            assert!(self.world.try_out(webhook).await.delivered, "{url}");
            assert_eq!(self.world.deliver(webhook, "booking.created").await["status"], "delivered", "{url}");
        }
    }

    /// At registration, and if it were accepted, when sending.
    async fn literals_are_refused(&self) {
        let literals = FORBIDDEN.iter().map(|address| url_of(address));
        for url in literals.chain(TRICKS.iter().map(|&url| url.to_owned())) {
            let answer = self.world.register(&url).await;
            if self.strict() {
                assert_eq!(answer.err(), Some(422), "{url:?}");
            } else if let Ok(webhook) = answer {
                self.world.try_out(webhook).await;
            }
        }
    }

    async fn names_of_forbidden_addresses_are_refused(&self) {
        for (n, address) in FORBIDDEN.iter().enumerate() {
            let name = format!("forbidden-{n}.example.com");
            self.world.dns.answer(&name, vec![ip(address)]);
            self.is_blocked(&format!("http://{name}/"), address).await;
        }
    }

    async fn aliases_are_judged_by_where_they_lead(&self) {
        self.world.dns.answer("localhost", vec![ip("127.0.0.1")]);
        self.world.dns.answer("inside.example.net", vec![ip("192.168.0.1")]);
        self.world.dns.cname("one.example.com", "inside.example.net");
        self.world.dns.cname("two.example.com", "one.example.com");
        self.world.dns.cname("three.example.com", "localhost");
        for name in ["one", "two", "three"] {
            self.is_blocked(&format!("https://{name}.example.com/"), "an alias").await;
        }
    }

    async fn one_forbidden_address_refuses_all(&self) {
        let mixtures: [&[&str]; 6] = [
            &[PUBLIC_V4, "10.0.0.1"],
            &["10.0.0.1", PUBLIC_V4],
            &[PUBLIC_V4, "fd00::1"],
            &[PUBLIC_V6, "10.0.0.1"],
            &[PUBLIC_V6, PUBLIC_V4, "::ffff:10.0.0.1"],
            &[PUBLIC_V4, PUBLIC_V4, PUBLIC_V4, PUBLIC_V4, PUBLIC_V4, PUBLIC_V4, "169.254.169.254"],
        ];
        for (n, mixture) in mixtures.iter().enumerate() {
            let name = format!("mixed-{n}.example.com");
            self.world.dns.answer(&name, mixture.iter().map(|it| ip(it)).collect());
            self.is_blocked(&format!("http://{name}/"), &format!("{mixture:?}")).await;
        }
    }

    /// Rebinding: the name is public when it is registered and at every other lookup. The connection that
    /// the public ones leave open is of no use to the others.
    async fn names_that_turn_are_refused_at_the_next_attempt(&self) {
        for (n, inside) in ["10.0.0.1", "127.0.0.1", "fd00::1", "::ffff:169.254.169.254"].iter().enumerate() {
            let (name, outside) = (format!("turning-{n}.example.com"), vec![ip(PUBLIC_V4)]);
            let turns: Vec<Vec<IpAddr>> =
                (0..12).map(|turn| if turn % 2 == 0 { outside.clone() } else { vec![ip(inside)] }).collect();
            self.world.dns.sequence(&name, turns);
            let webhook = self.world.register(&format!("http://{name}/")).await.unwrap();
            for turn in 0..10 {
                let tried = self.world.try_out(webhook).await;
                if self.strict() {
                    assert_eq!(tried.delivered, turn % 2 == 0, "{inside}, lookup {turn}: {tried:?}");
                    assert!(tried.delivered || tried.error.contains(BLOCKED), "{tried:?}");
                }
            }
        }
    }

    async fn redirects_lead_nowhere(&self) {
        for status in [300, 301, 302, 303, 305, 307, 308] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://public.example.com/redirect/{status}");
                let webhook = self.world.register(&url).await.unwrap();
                let tried = self.world.try_out(webhook).await;
                assert!(!tried.delivered, "{url}");
                if ![300, 305].contains(&status) {
                    assert!(tried.error.contains(&format!("redirects to {REDIRECTED_TO}")), "{tried:?}");
                }
            }
        }
        let webhook = self.world.register("https://public.example.com/elsewhere").await.unwrap();
        for _ in 0..3 {
            assert!(self.world.try_out(webhook).await.delivered, "headers that point elsewhere");
        }
    }

    async fn token_endpoints_obey_the_same_rules(&self) {
        let (order, token) = ("https://public.example.com/", "https://public.example.com/token");
        let webhook = self.world.register_with_token(order, token).await.unwrap();
        assert!(self.world.try_out(webhook).await.delivered);
        for address in FORBIDDEN {
            self.token_is_refused(order, &format!("{}token", url_of(address))).await;
        }
        for trick in TRICKS {
            self.token_is_refused(order, trick).await;
        }
        self.world.dns.answer("token-inside.example.com", vec![ip("10.0.0.1")]);
        self.world.dns.answer("token-mixed.example.com", vec![ip(PUBLIC_V4), ip("10.0.0.1")]);
        self.world.dns.cname("token-alias.example.com", "inside.example.net");
        self.world.dns.sequence("token-turning.example.com", vec![vec![ip(PUBLIC_V4)], vec![ip("10.0.0.1")]]);
        for (name, path) in [
            ("token-inside", "token"),
            ("token-mixed", "token"),
            ("token-alias", "token"),
            ("token-turning", "token"),
            ("public", "redirect/302"),
            ("public", "redirect/307"),
        ] {
            let token = format!("http://{name}.example.com/{path}");
            let webhook = self.world.register_with_token(order, &token).await.unwrap();
            self.world.try_out(webhook).await;
            // The token ends after a second: the next attempt needs another one.
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            let tried = self.world.try_out(webhook).await;
            assert!(!self.strict() || !tried.delivered, "{token}: {tried:?}");
            self.world.deliver(webhook, "order.updated").await;
        }
        let inside = self.world.register_with_token("http://token-inside.example.com/", token).await.unwrap();
        assert!(!self.strict() || !self.world.try_out(inside).await.delivered);
    }

    async fn token_is_refused(&self, order: &str, token: &str) {
        let answer = self.world.register_with_token(order, token).await;
        if self.strict() {
            assert_eq!(answer.err(), Some(422), "{token:?}");
        } else if let Ok(webhook) = answer {
            self.world.try_out(webhook).await;
        }
    }

    async fn changes_obey_the_same_rules(&self) {
        let webhook = self.world.register("https://public.example.com/").await.unwrap();
        let path = format!("/public/v1/webhooks/{}", webhook.id);
        for url in ["http://10.0.0.1/", "http://127.1/", "http://localhost/"] {
            let (status, _) = self.world.call("PATCH", &path, &json!({"url": url})).await;
            assert!(!self.strict() || status == 422, "{url}");
        }
        let (status, _) = self.world.call("PATCH", &path, &json!({"url": "http://one.example.com/"})).await;
        assert_eq!(status, 200);
        self.stays_blocked(webhook, "after a change").await;
    }

    /// A schema of an event type with a reference to fetch, and the command that checks URLs.
    async fn nothing_else_fetches(&self) {
        let schema = json!({"$ref": format!("http://{SCHEMA_HOST}/schema.json")});
        self.world.call("PUT", "/admin/v1/event-types/booking.fetched", &json!({"schema": schema})).await;
        let event = json!({"type": "booking.fetched", "propertyId": 1, "data": {"booking": {"id": 1}}});
        self.world.call("POST", "/internal/v1/events", &event).await;
        assert_eq!(self.world.check_url("http://public.example.com/"), Some(0));
        let refused = self.world.check_url("http://one.example.com/");
        assert!(!self.strict() || refused == Some(1));
    }

    /// A name may be registered, since registration asks no network; but never called.
    async fn is_blocked(&self, url: &str, what: &str) {
        let webhook = self.world.register(url).await.unwrap();
        self.stays_blocked(webhook, what).await;
    }

    async fn stays_blocked(&self, webhook: Webhook, what: &str) {
        let tried = self.world.try_out(webhook).await;
        let delivery = self.world.deliver(webhook, "booking.created").await;
        if self.strict() {
            let error = delivery["attempts"][0]["error"].as_str().unwrap_or_default();
            let expected = format!("blocked_address: {BLOCKED}");
            assert_eq!((tried.error.as_str(), error), (&*expected, &*expected), "{what}");
        }
    }

    fn strict(&self) -> bool {
        self.expect == Expect::Refusals
    }
}
