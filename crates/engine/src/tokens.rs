//! Access tokens of receivers (OAuth 2.0 client credentials): fetched when needed, used until
//! shortly before they end, and never fetched twice at once for the same credentials.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use sha2::{Digest as _, Sha256};
use stayhook_core::{Credentials, Fault, FaultClass, Secret, UrlRules, WebhookId, WebhookUrl};
use stayhook_courier::{Answer, MAX_BODY_READ, Outbound};
use stayhook_profile::{AccessToken, TokenClient, read_token, token_request};

use crate::clock::Clock;
use stayhook_courier::Transport;

/// Where tokens are fetched, by credentials: webhooks that have the same ones share a token.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<[u8; 32], Weak<TokenSource>>>);

/// The tokens of one client at one endpoint.
pub(crate) struct TokenSource {
    /// Judged by the rules of this process.
    url: Result<WebhookUrl, Fault>,
    client_id: String,
    client_secret: Secret,
    scope: Option<String>,
    /// Held while a token is fetched.
    state: tokio::sync::Mutex<State>,
    /// How often one was fetched, or tried to.
    fetches: AtomicU64,
}

#[derive(Default)]
struct State {
    token: Option<AccessToken>,
    /// Why the last fetch brought none.
    failure: Option<Fault>,
}

/// With what a token is fetched.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) clock: &'a dyn Clock,
    /// Connections are kept apart by webhook.
    pub(crate) webhook: WebhookId,
}

impl Tokens {
    /// The source for these credentials, which are of the kind that fetches tokens.
    pub(crate) fn source(&self, credentials: &Credentials, rules: &UrlRules) -> Arc<TokenSource> {
        let key = Sha256::digest(&*credentials.expose_bytes()).into();
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        sources.retain(|_, source| source.strong_count() > 0);
        let source = Arc::new(TokenSource::of(credentials, rules));
        sources.insert(key, Arc::downgrade(&source));
        source
    }
}

impl TokenSource {
    fn of(credentials: &Credentials, rules: &UrlRules) -> Self {
        let (token_url, client_id, client_secret, scope) = match credentials {
            Credentials::OAuth2 { token_url, client_id, client_secret, scope } => {
                (token_url.as_str(), client_id.clone(), client_secret.clone(), scope.clone())
            }
            // Of the other kinds nothing is fetched: an empty URL is refused.
            Credentials::Basic { .. } | Credentials::Bearer { .. } => {
                ("", String::new(), Secret::new(String::new()), None)
            }
        };
        let refused =
            |error| Fault::new(FaultClass::Token, format!("the URL of the token endpoint: {error}"));
        Self {
            url: WebhookUrl::parse(token_url, rules).map_err(refused),
            client_id,
            client_secret,
            scope,
            state: tokio::sync::Mutex::default(),
            fetches: AtomicU64::new(0),
        }
    }

    /// The value of `Authorization`. A token that was `refused` is not given out again. Whoever
    /// comes while one is fetched waits for it, and shares its failure.
    ///
    /// # Errors
    /// When there is no token.
    pub(crate) async fn authorization(
        &self,
        means: Means<'_>,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Fault> {
        let seen = self.fetches.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = means.clock.now();
        let usable = |it: &&AccessToken| !it.must_refresh(now) && Some(it.authorization()) != refused;
        if let Some(token) = state.token.as_ref().filter(usable) {
            return Ok(token.authorization().clone());
        }
        if let Some(failure) = &state.failure
            && self.fetches.load(Ordering::Acquire) != seen
        {
            return Err(failure.clone());
        }
        *state = State::default();
        let fetched = self.fetch(means).await;
        self.fetches.fetch_add(1, Ordering::AcqRel);
        match fetched {
            Ok(token) => {
                let authorization = token.authorization().clone();
                state.token = Some(token);
                Ok(authorization)
            }
            Err(fault) => {
                state.failure = Some(fault.clone());
                Err(fault)
            }
        }
    }

    /// Asks the endpoint, under the rules for every request: vetted addresses, no redirects,
    /// bounded time and size.
    async fn fetch(&self, means: Means<'_>) -> Result<AccessToken, Fault> {
        let client = TokenClient {
            client_id: &self.client_id,
            client_secret: self.client_secret.expose(),
            scope: self.scope.as_deref(),
        };
        let asked_at = means.clock.now();
        let outbound = Outbound {
            webhook: means.webhook,
            now: asked_at,
            method: Method::POST,
            url: self.url.clone()?,
            headers: vec![
                (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
                (ACCEPT, HeaderValue::from_static("application/json")),
            ],
            body: Bytes::copy_from_slice(token_request(&client).as_bytes()),
            keep: MAX_BODY_READ,
        };
        match means.transport.send(outbound).await {
            Answer::Replied(reply) => read_token(reply.status, &reply.body, asked_at)
                .map_err(|error| Fault::new(FaultClass::Token, error.to_string())),
            Answer::Failed(fault) if fault.class.is_ours() => Err(fault),
            Answer::Failed(fault) => {
                Err(Fault::new(FaultClass::Token, format!("the token endpoint cannot be asked: {fault}")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
