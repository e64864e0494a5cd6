//! What goes wrong, as the caller gets to see it: problems by RFC 9457. The only place that
//! knows the status codes of errors.

mod code;
mod extra;

use std::borrow::Cow;

use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use stayhook_core::{JsonError, Span};
use stayhook_engine::TestError;
use stayhook_store::{ChangeError, CreateError, RequeueError, StoreError};

pub(crate) use self::code::Code;
use self::extra::Extra;
use crate::answer;
use crate::auth::ScopeName;
use crate::openapi::{Component, Schema};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What the `type` of a problem begins with; its code follows.
const PROBLEM_TYPE: &str = "urn:stayhook:problem:";

/// A refusal or failure.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    extra: Extra,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    cause: Option<String>,
}

/// One wrong member of a body or parameter of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// JSON pointer (RFC 6901) into the body; for a parameter, `/` and its name.
    pub(crate) pointer: String,
    /// What is wrong and what to send instead.
    pub(crate) detail: Cow<'static, str>,
}

impl FieldError {
    /// A member or parameter that nobody knows, in the object at the pointer `at`.
    pub(crate) fn unknown(at: &str, name: &str, what: &str) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("{at}/{name}"),
            detail: format!("is not a known {what}: leave it out").into(),
        }
    }
}

/// Which kind of thing a body describes: decides the code of its 422.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// A webhook: `invalid_webhook`.
    Webhook,
    /// Anything else: `invalid_request`.
    Request,
}

impl Subject {
    /// The code of its 422.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Webhook => Code::InvalidWebhook,
            Self::Request => Code::InvalidRequest,
        }
    }
}

/// What a log line says of a failure that its caller is told nothing about.
#[derive(Clone)]
pub(crate) struct Cause(pub(crate) String);

impl Problem {
    fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, extra: Extra::Nothing, detail: detail.into(), errors: Vec::new(), cause: None }
    }

    fn with(self, extra: Extra) -> Self {
        Self { extra, ..self }
    }

    /// 400: the body could not be read as JSON.
    pub(crate) fn unreadable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidJson, detail)
    }

    /// 401: no token at all.
    pub(crate) fn no_token() -> Self {
        let detail = "send the header `Authorization: Bearer` with an access token";
        Self::new(Code::Unauthenticated, detail).with(Extra::challenge())
    }

    /// 401: a token that does not count.
    pub(crate) fn bad_token(detail: &'static str) -> Self {
        Self::new(Code::Unauthenticated, detail).with(Extra::invalid_token())
    }

    /// 403: the token lacks some of the scopes that this takes.
    pub(crate) fn insufficient_scope(needed: &[ScopeName], missing: &[ScopeName]) -> Self {
        let detail = format!("the token lacks the scope {}", ScopeName::list(missing, ", "));
        Self::new(Code::InsufficientScope, detail).with(Extra::needs(needed))
    }

    /// 404: there is no such thing, or this caller may not see it. Both are the same answer.
    pub(crate) fn no_such(thing: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {thing}, or this token may not see it"))
    }

    /// 405; the router adds `Allow`.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(Code::MethodNotAllowed, "use one of the methods that the header Allow names")
    }

    /// 409: the key stands for another event.
    pub(crate) fn idempotency_conflict() -> Self {
        Self::new(
            Code::IdempotencyConflict,
            "this key came before with another type, propertyId, bookingId or data: use a new key for a new event",
        )
    }

    /// A delivery, or those of a webhook, could not be requeued. `thing` is what the path names.
    pub(crate) fn not_requeued(error: RequeueError, thing: &str) -> Self {
        match error {
            RequeueError::NotFound => Self::no_such(thing),
            RequeueError::NotActive(_) | RequeueError::UnderWay => {
                Self::new(Code::InvalidState, error.to_string())
            }
            RequeueError::Store(error) => error.into(),
        }
    }

    /// 412
    pub(crate) fn precondition_failed() -> Self {
        Self::new(
            Code::PreconditionFailed,
            "it is not as If-Match says any more: read it again, then decide anew",
        )
    }

    /// 413.
    pub(crate) fn too_large(what: &str, limit: usize) -> Self {
        Self::new(Code::PayloadTooLarge, format!("{what} may have at most {limit} bytes"))
    }

    /// 415.
    pub(crate) fn unsupported_media_type(detail: &'static str) -> Self {
        Self::new(Code::UnsupportedMediaType, detail)
    }

    /// 422, naming every wrong field.
    pub(crate) fn invalid(subject: Subject, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] if only.pointer.is_empty() => format!("the body {}", only.detail),
            [only] => format!("{} {}", only.pointer, only.detail),
            several => {
                let pointers: Vec<&str> = several.iter().map(|error| error.pointer.as_str()).collect();
                format!("{} fields are wrong: {}", several.len(), pointers.join(", "))
            }
        };
        Self { errors, ..Self::new(subject.code(), detail) }
    }

    /// 422 for one field.
    pub(crate) fn invalid_field(
        subject: Subject,
        pointer: &str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::invalid(subject, vec![FieldError { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    /// 429
    pub(crate) fn rate_limited(wait: Span) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        let detail = format!("this token was used too often: wait {seconds} s");
        Self::new(Code::RateLimited, detail).with(Extra::RetryAfter(seconds))
    }

    /// 429: as much of it is under way as may be.
    pub(crate) fn busy(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::RateLimited, detail).with(Extra::retry())
    }

    /// 500: a defect of this program.
    pub(crate) fn internal(cause: String) -> Self {
        let detail = "the request met a defect of this service: report it with the X-Request-Id";
        Self { cause: Some(cause), ..Self::new(Code::Internal, detail) }
    }

    /// 503: not now.
    pub(crate) fn unavailable(detail: &'static str) -> Self {
        Self::new(Code::Unavailable, detail).with(Extra::retry())
    }

    /// 503: something that this service relies on failed. What exactly is for the operator's
    /// log, not for the caller.
    pub(crate) fn failed(cause: String) -> Self {
        let problem = Self::unavailable("this cannot be done just now: try again in a moment");
        Self { cause: Some(cause), ..problem }
    }

    /// The problem as JSON: also stands in the results of a batch.
    pub(crate) fn view(&self) -> ProblemView<'_> {
        let (limit, used) = match self.extra {
            Extra::Slots { limit, used } => (Some(limit), Some(used)),
            _ => (None, None),
        };
        let code = self.code.as_str();
        ProblemView {
            kind: format!("{PROBLEM_TYPE}{code}"),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code,
            errors: &self.errors,
            limit,
            used,
        }
    }
}

