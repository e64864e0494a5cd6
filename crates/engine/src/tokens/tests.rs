use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use stayhook_core::{Span, UnixMs};
use stayhook_courier::Reply;
use tokio::sync::Notify;

use super::*;

/// An endpoint that answers what it is told to, once it may.
struct Endpoint {
    /// Status and body of the next answers; the last one stays.
    answers: Mutex<Vec<(u16, &'static str)>>,
    asked: Mutex<Vec<Outbound>>,
    /// Answers wait for it, where there is one.
    gate: Option<Notify>,
}

struct FixedClock(Mutex<UnixMs>);

impl Endpoint {
    fn answering(answers: &[(u16, &'static str)]) -> Self {
        Self { answers: Mutex::new(answers.to_vec()), asked: Mutex::default(), gate: None }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Transport for Endpoint {
    async fn send(&self, outbound: Outbound) -> Answer {
        self.asked.lock().unwrap().push(outbound);
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let mut answers = self.answers.lock().unwrap();
        let (status, body) = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        Answer::Replied(Reply {
            status,
            retry_after: None,
            location: None,
            body: Bytes::from_static(body.as_bytes()),
            reused: false,
        })
    }

    fn forget(&self, _: WebhookId) {}
}

impl Clock for FixedClock {
    fn now(&self) -> UnixMs {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep_until(&self, _: UnixMs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

const FIRST: (u16, &str) = (200, r#"{"access_token":"one","token_type":"Bearer","expires_in":3600}"#);
const SECOND: (u16, &str) = (200, r#"{"access_token":"two","token_type":"Bearer","expires_in":3600}"#);
const BROKEN: (u16, &str) = (503, "");

fn clock() -> FixedClock {
    FixedClock(Mutex::new(UnixMs(0)))
}

fn means<'a>(transport: &'a Endpoint, clock: &'a FixedClock) -> Means<'a> {
    Means { transport, clock, webhook: WebhookId(7) }
}

fn credentials(client_id: &str) -> Credentials {
    Credentials::OAuth2 {
        token_url: "https://id.example.com/token".to_owned(),
        client_id: client_id.to_owned(),
        client_secret: Secret::new("secret".to_owned()),
        scope: None,
    }
}

fn source() -> Arc<TokenSource> {
    Tokens::default().source(&credentials("client"), &UrlRules::default())
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_until_shortly_before_its_end() {
    let (endpoint, clock, source) = (Endpoint::answering(&[FIRST, SECOND]), clock(), source());
    for _ in 0..3 {
        assert_eq!(source.authorization(means(&endpoint, &clock), None).await.unwrap(), "Bearer one");
    }
    assert_eq!(endpoint.asked(), 1);
    *clock.0.lock().unwrap() = UnixMs(0).after(Span::seconds(3_540));
    assert_eq!(source.authorization(means(&endpoint, &clock), None).await.unwrap(), "Bearer two");
    let asked = endpoint.asked.lock().unwrap();
    assert_eq!(asked[0].url.as_str(), "https://id.example.com/token");
    assert_eq!(asked[0].body, "client_id=client&client_secret=secret&grant_type=client_credentials");
}

#[tokio::test]
async fn whoever_comes_meanwhile_waits_for_the_one_fetch() {
    for (answer, expected) in [(FIRST, Some("Bearer one")), (BROKEN, None)] {
        let endpoint = Endpoint { gate: Some(Notify::new()), ..Endpoint::answering(&[answer]) };
        let (clock, source) = (clock(), source());
        let ask = || source.authorization(means(&endpoint, &clock), None);
        let open = async {
            while endpoint.asked() == 0 {
                tokio::task::yield_now().await;
            }
            endpoint.gate.as_ref().unwrap().notify_one();
        };
        let (one, two, three, ()) = tokio::join!(ask(), ask(), ask(), open);
        for found in [one, two, three] {
            assert_eq!(found.ok().as_ref().and_then(|it| it.to_str().ok()), expected);
        }
        assert_eq!(endpoint.asked(), 1);
    }
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once_for_all_who_had_it() {
    let (endpoint, clock, source) = (Endpoint::answering(&[FIRST, SECOND]), clock(), source());
    let old = source.authorization(means(&endpoint, &clock), None).await.unwrap();
    for _ in 0..2 {
        let fresh = source.authorization(means(&endpoint, &clock), Some(&old)).await.unwrap();
        assert_eq!(fresh, "Bearer two");
    }
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test]
async fn a_failure_is_told_and_the_next_one_asks_again() {
    let (endpoint, clock, source) = (Endpoint::answering(&[BROKEN, FIRST]), clock(), source());
    let fault = source.authorization(means(&endpoint, &clock), None).await.unwrap_err();
    assert_eq!(fault.to_string(), "token: the token endpoint answered 503");
    assert_eq!(source.authorization(means(&endpoint, &clock), None).await.unwrap(), "Bearer one");
}

#[tokio::test]
async fn the_url_of_the_endpoint_keeps_to_the_rules() {
    let mut hostile = credentials("client");
    if let Credentials::OAuth2 { token_url, .. } = &mut hostile {
        *token_url = "https://169.254.169.254/token".to_owned();
    }
    let source = Tokens::default().source(&hostile, &UrlRules::default());
    let (endpoint, clock) = (Endpoint::answering(&[FIRST]), clock());
    let fault = source.authorization(means(&endpoint, &clock), None).await.unwrap_err();
    assert_eq!((fault.class, endpoint.asked()), (FaultClass::Token, 0));
}

#[test]
fn the_same_credentials_share_a_source_and_others_do_not() {
    let (tokens, rules) = (Tokens::default(), UrlRules::default());
    let one = tokens.source(&credentials("a"), &rules);
    assert!(Arc::ptr_eq(&one, &tokens.source(&credentials("a"), &rules)));
    assert!(!Arc::ptr_eq(&one, &tokens.source(&credentials("b"), &rules)));
    drop(one);
    assert_eq!(tokens.0.lock().unwrap().values().filter(|it| it.strong_count() > 0).count(), 0);
}
