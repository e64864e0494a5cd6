//! The URL of a webhook: judged as text, parsed exactly once, then judged by its parts.
//!
//! WHATWG parsing silently repairs much that a stranger may hide something behind: tabs, backslashes,
//! missing slashes, `user@host`, `0x7f.1`. So the raw text is judged first, and an address must stand
//! in the text as it will be used. The same constructor runs at registration and before every attempt,
//! and it never asks the network.

mod error;
mod host;
mod raw;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use url::Url;

pub use self::error::UrlError;
use crate::AddressRules;

/// The most characters that a webhook's URL may have.
pub const MAX_URL_CHARS: usize = 2048;

/// What this deployment asks of a webhook's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRules {
    /// Whether `http` is refused (`egress.require_https`).
    pub require_https: bool,
    /// The ports that may be called (`egress.ports`); none means 80, 443 and 1024–65535.
    pub ports: Vec<u16>,
    /// The addresses that may be called.
    pub addresses: AddressRules,
}

impl Default for UrlRules {
    fn default() -> Self {
        Self { require_https: true, ports: Vec::new(), addresses: AddressRules::default() }
    }
}

impl UrlRules {
    fn admits_port(&self, port: u16) -> bool {
        if self.ports.is_empty() { matches!(port, 80 | 443 | 1024..) } else { self.ports.contains(&port) }
    }
}

/// How the receiver is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The port where the URL names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where the receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A name in lower-case ASCII (punycode where it is international), without a final dot. It is
    /// absolute: no search list applies to it.
    Name(&'a str),
    /// An address, admitted by the rules.
    Ip(IpAddr),
}

/// A URL that webhooks may be sent to. Cheap to clone; equal when given in the same form.
#[derive(Clone)]
pub struct WebhookUrl(Arc<Parts>);

struct Parts {
    given: Box<str>,
    scheme: Scheme,
    host: host::Owned,
    port: u16,
    authority: Box<str>,
    target: Box<str>,
}

impl WebhookUrl {
    /// Reads a URL and judges it.
    ///
    /// # Errors
    /// The first rule that the URL breaks.
    pub fn parse(text: &str, rules: &UrlRules) -> Result<Self, UrlError> {
        let raw = raw::judge(text)?;
        if raw.scheme == Scheme::Http && rules.require_https {
            return Err(UrlError::HttpsRequired);
        }
        let url = Url::parse(text).map_err(|error| UrlError::Malformed(error.to_string()))?;
        let port = url.port().unwrap_or(raw.scheme.default_port());
        if !rules.admits_port(port) {
            return Err(UrlError::Port { port, allowed: rules.ports.clone() });
        }
        let host = host::judge(url.host().as_ref(), raw.host, &rules.addresses)?;
        Ok(Self(Arc::new(Parts {
            given: text.into(),
            scheme: raw.scheme,
            host,
            port,
            authority: authority(&url).into(),
            target: target(&url).into(),
        })))
    }

    /// The URL in the form in which it was given.
    pub fn as_str(&self) -> &str {
        &self.0.given
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// Its host.
    pub fn host(&self) -> Host<'_> {
        self.0.host.as_ref()
    }

    /// Its port: the one it names, or the default of its scheme.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// What the `Host` header says: the host, and the port where it is not the scheme's default.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// What the request line says: path and query, percent-encoded.
    pub fn path_and_query(&self) -> &str {
        &self.0.target
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

impl PartialEq for WebhookUrl {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for WebhookUrl {}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
