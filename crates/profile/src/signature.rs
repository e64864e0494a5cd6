//! How the requests of a profile are signed (HMAC, RFC 2104).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderName;
use sha2::{Sha256, Sha512};
use stayhook_core::SigningSecret;

use crate::ProfileError;
use crate::header;
use crate::placeholder::{Piece, Slot, Template};
use crate::read::{Field, Section};
use crate::wire::Values;

/// What is signed, with what, and where the signature stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scheme {
    algorithm: Algorithm,
    /// What is signed, such as `{timestamp}.{eventId}.{body}`.
    content: Template,
    key: KeyForm,
    encoding: Encoding,
    pub(crate) header: HeaderName,
    /// The header's value, such as `v1={signature}`.
    pub(crate) value: Template,
    pub(crate) rotation: Rotation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha512,
}

/// Which part of the secret `whsec_…` is the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyForm {
    /// The whole text.
    Utf8,
    /// What the base64 behind the prefix holds.
    Base64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Hex,
    Base64,
}

/// Where the new secret's signature stands while two secrets overlap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rotation {
    /// Nowhere: the new secret signs from the end of the overlap on.
    None,
    /// In a header of its own.
    NextHeader(HeaderName),
    /// Behind the old one's in the same header, after this separator.
    Several(String),
}

const KEYS: &[&str] = &["algorithm", "content", "key", "encoding", "header", "value", "rotation"];

impl Scheme {
    /// Reads the section `signature`: `"none"` or a table.
    pub(crate) fn read(field: &Field<'_>) -> Result<Option<Self>, ProfileError> {
        if field.value().is_str() {
            return field.word(&[("none", ())]).map(|()| None);
        }
        let section = field.section("\"none\" or a table with content and header")?.only(KEYS)?;
        let value = match section.get("value") {
            None => {
                Template::parse("{signature}", &[Slot::Signature]).map_err(|reason| field.error(reason))?
            }
            Some(value) => read_value(&value)?,
        };
        let name = section.need("header", "the name of a header, such as \"X-Signature\"")?;
        let header = header::name_of(name.text("the name of a header")?, &name)?;
        Ok(Some(Self {
            algorithm: word(
                &section,
                "algorithm",
                &[("hmac-sha256", Algorithm::Sha256), ("hmac-sha512", Algorithm::Sha512)],
            )?,
            content: read_content(&section)?,
            key: word(&section, "key", &[("utf8", KeyForm::Utf8), ("base64", KeyForm::Base64)])?,
            encoding: word(&section, "encoding", &[("hex", Encoding::Hex), ("base64", Encoding::Base64)])?,
            rotation: match section.get("rotation") {
                None => Rotation::None,
                Some(rotation) => Rotation::read(&rotation, &header)?,
            },
            header,
            value,
        }))
    }

    /// The headers that it sets.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        let next = match &self.rotation {
            Rotation::NextHeader(next) => Some(next),
            Rotation::None | Rotation::Several(_) => None,
        };
        std::iter::once(&self.header).chain(next)
    }

    /// The key of a webhook, scheduled once, here, and not again for every body.
    pub(crate) fn key(&self, secret: &SigningSecret) -> Key {
        match self.key {
            KeyForm::Utf8 => Key::new(self.algorithm, secret.expose().as_bytes()),
            KeyForm::Base64 => Key::new(self.algorithm, &secret.expose_decoded()),
        }
    }

    /// The signature of a request.
    pub(crate) fn sign(&self, key: &Key, values: &Values<'_>, body: &[u8]) -> String {
        let pieces = self.content.pieces().iter().map(|piece| match piece {
            Piece::Literal(text) => text.as_bytes(),
            Piece::Slot(Slot::Body) => body,
            Piece::Slot(slot) => values.get(*slot).as_bytes(),
        });
        match key {
            Key::Sha256(mac) => self.encode(&fed(mac.clone(), pieces).finalize().into_bytes()),
            Key::Sha512(mac) => self.encode(&fed(mac.clone(), pieces).finalize().into_bytes()),
        }
    }

    fn encode(&self, digest: &[u8]) -> String {
        match self.encoding {
            Encoding::Hex => hex(digest),
            Encoding::Base64 => STANDARD.encode(digest),
        }
    }
}

impl Rotation {
    fn read(field: &Field<'_>, header: &HeaderName) -> Result<Self, ProfileError> {
        const EXPECTED: &str = "\"none\", { next_header = \"…\" } or { several = \" \" }";
        if field.value().is_str() {
            return field.word(&[("none", ())]).map(|()| Self::None);
        }
        let section = field.section(EXPECTED)?.only(&["next_header", "several"])?;
        match (section.get("next_header"), section.get("several")) {
            (Some(next), None) => {
                let name = header::name_of(next.text("the name of a header")?, &next)?;
                if name == *header {
                    return Err(
                        next.error("is the header of the signature itself: name another, or use several")
                    );
                }
                Ok(Self::NextHeader(name))
            }
            (None, Some(several)) => {
                let separator = several.text("a separator, such as a space")?;
                let fits =
                    separator.len() <= 8 && separator.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                if !fits {
                    return Err(several.error("must be 1 to 8 visible ASCII characters or spaces"));
                }
                Ok(Self::Several(separator.to_owned()))
            }
            _ => Err(field.error(format!("expected {EXPECTED}"))),
        }
    }
}

fn read_content(section: &Section<'_>) -> Result<Template, ProfileError> {
    let field = section.need("content", "what is signed, such as \"{timestamp}.{eventId}.{body}\"")?;
    let allowed = [Slot::FACTS, &[Slot::Body]].concat();
    let template = Template::parse(field.text("what is signed, such as \"{body}\"")?, &allowed)
        .map_err(|reason| field.error(reason))?;
    if template.holds(Slot::Body) {
        Ok(template)
    } else {
        Err(field.error("leaves the body unsigned, so that anybody could change it: add {body}"))
    }
}

fn read_value(field: &Field<'_>) -> Result<Template, ProfileError> {
    let template = header::template(field, &[Slot::FACTS, &[Slot::Signature]].concat())?;
    if template.holds(Slot::Signature) {
        Ok(template)
    } else {
        Err(field.error("does not hold the signature: add {signature}"))
    }
}

/// One of several words; the first where the key is left out.
fn word<T: Copy>(section: &Section<'_>, key: &str, words: &[(&str, T); 2]) -> Result<T, ProfileError> {
    section.get(key).map_or(Ok(words[0].1), |field| field.word(words))
}

/// A key, ready to sign. It neither prints nor compares.
#[derive(Clone)]
pub(crate) enum Key {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Key {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
    fn new(algorithm: Algorithm, key: &[u8]) -> Self {
        const ANY: &str = "HMAC takes keys of any length";
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            Algorithm::Sha512 => Self::Sha512(Hmac::new_from_slice(key).expect(ANY)),
        }
    }
}

fn fed<'a, M: hmac::Mac>(mut mac: M, pieces: impl Iterator<Item = &'a [u8]>) -> M {
    pieces.for_each(|piece| mac.update(piece));
    mac
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests;
