//! Why an attempt failed, in one word for machines and one sentence for people.

use std::fmt;

/// The kind of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// The receiver's name does not resolve.
    Dns,
    /// The name resolves to an address that is not public.
    BlockedAddress,
    /// No TCP connection came about.
    Connect,
    /// No trusted TLS session came about.
    Tls,
    /// The attempt's time ran out before the response headers were complete.
    Timeout,
    /// The receiver answered, but not with a 2xx status.
    Status,
    /// The receiver answered with a redirect, and redirects are not followed.
    Redirect,
    /// What came back is not a well-behaved HTTP/1.1 response.
    Protocol,
    /// The response headers exceed their bounds.
    TooLarge,
    /// The registration is wrong, so that somebody must act: the receiver says so by a status that the
    /// webhook's profile knows, or the profile or the credentials cannot be used.
    Config,
    /// The receiver asked to come back later, by a status that the webhook's profile knows: no failure.
    Postponed,
    /// The endpoint that gives out tokens for the receiver gave none.
    Token,
    /// The fault is this engine's own: shutdown, its resolver, its database, its file descriptors.
    Interrupted,
}

impl FaultClass {
    /// Every class.
    pub const ALL: [Self; 13] = [
        Self::Dns,
        Self::BlockedAddress,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Status,
        Self::Redirect,
        Self::Protocol,
        Self::TooLarge,
        Self::Config,
        Self::Postponed,
        Self::Token,
        Self::Interrupted,
    ];

    /// The word under which the class is stored, counted and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::BlockedAddress => "blocked_address",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::Config => "configuration",
            Self::Postponed => "postponed",
            Self::Token => "token",
            Self::Interrupted => "interrupted",
        }
    }

    /// The class of a word; `None` where there is no such class.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// Whether the engine itself is at fault, so that the attempt says nothing about the receiver.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Interrupted)
    }
}

impl fmt::Display for FaultClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed attempt as its subscriber gets to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind.
    pub class: FaultClass,
    /// What went wrong, for a person. Tells nothing about addresses that are not public.
    pub words: String,
}

impl Fault {
    /// A fault in words.
    pub fn new(class: FaultClass, words: impl Into<String>) -> Self {
        Self { class, words: words.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.words)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_reads_back() {
        for class in FaultClass::ALL {
            assert_eq!(FaultClass::parse(class.as_str()), Some(class));
        }
        assert_eq!(FaultClass::parse("DNS"), None);
    }

    #[test]
    fn a_fault_reads_as_class_and_words() {
        let fault = Fault::new(FaultClass::Tls, "the certificate has expired");
        assert_eq!(fault.to_string(), "tls: the certificate has expired");
    }
}
