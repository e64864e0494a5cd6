//! Opaque access tokens: the issuer is asked about each (RFC 7662). The answers, also that a
//! token does not count, are remembered by the cache of `auth`.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use stayhook_core::{Json, Members, UnixMs};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::claims::{self, Flaw};
use super::fetch::{self, Fetcher};
use super::{Principal, Uncertain};

/// The most bytes of an answer.
const MOST_BYTES: usize = 64 * 1024;
/// How deep an answer may be nested.
const DEPTH: usize = 16;
/// Questions under way at once: a flood of bad tokens must not become one at the issuer.
const AT_ONCE: usize = 32;
/// How long a question waits for its turn.
const TURN: Duration = Duration::from_secs(5);

const INACTIVE: Flaw = "the access token is unknown, expired or revoked";

/// Where opaque tokens are examined, and as whom.
pub struct IntrospectionConfig {
    /// `auth.introspection_url`
    pub url: String,
    /// `auth.introspection_client_id`
    pub client_id: String,
    /// `auth.introspection_client_secret`
    pub client_secret: Zeroizing<String>,
}

/// Asks the issuer about tokens.
pub(super) struct Introspection {
    config: IntrospectionConfig,
    issuer: Option<String>,
    audience: Option<String>,
    fetcher: Fetcher,
    turns: Semaphore,
}

impl Introspection {
    /// `issuer` and `audience` are what an answer must say where it says anything about them.
    pub(super) fn new(
        config: IntrospectionConfig,
        issuer: Option<String>,
        audience: Option<String>,
        fetcher: Fetcher,
    ) -> Self {
        Self { config, issuer, audience, fetcher, turns: Semaphore::new(AT_ONCE) }
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// When it does not count, or the issuer does not say.
    pub(super) async fn principal(&self, token: &str, now: UnixMs) -> Result<Principal, Uncertain> {
        let unavailable = |why: &str| Uncertain::Unavailable(format!("auth.introspection_url: {why}"));
        let turn = timeout(TURN, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| unavailable("too many tokens are being asked about"))?;
        let body = fetch::body(self.question(token), MOST_BYTES).await.map_err(|why| unavailable(&why))?;
        let json = Json::parse(&body, DEPTH).map_err(|error| unavailable(&error.to_string()))?;
        let answer = json.into_object().map_err(|_| unavailable("its answer is no JSON object"))?;
        match answer.get("active").and_then(Json::as_bool) {
            Some(true) => Ok(self.judge(&answer, now)?),
            Some(false) => Err(Uncertain::Flawed(INACTIVE)),
            None => Err(unavailable("its answer has no member `active` that is true or false")),
        }
    }

    fn question(&self, token: &str) -> reqwest::RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        // RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined.
        let encoded =
            |text: &str| Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
        let (id, secret) = (encoded(&self.config.client_id), encoded(&self.config.client_secret));
        self.fetcher
            .post(&self.config.url)
            .basic_auth(id.as_str(), Some(secret.as_str()))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(body)
    }

    /// The issuer has looked at times, issuer and audience already; what it says about them is
    /// held against what is expected here all the same.
    fn judge(&self, answer: &Members, now: UnixMs) -> Result<Principal, Flaw> {
        if let (Some(issuer), Some(iss)) = (&self.issuer, answer.get("iss"))
            && iss.as_str() != Some(issuer)
        {
            return Err("the access token is by another issuer");
        }
        if let (Some(audience), Some(aud)) = (&self.audience, answer.get("aud"))
            && !claims::is_meant_for(audience, aud)
        {
            return Err("the access token is for another audience");
        }
        let end = claims::end(answer, now)?;
        claims::begun(answer, now)?;
        claims::principal(answer, end.unwrap_or(Principal::NO_END))
    }
}
