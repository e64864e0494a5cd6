//! The kinds of problems: status, code, title and header of each.

use axum::http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};

use crate::auth::ScopeName;

/// Seconds after which a caller may try again when the store failed.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// What kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    InvalidJson,
    /// With a token that does not count (`true`), or without any.
    Unauthenticated(bool),
    InsufficientScope(&'static [ScopeName]),
    NotFound,
    MethodNotAllowed,
    LimitReached {
        limit: u32,
        used: u32,
    },
    IdempotencyConflict,
    InvalidState,
    PayloadTooLarge,
    UnsupportedMediaType,
    InvalidWebhook,
    InvalidRequest,
    Internal,
    Unavailable,
}

impl Kind {
    /// Status, code and title.
    pub(super) fn facts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidJson => (StatusCode::BAD_REQUEST, "invalid_json", "The body is not valid JSON"),
            Self::Unauthenticated(_) => {
                (StatusCode::UNAUTHORIZED, "unauthenticated", "Authentication is required")
            }
            Self::InsufficientScope(_) => {
                (StatusCode::FORBIDDEN, "insufficient_scope", "The token lacks a scope")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here")
            }
            Self::LimitReached { .. } => {
                (StatusCode::CONFLICT, "webhook_limit_reached", "The property has no webhook left")
            }
            Self::IdempotencyConflict => (
                StatusCode::CONFLICT,
                "idempotency_conflict",
                "The idempotency key was used for another event",
            ),
            Self::InvalidState => (StatusCode::CONFLICT, "invalid_state", "The state does not allow this"),
            Self::PayloadTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large")
            }
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be JSON")
            }
            Self::InvalidWebhook => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_webhook", "The webhook is not valid")
            }
            Self::InvalidRequest => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", "The request is not valid")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available just now"),
        }
    }

    /// The header that this kind of answer owes its caller.
    pub(super) fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthenticated(false) => {
                Some((WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="stayhook""#)))
            }
            Self::Unauthenticated(true) => Some((
                WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Bearer realm="stayhook", error="invalid_token""#),
            )),
            Self::InsufficientScope(needed) => {
                let challenge = format!(
                    r#"Bearer realm="stayhook", error="insufficient_scope", scope="{}""#,
                    ScopeName::list(needed, " ")
                );
                HeaderValue::try_from(challenge).ok().map(|value| (WWW_AUTHENTICATE, value))
            }
            Self::Unavailable => Some((RETRY_AFTER, RETRY_AFTER_SECONDS)),
            _ => None,
        }
    }
}
