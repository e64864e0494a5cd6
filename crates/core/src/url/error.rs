//! The rules that a URL can break, each with what to do about it.

use std::net::IpAddr;

use super::MAX_URL_CHARS;
use crate::Refusal;

/// Why a URL is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// More than [`MAX_URL_CHARS`] characters.
    #[error("the URL is too long: use at most {MAX_URL_CHARS} characters")]
    TooLong,
    /// A tab, a line break or another control character.
    #[error("the URL contains a control character such as a tab or line break: remove it")]
    ControlCharacter,
    /// A space of any kind.
    #[error("the URL contains a space: remove it, or write %20 inside the path or query")]
    Space,
    /// `\`
    #[error("the URL contains a backslash: use forward slashes")]
    Backslash,
    /// `{` or `}` where the webhook's profile declares no placeholders.
    #[error("the URL contains a brace: this webhook's profile has no placeholders; write %7B and %7D")]
    Placeholder,
    /// `#`
    #[error("the URL contains a fragment, which is never sent: remove everything from the # on")]
    Fragment,
    /// No scheme, or one without `//` and a host behind it.
    #[error(
        "the URL is not absolute: write https://, then the host, as in https://hooks.example.com/bookings"
    )]
    NotAbsolute,
    /// Neither `https` nor `http`.
    #[error("the URL has a scheme other than https: webhooks are sent over HTTPS")]
    Scheme,
    /// `http` where only `https` is admitted.
    #[error("the URL uses http: webhooks carry guest data and are sent to https URLs only")]
    HttpsRequired,
    /// `user:password@host`
    #[error("the URL contains user info before an @: remove it; requests are authenticated by signature")]
    UserInfo,
    /// The WHATWG URL parser refuses it, in its words.
    #[error("the URL cannot be read: {0}")]
    Malformed(String),
    /// A port that is not admitted.
    #[error("port {port} may not be called: use {}", ports(allowed))]
    Port {
        /// The URL's port.
        port: u16,
        /// The ports that this deployment admits; none means the default ones.
        allowed: Vec<u16>,
    },
    /// `localhost`, or a name under `localhost`, `local` or `internal`.
    #[error("the host is a local name: use a name that resolves on the public internet")]
    LocalName,
    /// A name without a dot.
    #[error("the host has a single label: use a full public name such as hooks.example.com")]
    SingleLabel,
    /// A name that is no DNS host name (RFC 1035, section 2.3.1, with `_` admitted).
    #[error(
        "the host is no valid name: labels have 1 to 63 letters, digits, hyphens or underscores, \
             do not begin or end with a hyphen, and make up at most 253 characters"
    )]
    HostName,
    /// An address in another than its one canonical form.
    #[error("the host is an address in an unusual form: write it as {0}")]
    NonCanonicalIp(IpAddr),
    /// An address that is not public.
    #[error("the host is an address that may not be called ({0}): use a public one")]
    PrivateAddress(Refusal),
}

impl UrlError {
    /// The short name of the broken rule.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::Space => "space",
            Self::Backslash => "backslash",
            Self::Placeholder => "placeholder",
            Self::Fragment => "fragment",
            Self::NotAbsolute => "not_absolute",
            Self::Scheme => "scheme",
            Self::HttpsRequired => "https_required",
            Self::UserInfo => "user_info",
            Self::Malformed(_) => "malformed",
            Self::Port { .. } => "port",
            Self::LocalName => "local_name",
            Self::SingleLabel => "single_label",
            Self::HostName => "host_name",
            Self::NonCanonicalIp(_) => "non_canonical_ip",
            Self::PrivateAddress(_) => "private_address",
        }
    }
}

fn ports(allowed: &[u16]) -> String {
    if allowed.is_empty() {
        return "80, 443 or one from 1024 to 65535".to_owned();
    }
    let allowed: Vec<String> = allowed.iter().map(u16::to_string).collect();
    format!("one of {}", allowed.join(", "))
}
