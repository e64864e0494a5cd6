//! The signature of a request: HMAC-SHA256 (RFC 2104) over `timestamp "." event id "." body`.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::SigningSecret;
use crate::decimal::Decimal;

const VERSION: &str = "v1=";

/// A signature, written `v1=` and 64 lower-case hexadecimal digits.
///
/// It has no `==`, which would tell by its time how much is right: see [`Signer::verify`].
#[derive(Clone, Copy)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Reads a signature; `None` when the text is none to the letter.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(VERSION)?;
        if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return None;
        }
        read_hex(digits).map(Self)
    }

    /// The text for the header.
    pub fn text(&self) -> String {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(VERSION.len() + 64);
        text.push_str(VERSION);
        for byte in self.0 {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        text
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Signs with one secret. The key is scheduled once, here, and not again for every body.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer whose key is the whole text of the secret.
    pub fn new(secret: &SigningSecret) -> Self {
        Self::with_key(secret.expose().as_bytes())
    }

    /// A signer with a key of other origin.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
    pub(crate) fn with_key(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// Signs a body as sent at `timestamp` (Unix seconds) under this event id.
    pub fn sign(&self, timestamp: i64, event_id: &str, body: &[u8]) -> Signature {
        Signature(self.mac(timestamp, event_id, body).finalize().into_bytes().into())
    }

    /// Whether `signature` is the one of this body; the time it takes tells nothing about it.
    pub fn verify(&self, timestamp: i64, event_id: &str, signature: &str, body: &[u8]) -> bool {
        let Some(Signature(digest)) = Signature::parse(signature) else { return false };
        self.mac(timestamp, event_id, body).verify_slice(&digest).is_ok()
    }

    /// Whether `digest` is the one of these bytes in a row.
    pub(crate) fn made(&self, digest: &[u8; 32], content: &[&[u8]]) -> bool {
        let mut mac = self.0.clone();
        for part in content {
            mac.update(part);
        }
        mac.verify_slice(digest).is_ok()
    }

    fn mac(&self, timestamp: i64, event_id: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(Decimal::new(timestamp).as_bytes());
        mac.update(b".");
        mac.update(event_id.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

/// Signs one body with one secret; see [`Signer`] for many.
pub fn sign(secret: &SigningSecret, timestamp: i64, event_id: &str, body: &[u8]) -> Signature {
    Signer::new(secret).sign(timestamp, event_id, body)
}

/// Whether `signature` is right for this secret, timestamp (Unix seconds), event id and body.
pub fn verify(secret: &SigningSecret, timestamp: i64, event_id: &str, signature: &str, body: &[u8]) -> bool {
    Signer::new(secret).verify(timestamp, event_id, signature, body)
}

/// Reads 64 hexadecimal digits of either case.
pub(crate) fn read_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "whsec_9npwH6J8QyZp1L8U3xqG7sN2";

    fn secret() -> SigningSecret {
        SigningSecret::parse(SECRET).unwrap()
    }

    /// The expected digits were made with OpenSSL's command line.
    #[test]
    fn a_known_signature_is_met() {
        let body = br#"{"id":"evt_LkP2sxR9zV8QyW","type":"booking.updated"}"#;
        assert_eq!(
            sign(&secret(), 1_779_292_800, "evt_LkP2sxR9zV8QyW", body).to_string(),
            "v1=f5faff733ceede9dd915343f8b5c539a90910796a679140cb5999ae946eda45d"
        );
    }

    #[test]
    fn only_the_documented_text_is_a_signature() {
        let text = sign(&secret(), 1, "evt_x", b"{}").text();
        assert!(verify(&secret(), 1, "evt_x", &text, b"{}"));
        for wrong in [text.to_uppercase(), text[3..].to_owned(), text[..66].to_owned(), format!("{text} ")] {
            assert!(!verify(&secret(), 1, "evt_x", &wrong, b"{}"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_signature_holds_for_its_own_parts_alone(timestamp: i64, id in "evt_[A-Za-z0-9_-]{22}", body: Vec<u8>, at: usize, bit in 0_u8..8) {
            let signer = Signer::new(&secret());
            let text = signer.sign(timestamp, &id, &body).to_string();
            prop_assert!(signer.verify(timestamp, &id, &text, &body));
            prop_assert!(!signer.verify(timestamp.wrapping_add(1), &id, &text, &body));
            prop_assert!(!signer.verify(timestamp, &id[1..], &text, &body));
            prop_assert!(!verify(&SigningSecret::from_entropy([1; 32]), timestamp, &id, &text, &body));
            let mut changed = body;
            changed.push(0);
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            prop_assert!(!signer.verify(timestamp, &id, &text, &changed));
        }

        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = Signature::parse(&text);
            let _ = read_hex(&text);
        }
    }
}