/// A [`Problem`] as it is described.
pub(crate) const PROBLEM: Component = Component { name: "Problem", schema: problem };

fn problem() -> Schema {
    let field = Schema::object()
        .required(
            "pointer",
            Schema::text().says("JSON pointer into the body; of a parameter, `/` and its name."),
        )
        .required("detail", Schema::text());
    Schema::object()
        .required(
            "type",
            Schema::text().with("format", "uri").says(format!("`{PROBLEM_TYPE}` and the code.")),
        )
        .required("title", Schema::text().says("What kind of problem."))
        .required("status", Schema::whole(400, 599))
        .required("detail", Schema::text().says("What is wrong this time, and what to do."))
        .required("code", Schema::one_of(Code::ALL.map(Code::as_str)))
        .optional("errors", Schema::array(field).says("Every wrong field."))
        .optional(
            "limit",
            Schema::count().says("How many webhooks a property may have (`webhook_limit_reached`)."),
        )
        .optional("used", Schema::count().says("How many it has."))
}

/// A [`Problem`] as JSON.
#[derive(Serialize)]
pub(crate) struct ProblemView<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u32>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = answer::json(self.code.status(), PROBLEM_JSON, &self.view());
        if let Some((name, value)) = self.extra.into_header() {
            response.headers_mut().insert(name, value);
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::unreadable(error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::LimitReached { limit, used } => {
                Self::new(Code::WebhookLimitReached, error.to_string()).with(Extra::Slots { limit, used })
            }
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<TestError> for Problem {
    fn from(error: TestError) -> Self {
        match error {
            TestError::NotFound => Self::no_such("webhook"),
            TestError::Busy => Self::busy(error.to_string()),
            TestError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::no_such("webhook"),
            ChangeError::OtherVersion => Self::precondition_failed(),
            ChangeError::Refused(refused) => Self::new(Code::InvalidState, refused.to_string()),
            ChangeError::Store(error) => error.into(),
        }
    }
}
