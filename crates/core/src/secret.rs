//! The secret that a webhook's owner and we share.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Span, UnixMs};

const PREFIX: &str = "whsec_";
/// The reference's own example holds 18 bytes; fewer than 16 could be guessed.
const BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Why a text is no signing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Something else in front.
    #[error("a signing secret starts with `whsec_`: give it whole, the prefix is part of the key")]
    NoPrefix,
    /// Not base64 behind the prefix.
    #[error(
        "a signing secret is `whsec_` and base64 (A-Z a-z 0-9 + / and = at the end): give it as it was shown"
    )]
    NotBase64,
    /// Too short to be safe, or longer than any made.
    #[error("a signing secret holds 16 to 64 bytes in base64: give it as it was shown")]
    Length,
}

/// A signing secret: `whsec_` and base64 of random bytes, so that one secret serves the
/// documented scheme (the key is the whole text) and Standard Webhooks (the key is what
/// the base64 holds).
///
/// It is wiped when the last clone goes, and neither prints nor serialises: it leaves through
/// [`SigningSecret::expose`] alone, where a reader can find every use.
#[derive(Clone)]
pub struct SigningSecret(Arc<Zeroizing<String>>);

impl SigningSecret {
    /// A new secret from 32 random bytes.
    pub fn from_entropy(mut entropy: [u8; 32]) -> Self {
        // Exactly what the text needs, so that no copy stays behind when it grows.
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 44));
        text.push_str(PREFIX);
        STANDARD.encode_string(entropy, &mut text);
        entropy.zeroize();
        Self(Arc::new(text))
    }

    /// Reads a secret.
    ///
    /// # Errors
    /// When the text is not `whsec_` and base64 of 16 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::NoPrefix)?;
        let decoded = STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| SecretError::NotBase64)?;
        if !BYTES.contains(&decoded.len()) {
            return Err(SecretError::Length);
        }
        Ok(Self(Arc::new(Zeroizing::new(text.to_owned()))))
    }

    /// The whole text: the key of the documented scheme.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text without its prefix.
    pub(crate) fn expose_encoded(&self) -> &str {
        self.0.strip_prefix(PREFIX).unwrap_or(&self.0)
    }

    /// What the base64 holds: the key of Standard Webhooks.
    pub fn expose_decoded(&self) -> Zeroizing<Vec<u8>> {
        // Both constructors leave text behind that decodes.
        Zeroizing::new(STANDARD.decode(self.expose_encoded()).unwrap_or_default())
    }
}

/// A webhook's signing secrets: the one in use and, during the overlap of a rotation, the one
/// that follows it.
#[derive(Clone)]
pub struct Secrets {
    /// In use until the next one's time has come.
    pub current: SigningSecret,
    /// What a rotation brought, and when it takes the place of the current one.
    pub next: Option<NextSecret>,
}

/// The secret that a rotation brought.
#[derive(Clone)]
pub struct NextSecret {
    /// The secret.
    pub secret: SigningSecret,
    /// From this moment on it alone is in use.
    pub from: UnixMs,
}

impl Secrets {
    /// A webhook's first and only secret.
    pub fn only(secret: SigningSecret) -> Self {
        Self { current: secret, next: None }
    }

    /// The secret of the documented signature at this moment, and the one that is announced
    /// beside it.
    pub fn at(&self, now: UnixMs) -> (&SigningSecret, Option<&SigningSecret>) {
        match &self.next {
            Some(next) if next.from <= now => (&next.secret, None),
            Some(next) => (&self.current, Some(&next.secret)),
            None => (&self.current, None),
        }
    }

    /// After a rotation at `now`: a second one ends the first, and one without an overlap
    /// leaves nothing of the old secret.
    #[must_use]
    pub fn rotated(&self, fresh: SigningSecret, now: UnixMs, overlap: Span) -> Self {
        if overlap == Span::ZERO {
            return Self::only(fresh);
        }
        let current = self.next.as_ref().map_or(&self.current, |next| &next.secret).clone();
        Self { current, next: Some(NextSecret { secret: fresh, from: now.after(overlap) }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_what_the_reference_shows() {
        assert!(SigningSecret::parse("whsec_9npwH6J8QyZp1L8U3xqG7sN2").is_ok());
        let error = |text: &str| SigningSecret::parse(text).err();
        assert_eq!(error("9npwH6J8QyZp1L8U3xqG7sN2"), Some(SecretError::NoPrefix));
        assert_eq!(error("whsec_9npwH6J8QyZp1L8U3xqG7s!2"), Some(SecretError::NotBase64));
        assert_eq!(error("whsec_"), Some(SecretError::Length));
        assert_eq!(error("whsec_c2hvcnQ="), Some(SecretError::Length));
        assert_eq!(error(&format!("whsec_{}", "A".repeat(88))), Some(SecretError::Length));
    }

    fn told((current, next): (&SigningSecret, Option<&SigningSecret>)) -> (String, Option<String>) {
        (current.expose().to_owned(), next.map(|it| it.expose().to_owned()))
    }

    /// Contract, section 6: during the overlap the old secret stays in use and the new one is
    /// announced; at its end the new one is in use.
    #[test]
    fn a_rotation_overlaps() {
        let secret = |byte| SigningSecret::from_entropy([byte; 32]);
        let text = |byte| secret(byte).expose().to_owned();
        let rotated = Secrets::only(secret(1)).rotated(secret(2), UnixMs(0), Span::seconds(1));
        assert_eq!(told(rotated.at(UnixMs(999))), (text(1), Some(text(2))));
        assert_eq!(told(rotated.at(UnixMs(1_000))), (text(2), None));
        let at_once = rotated.rotated(secret(3), UnixMs(500), Span::ZERO);
        assert_eq!(told(at_once.at(UnixMs(500))), (text(3), None));
        let again = rotated.rotated(secret(3), UnixMs(500), Span::seconds(1));
        assert_eq!(told(again.at(UnixMs(500))), (text(2), Some(text(3))));
        let later = rotated.rotated(secret(3), UnixMs(5_000), Span::seconds(1));
        assert_eq!(told(later.at(UnixMs(5_000))), (text(2), Some(text(3))));
    }

    proptest! {
        #[test]
        fn new_secrets_read_back(entropy: [u8; 32]) {
            let secret = SigningSecret::from_entropy(entropy);
            prop_assert_eq!(secret.expose().len(), 50);
            prop_assert_eq!(secret.expose_decoded().to_vec(), entropy);
            let read = SigningSecret::parse(secret.expose()).ok();
            prop_assert_eq!(read.as_ref().map(SigningSecret::expose), Some(secret.expose()));
        }

        #[test]
        fn reading_never_panics(text in "(whsec_)?.{0,100}") {
            let _ = SigningSecret::parse(&text);
        }
    }
}
