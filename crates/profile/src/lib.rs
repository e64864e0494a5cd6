//! Wire profiles: what the requests of one platform look like, and what its answers mean.
//!
//! A profile is data, read from TOML. The built-in ones are files of the same form as those of a
//! deployment. Everything here is a function of its arguments:
//!
//! - [`Profiles`] holds the profiles of a deployment, by name;
//! - [`Profile::compose`] makes the body of an event, once, when it is accepted;
//! - [`Wire`] makes one webhook's requests, one for every attempt;
//! - [`Profile::judge`] says what the status of an answer means;
//! - [`AccessToken`] and [`token_request`] are OAuth 2.0 client credentials without the sockets.

mod auth;
mod body;
mod error;
mod event_types;
mod header;
mod merge;
mod nearest;
mod oauth2;
mod placeholder;
mod preview;
mod profile;
mod profiles;
mod read;
mod redaction;
mod schedule;
mod show;
mod signature;
mod status;
mod url;
mod wire;

pub use auth::{AuthKind, AuthPolicy, DeploymentAuth, basic_authorization, bearer_authorization};
pub use body::{Composed, EventFacts};
pub use error::ProfileError;
pub use event_types::KnownType;
pub use oauth2::{AccessToken, TokenClient, TokenError, read_token, token_request};
pub use preview::{Preview, PreviewError, request_text};
pub use profile::{Profile, SecretVisibility};
pub use profiles::Profiles;
pub use schedule::Schedule;
pub use status::{Judged, Meaning};
pub use url::{UrlPlaceholder, UrlTemplate, UrlTemplateError};
pub use wire::{Attempt, Rendered, Secrets, Wire};
