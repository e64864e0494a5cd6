//! What some problems bear besides what all of them bear.

use axum::http::HeaderValue;
use axum::http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::auth::ScopeName;

/// Seconds after which a caller may try again when something failed.
const RETRY_AFTER_SECONDS: u32 = 2;

/// A header or members of its own.
#[derive(Clone, Debug, Default)]
pub(super) enum Extra {
    #[default]
    Nothing,
    /// `WWW-Authenticate`
    Challenge(HeaderValue),
    /// `Retry-After`, in seconds.
    RetryAfter(u32),
    /// How many webhooks a property may have, and has.
    Slots { limit: u32, used: u32 },
}

impl Extra {
    /// `WWW-Authenticate` (RFC 6750, section 3) for a request without a token.
    pub(super) fn challenge() -> Self {
        Self::Challenge(HeaderValue::from_static(r#"Bearer realm="stayhook""#))
    }

    /// The same for a token that does not count.
    pub(super) fn invalid_token() -> Self {
        Self::Challenge(HeaderValue::from_static(r#"Bearer realm="stayhook", error="invalid_token""#))
    }

    /// The same for a token without the scopes that this takes.
    pub(super) fn needs(scopes: &[ScopeName]) -> Self {
        let scopes = ScopeName::list(scopes, " ");
        let challenge = format!(r#"Bearer realm="stayhook", error="insufficient_scope", scope="{scopes}""#);
        HeaderValue::try_from(challenge).map_or(Self::Nothing, Self::Challenge)
    }

    /// `Retry-After` when something failed.
    pub(super) fn retry() -> Self {
        Self::RetryAfter(RETRY_AFTER_SECONDS)
    }

    /// The header, where it is one.
    pub(super) fn into_header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Challenge(challenge) => Some((WWW_AUTHENTICATE, challenge)),
            Self::RetryAfter(seconds) => Some((RETRY_AFTER, seconds.into())),
            Self::Nothing | Self::Slots { .. } => None,
        }
    }
}
