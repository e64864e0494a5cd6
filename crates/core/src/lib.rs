//! What a webhook delivery is and what happens to it next.
//!
//! Nothing in this crate reads a clock, rolls a die or opens a socket: every function is a
//! function of its arguments.

mod address;
mod allow_list;
mod backoff;
mod catalogue;
mod credentials;
mod decimal;
mod delivery;
mod diagnosis;
mod envelope;
mod event;
mod event_type;
mod fault;
mod health;
mod id;
mod json;
mod redaction;
mod request_id;
mod secret;
mod sensitive;
mod signature;
mod time;
mod url;
mod webhook;

pub use address::{AddressRules, Refusal};
pub use allow_list::{AllowList, AllowListError, DEFAULT_ALLOWED};
pub use backoff::{Backoff, Ratio, Roll};
pub use catalogue::{Catalogue, EventKind};
pub use credentials::{Credentials, Secret};
pub use delivery::{Attempt, End, Next, Outcome, Policy, Progress, Reason, State, Verdict, decide};
pub use diagnosis::{Diagnosis, Mistake, SIGNATURE_MAX_AGE, diagnose};
pub use envelope::{API_VERSION, Composed, Envelope, compose};
pub use event::{IdempotencyKey, InvalidIdempotencyKey, NewEvent};
pub use event_type::{EVENT_TYPE_MAX, EventPattern, EventType, EventTypeError, Subscription};
pub use fault::{Fault, FaultClass};
pub use health::{DisableRule, DisabledReason, Failing, Overdue, Status, Touch};
pub use id::{BookingId, ClientId, DeliveryId, EventId, IdError, MAX_SAFE_INTEGER, PropertyId, WebhookId};
pub use json::{JSON_DEPTH_LIMIT, Json, JsonError, Members};
pub use redaction::{Redacted, redact, redact_names};
pub use request_id::request_id;
pub use secret::{NextSecret, SecretError, Secrets, SigningSecret};
pub use signature::{Signature, Signer, sign, verify};
pub use time::{Span, SpanError, UnixMs};
pub use url::{Host, MAX_URL_CHARS, Scheme, UrlError, UrlRules, WebhookUrl};
pub use webhook::{
    ChangeRefused, Description, DescriptionTooLong, Effects, Held, Ordering, StatusChange, Webhook,
    WebhookChange, WebhookOptions,
};
