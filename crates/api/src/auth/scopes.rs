//! What a token may do.

use std::fmt;

/// A scope of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeName {
    /// Read webhooks, their deliveries and the event types.
    WebhooksRead,
    /// Create (with [`ScopeName::BookingsRead`]), change and delete webhooks; implies reading.
    WebhooksWrite,
    /// Read bookings: what a webhook's owner gets to see.
    BookingsRead,
    /// Report events.
    EventsWrite,
    /// Say which properties have the service.
    EntitlementsWrite,
    /// Administer all clients' webhooks. Opens `/admin` and nothing else.
    Admin,
}

/// A text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope `{0}`: use some of {known}", known = ScopeName::list(&ScopeName::ALL, ", "))]
pub struct UnknownScope(String);

impl ScopeName {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::BookingsRead,
        Self::EventsWrite,
        Self::EntitlementsWrite,
        Self::Admin,
    ];

    /// The name in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhooksRead => "webhooks.read",
            Self::WebhooksWrite => "webhooks.write",
            Self::BookingsRead => "bookings.read",
            Self::EventsWrite => "events.write",
            Self::EntitlementsWrite => "entitlements.write",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    ///
    /// # Errors
    /// Lists the known names when it is none of them.
    pub fn parse(name: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|it| it.as_str() == name).ok_or_else(|| UnknownScope(name.to_owned()))
    }

    /// Names with `between` between them.
    pub(crate) fn list(scopes: &[Self], between: &str) -> String {
        scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(between)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The scopes of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes(u8);

impl Scopes {
    /// The scopes of these names. A name that this version does not know opens nothing.
    pub(super) fn named(names: &[String]) -> Self {
        let mut bits =
            names.iter().filter_map(|name| ScopeName::parse(name).ok()).fold(0, |all, it| all | it.bit());
        if bits & ScopeName::WebhooksWrite.bit() != 0 {
            bits |= ScopeName::WebhooksRead.bit();
        }
        Self(bits)
    }

    /// Whether this scope is among them.
    pub(super) fn include(self, scope: ScopeName) -> bool {
        self.0 & scope.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let scopes = Scopes::named(&names);
        ScopeName::ALL.into_iter().filter(|it| scopes.include(*it)).map(ScopeName::as_str).collect()
    }

    #[test]
    fn scopes_open_themselves_and_writing_implies_reading() {
        for scope in ScopeName::ALL {
            assert_eq!(ScopeName::parse(scope.as_str()), Ok(scope));
            assert!(granted(&[scope.as_str()]).contains(&scope.as_str()));
        }
        assert_eq!(granted(&["webhooks.write"]), ["webhooks.read", "webhooks.write"]);
        assert_eq!(granted(&["admin"]), ["admin"]);
        assert_eq!(granted(&["Admin", "webhooks", ""]), [""; 0]);
    }

    #[test]
    fn an_unknown_scope_is_told_the_known_ones() {
        let text = ScopeName::parse("webhook.write").unwrap_err().to_string();
        assert!(text.starts_with("unknown scope `webhook.write`: use some of webhooks.read, "), "{text}");
    }
}
