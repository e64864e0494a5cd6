//! The codes of problems: status and title of each.

use axum::http::StatusCode;

/// What kind of problem. The names stand in answers as `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// The body is no JSON.
    InvalidJson,
    /// No token, or one that does not count.
    Unauthenticated,
    /// A token that may not do this.
    InsufficientScope,
    /// No such thing, or none that the token may see.
    NotFound,
    /// No such method here.
    MethodNotAllowed,
    /// The property has all its webhooks.
    WebhookLimitReached,
    /// The key stands for another event.
    IdempotencyConflict,
    /// The thing's state does not allow it.
    InvalidState,
    /// `If-Match` names another version.
    PreconditionFailed,
    /// Too many bytes.
    PayloadTooLarge,
    /// The body does not say that it is JSON.
    UnsupportedMediaType,
    /// The description of a webhook is wrong.
    InvalidWebhook,
    /// Any other body, or the query, is wrong.
    InvalidRequest,
    /// The token was used too often.
    RateLimited,
    /// A defect of this program.
    Internal,
    /// Not now.
    Unavailable,
}

impl Code {
    /// Every code.
    pub(crate) const ALL: [Self; 16] = [
        Self::InvalidJson,
        Self::Unauthenticated,
        Self::InsufficientScope,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::WebhookLimitReached,
        Self::IdempotencyConflict,
        Self::InvalidState,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidWebhook,
        Self::InvalidRequest,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The status of answers.
    pub(crate) fn status(self) -> StatusCode {
        self.facts().0
    }

    /// The name.
    pub(crate) fn as_str(self) -> &'static str {
        self.facts().1
    }

    /// The problem in a few words.
    pub(crate) fn title(self) -> &'static str {
        self.facts().2
    }

    const fn facts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidJson => (S::BAD_REQUEST, "invalid_json", "The body is not valid JSON"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "Authentication is required"),
            Self::InsufficientScope => (S::FORBIDDEN, "insufficient_scope", "The token lacks a scope"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here")
            }
            Self::WebhookLimitReached => {
                (S::CONFLICT, "webhook_limit_reached", "The property has no webhook left")
            }
            Self::IdempotencyConflict => {
                (S::CONFLICT, "idempotency_conflict", "The idempotency key was used for another event")
            }
            Self::InvalidState => (S::CONFLICT, "invalid_state", "The state does not allow this"),
            Self::PreconditionFailed => {
                (S::PRECONDITION_FAILED, "precondition_failed", "It has been changed meanwhile")
            }
            Self::PayloadTooLarge => (S::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large"),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be JSON")
            }
            Self::InvalidWebhook => (S::UNPROCESSABLE_ENTITY, "invalid_webhook", "The webhook is not valid"),
            Self::InvalidRequest => (S::UNPROCESSABLE_ENTITY, "invalid_request", "The request is not valid"),
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "rate_limited", "Too many requests with this token"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "Not available just now"),
        }
    }
}
