//! Who calls, and what they may do: `Authorization: Bearer …` (RFC 6750).

mod cache;
mod claims;
mod fetch;
mod introspection;
mod issuers;
mod jwk;
mod jwks;
mod jwt;
mod scopes;
mod token;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use stayhook_core::{ClientId, PropertyId, UnixMs};
use stayhook_store::{Scope, TokenHash, TokenLine};

pub(crate) use self::cache::TokenCache;
use self::claims::Flaw;
pub use self::introspection::IntrospectionConfig;
pub use self::issuers::{Issuers, IssuersConfig, IssuersError, JwksSource};
use self::scopes::Scopes;
pub use self::scopes::{ScopeName, UnknownScope};
pub use self::token::{hash_token, new_token};
use crate::error::Problem;
use crate::{Api, Shared};

/// No token that is known here is longer, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Somebody with a valid token.
#[derive(Debug, PartialEq, Eq)]
struct Principal {
    client: ClientId,
    scopes: Scopes,
    /// Which webhooks and properties they see.
    visible: Scope,
    /// The moment from which the token does not count any more.
    ends: UnixMs,
}

/// Why nobody can be told from a token.
enum Uncertain {
    /// It does not count.
    Flawed(Flaw),
    /// Whoever would know does not answer.
    Unavailable(String),
}

impl From<Flaw> for Uncertain {
    fn from(flaw: Flaw) -> Self {
        Self::Flawed(flaw)
    }
}

impl Principal {
    /// The end of tokens that have none.
    const NO_END: UnixMs = UnixMs(i64::MAX);

    fn of(token: TokenLine) -> Self {
        let visible = Scope { client: Some(token.client.clone()), properties: token.properties };
        let scopes = Scopes::named(&token.scopes);
        Self { client: token.client, scopes, visible, ends: Self::NO_END }
    }
}

/// The caller of a request, who counts against `limits.requests_per_second`. Endpoints ask
/// it first.
pub(crate) struct Caller {
    principal: Arc<Principal>,
    token: TokenHash,
}

/// An internal service: only what events it reports is counted, against
/// `limits.events_per_second`.
pub(crate) struct Internal(Caller);

impl Caller {
    /// Lets pass who has all of these scopes.
    ///
    /// # Errors
    /// 403 otherwise.
    pub(crate) fn needs(&self, needed: &'static [ScopeName]) -> Result<(), Problem> {
        if needed.iter().all(|scope| self.principal.scopes.include(*scope)) {
            return Ok(());
        }
        let missing: Vec<_> =
            needed.iter().copied().filter(|scope| !self.principal.scopes.include(*scope)).collect();
        Err(Problem::insufficient_scope(needed, &missing))
    }

    /// On whose behalf the call is made.
    pub(crate) fn client(&self) -> &ClientId {
        &self.principal.client
    }

    /// What the caller sees of webhooks.
    pub(crate) fn scope(&self) -> &Scope {
        &self.principal.visible
    }

    /// Whether the caller may touch the property at all.
    pub(crate) fn may_touch(&self, property: PropertyId) -> bool {
        self.principal.visible.properties.contains(property)
    }
}

impl Internal {
    /// Whoever calls.
    pub(crate) fn caller(&self) -> &Caller {
        &self.0
    }

    /// Counts events that are about to be accepted.
    ///
    /// # Errors
    /// 429 when there have been too many; then none of these may be accepted.
    pub(crate) fn reports(&self, api: &Api, events: usize) -> Result<(), Problem> {
        api.events.take(&self.0.token, events, api.state.engine.now())
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let caller = identify(parts, api).await?;
        api.requests.take(&caller.token, 1, api.state.engine.now())?;
        Ok(caller)
    }
}

impl FromRequestParts<Shared> for Internal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        identify(parts, api).await.map(Self)
    }
}

async fn identify(parts: &Parts, api: &Api) -> Result<Caller, Problem> {
    let text = bearer(&parts.headers)?;
    let token = hash_token(text);
    let now = api.state.engine.now();
    let known = match api.tokens.get(&token, now) {
        Some(known) => known,
        None => {
            let found = principal(api, text, &token, now).await?;
            api.tokens.put(token, found.clone(), now);
            found
        }
    };
    known.map(|principal| Caller { principal, token }).map_err(Problem::bad_token)
}

/// Who a token speaks for: tokens with our prefix are our own, any other is an issuer's.
///
/// # Errors
/// 503 when whoever would know does not answer.
async fn principal(
    api: &Api,
    token: &str,
    hash: &TokenHash,
    now: UnixMs,
) -> Result<Result<Arc<Principal>, Flaw>, Problem> {
    if token.starts_with(token::PREFIX) {
        let found = api.store().token(hash).await?;
        return Ok(found
            .map(|line| Arc::new(Principal::of(line)))
            .ok_or("the access token is unknown or revoked"));
    }
    match api.state.issuers.principal(token, now).await {
        Ok(principal) => Ok(Ok(Arc::new(principal))),
        Err(Uncertain::Flawed(flaw)) => Ok(Err(flaw)),
        Err(Uncertain::Unavailable(why)) => Err(Problem::failed(why)),
    }
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(Problem::no_token)?;
    if values.next().is_some() {
        return Err(Problem::bad_token("send the header Authorization once"));
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(Problem::no_token)?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Problem::no_token());
    }
    let token = token.trim_start_matches(' ');
    if is_b64token(token) && token.len() <= LONGEST_TOKEN {
        Ok(token)
    } else {
        Err(Problem::bad_token("the access token is malformed: send it as it was issued"))
    }
}

/// The form of a bearer token (RFC 6750, section 2.1).
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_bearer_token_is_taken_from_the_one_header() {
        for good in ["Bearer abc.D-E_f~+/==", "bearer abc", "BEARER  abc"] {
            assert!(bearer(&headers(&[good])).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Basic abc",
            "abc",
            "Bearer a b",
            "Bearer a,b",
            "Bearer ==",
            "Bearer\tabc",
        ] {
            assert!(bearer(&headers(&[bad])).is_err(), "{bad}");
        }
        assert!(bearer(&headers(&[])).is_err());
        assert!(bearer(&headers(&["Bearer abc", "Bearer abc"])).is_err());
    }
}
