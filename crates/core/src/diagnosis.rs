//! Why a signature does not verify, in words for the person who wrote the receiver.

mod doubts;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::signature::read_hex;
use crate::{JSON_DEPTH_LIMIT, Json, SigningSecret, Span, UnixMs};
use doubts::Doubts;

/// How old a timestamp may be before receivers should take the request for a replay.
pub const SIGNATURE_MAX_AGE: Span = Span::minutes(5);

/// What became of a signature under examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diagnosis {
    /// It is right, and recent.
    Right,
    /// It is wrong, and these mistakes explain it.
    Wrong(Vec<Mistake>),
    /// It is wrong, and no known mistake explains it.
    Mismatch,
}

impl Diagnosis {
    /// Whether a receiver should accept the request.
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Right)
    }
}

/// One sentence, or one a mistake.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("The signature is right."),
            Self::Mismatch => f.write_str(
                "The signature was made with another secret, timestamp, event id or body: compare each with \
                 what was received, byte for byte.",
            ),
            Self::Wrong(mistakes) => {
                for (at, mistake) in mistakes.iter().enumerate() {
                    let space = if at == 0 { "" } else { " " };
                    write!(f, "{space}{mistake}")?;
                }
                Ok(())
            }
        }
    }
}

/// A known mistake of receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Neither hexadecimal nor base64 of 32 bytes.
    NoSignature,
    /// `v1=` is missing.
    VersionMissing,
    /// Hexadecimal digits in upper case.
    UpperCaseHex,
    /// Base64 in place of hexadecimal digits.
    Base64Digest,
    /// The body was parsed and written again.
    Reserialised {
        /// How the body that was signed is written.
        style: &'static str,
    },
    /// A line break at the end of the body came or went.
    LineBreak,
    /// The secret without `whsec_` was the key.
    KeyPrefixStripped,
    /// What the secret's base64 holds was the key.
    KeyDecoded,
    /// The timestamp counts milliseconds.
    MillisecondTimestamp,
    /// The timestamp is more than five minutes away.
    StaleTimestamp {
        /// How far.
        distance: Span,
        /// Whether it lies ahead.
        ahead: bool,
    },
    /// The event id is not the one in the body.
    OtherEventId {
        /// The one in the body.
        in_body: String,
    },
    /// Something else than `timestamp.event_id.body` was signed.
    OtherContent {
        /// What was signed.
        signed: &'static str,
    },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSignature => f.write_str("The signature is not `v1=` and 64 hexadecimal digits."),
            Self::VersionMissing => {
                f.write_str("The signature lacks its prefix: compare it with `v1=` in front.")
            }
            Self::UpperCaseHex => f.write_str("The signature is in upper case: write the digits a-f small."),
            Self::Base64Digest => {
                f.write_str("The signature is in base64: write the digest as hexadecimal digits.")
            }
            Self::Reserialised { style } => write!(
                f,
                "The signature belongs to the same JSON written otherwise ({style}): use the raw bytes of the \
                 body, before any parser has seen them."
            ),
            Self::LineBreak => f.write_str(
                "The signature belongs to this body but for a line break at its end: use the raw bytes of the body.",
            ),
            Self::KeyPrefixStripped => f.write_str(
                "The key was the secret without `whsec_`: use the whole text, the prefix is part of the key.",
            ),
            Self::KeyDecoded => f.write_str(
                "The key was what the secret's base64 holds: use the text itself as key, without decoding it.",
            ),
            Self::MillisecondTimestamp => f.write_str(
                "The timestamp counts milliseconds: use the header's text, which counts whole seconds.",
            ),
            Self::StaleTimestamp { distance, ahead } => {
                let side = if *ahead { "ahead of" } else { "behind" };
                write!(f, "The timestamp is {distance} {side} the clock: beyond {SIGNATURE_MAX_AGE} it may be a replay.")
            }
            Self::OtherEventId { in_body } => {
                write!(f, "The event id is not the one in the body, {in_body}: use the header of this request.")
            }
            Self::OtherContent { signed } => {
                write!(f, "What was signed is {signed}: sign `timestamp.event_id.body`, joined by dots.")
            }
        }
    }
}

/// Examines a signature as a receiver got or made it: right, or the fewest known mistakes
/// that explain it. `timestamp` counts Unix seconds; `now` is the receiver's clock.
pub fn diagnose(
    secret: &SigningSecret,
    timestamp: i64,
    event_id: &str,
    signature: &str,
    body: &[u8],
    now: UnixMs,
) -> Diagnosis {
    let Some((digest, form)) = read_loosely(signature) else {
        return Diagnosis::Wrong(vec![Mistake::NoSignature]);
    };
    let json = Json::parse(body, JSON_DEPTH_LIMIT).ok();
    let doubts = Doubts::about(secret, timestamp, event_id, body, json.as_ref());
    let Some((mut mistakes, seconds)) = doubts.explain(&digest) else { return Diagnosis::Mismatch };
    mistakes.extend(form);
    mistakes.extend(stale(seconds, now));
    if mistakes.is_empty() { Diagnosis::Right } else { Diagnosis::Wrong(mistakes) }
}

/// The digest, and what is wrong with the way in which it is written.
fn read_loosely(signature: &str) -> Option<([u8; 32], Vec<Mistake>)> {
    let mut mistakes = Vec::new();
    let digits = signature.strip_prefix("v1=").unwrap_or_else(|| {
        mistakes.push(Mistake::VersionMissing);
        signature
    });
    if let Some(digest) = read_hex(digits) {
        if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
            mistakes.push(Mistake::UpperCaseHex);
        }
        return Some((digest, mistakes));
    }
    let digest = STANDARD.decode(digits).ok()?.try_into().ok()?;
    mistakes.push(Mistake::Base64Digest);
    Some((digest, mistakes))
}

fn stale(seconds: i64, now: UnixMs) -> Option<Mistake> {
    let sent = UnixMs(seconds.saturating_mul(1_000));
    // The header's seconds are cut, not rounded: only whole seconds can be compared.
    let now = UnixMs(now.as_seconds().saturating_mul(1_000));
    let ahead = now < sent;
    let distance = if ahead { sent.since(now) } else { now.since(sent) };
    (distance > SIGNATURE_MAX_AGE).then_some(Mistake::StaleTimestamp { distance, ahead })
}

#[cfg(test)]
mod tests {
    use super::doubts::LAYOUTS;
    use super::*;
    use crate::json::STYLES;
    use proptest::prelude::*;

    const AT: i64 = 1_779_292_800;
    const ID: &str = "evt_LkP2sxR9zV8QyW0000000A";
    const BODY: &str = r#"{"id":"evt_LkP2sxR9zV8QyW0000000A","data":{"7":1.5,"name":"Zoë / \"M.\""}}"#;

    fn secret() -> SigningSecret {
        SigningSecret::from_entropy([7; 32])
    }

    fn signed(key: &[u8], content: &str) -> String {
        let mac = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(key).unwrap();
        let digest = hmac::Mac::chain_update(mac, content);
        hmac::Mac::finalize(digest).into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn documented(timestamp: i64, body: &str) -> String {
        format!("v1={}", signed(secret().expose().as_bytes(), &format!("{timestamp}.{ID}.{body}")))
    }

    fn examine(timestamp: i64, signature: &str, body: &str) -> Diagnosis {
        diagnose(&secret(), timestamp, ID, signature, body.as_bytes(), UnixMs(AT * 1_000 + 999))
    }

    fn wrong(mistake: Mistake) -> Diagnosis {
        Diagnosis::Wrong(vec![mistake])
    }

    #[test]
    fn a_right_signature_is_right() {
        assert_eq!(examine(AT, &documented(AT, BODY), BODY), Diagnosis::Right);
        assert_eq!(examine(AT, &documented(AT, BODY), &BODY.replace("Zo", "Bo")), Diagnosis::Mismatch);
        assert_eq!(examine(AT, &documented(AT + 1, BODY), BODY), Diagnosis::Mismatch);
        assert!(Diagnosis::Right.is_right());
        assert!(!Diagnosis::Mismatch.is_right() && !wrong(Mistake::LineBreak).is_right());
    }

    #[test]
    fn reserialised_bodies_are_recognised_both_ways() {
        let json = Json::parse(BODY.as_bytes(), 64).unwrap();
        for style in &STYLES[1..7] {
            let other = String::from_utf8(style.write(&json)).unwrap();
            let expected = wrong(Mistake::Reserialised { style: style.name });
            assert_eq!(examine(AT, &documented(AT, &other), BODY), expected, "{other}");
            let back =
                examine(AT, &documented(AT, &String::from_utf8(json.to_stable_bytes()).unwrap()), &other);
            assert_eq!(back, wrong(Mistake::Reserialised { style: STYLES[0].name }), "{other}");
        }
        assert_eq!(examine(AT, &documented(AT, BODY), &format!("{BODY}\n")), wrong(Mistake::LineBreak));
        assert_eq!(examine(AT, &documented(AT, &format!("{BODY}\r\n")), BODY), wrong(Mistake::LineBreak));
    }

    #[test]
    fn mistaken_keys_are_recognised() {
        let content = format!("{AT}.{ID}.{BODY}");
        let stripped = format!("v1={}", signed(secret().expose_encoded().as_bytes(), &content));
        assert_eq!(examine(AT, &stripped, BODY), wrong(Mistake::KeyPrefixStripped));
        let decoded = format!("v1={}", signed(&secret().expose_decoded(), &content));
        assert_eq!(examine(AT, &decoded, BODY), wrong(Mistake::KeyDecoded));
    }

    #[test]
    fn mistaken_forms_are_recognised() {
        let right = documented(AT, BODY);
        assert_eq!(examine(AT, &right[3..], BODY), wrong(Mistake::VersionMissing));
        let upper = format!("v1={}", right[3..].to_uppercase());
        assert_eq!(examine(AT, &upper, BODY), wrong(Mistake::UpperCaseHex));
        let base64 = format!("v1={}", STANDARD.encode(read_hex(&right[3..]).unwrap()));
        assert_eq!(examine(AT, &base64, BODY), wrong(Mistake::Base64Digest));
        assert_eq!(examine(AT, "v1=3a7b...e1c", BODY), wrong(Mistake::NoSignature));
    }

    #[test]
    fn mistaken_timestamps_are_recognised() {
        let ms = AT * 1_000 + 17;
        assert_eq!(examine(ms, &documented(AT, BODY), BODY), wrong(Mistake::MillisecondTimestamp));
        assert_eq!(examine(ms, &documented(ms, BODY), BODY), wrong(Mistake::MillisecondTimestamp));
        for (at, taken_for_ms) in [(99_999_999_999, false), (100_000_000_000, true)] {
            let Diagnosis::Wrong(mistakes) = examine(at, &documented(at, BODY), BODY) else {
                panic!("long past or long to come")
            };
            assert_eq!(mistakes.contains(&Mistake::MillisecondTimestamp), taken_for_ms, "{at}");
        }
        for (at, stale) in
            [(AT - 300, None), (AT + 300, None), (AT - 301, Some(false)), (AT + 301, Some(true))]
        {
            let expected = stale.map_or(Diagnosis::Right, |ahead| {
                wrong(Mistake::StaleTimestamp { distance: Span::seconds(301), ahead })
            });
            assert_eq!(examine(at, &documented(at, BODY), BODY), expected);
        }
    }

    #[test]
    fn mistaken_contents_are_recognised() {
        let other = "evt_OtherOtherOtherOther00";
        let in_body = BODY.replace(ID, other);
        let signature = documented(AT, BODY).replace("v1=", "");
        let elsewhere =
            diagnose(&secret(), AT, other, &format!("v1={signature}"), BODY.as_bytes(), UnixMs(AT * 1_000));
        assert_eq!(elsewhere, wrong(Mistake::OtherEventId { in_body: ID.into() }));
        assert_eq!(examine(AT, &documented(AT, &in_body), &in_body), Diagnosis::Right);
        for (content, layout) in [
            (format!("{ID}.{AT}.{BODY}"), 1),
            (format!("{AT}.{BODY}"), 2),
            (format!("{AT}{ID}{BODY}"), 3),
            (BODY.to_owned(), 4),
        ] {
            let signature = format!("v1={}", signed(secret().expose().as_bytes(), &content));
            let signed = LAYOUTS[layout].0.unwrap();
            assert_eq!(examine(AT, &signature, BODY), wrong(Mistake::OtherContent { signed }));
        }
    }

    #[test]
    fn several_mistakes_are_named_together() {
        let spaced = BODY.replace(':', ": ").replace(',', ", ");
        let content = format!("{}.{ID}.{}", AT - 600, BODY);
        let signature = signed(secret().expose_encoded().as_bytes(), &content).to_uppercase();
        let Diagnosis::Wrong(mistakes) = examine(AT - 600, &signature, &spaced) else {
            panic!("not explained")
        };
        let text = Diagnosis::Wrong(mistakes.clone()).to_string();
        assert_eq!(mistakes.len(), 5, "{text}");
        assert!(text.contains("10m behind the clock") && text.matches(": ").count() >= 4, "{text}");
    }

    proptest! {
        #[test]
        fn any_input_is_diagnosed(timestamp: i64, id in ".{0,30}", signature in "(v1=)?([0-9a-fA-F]{64}|.{0,70})", body: Vec<u8>, now: i64) {
            let diagnosis = diagnose(&secret(), timestamp, &id, &signature, &body, UnixMs(now));
            prop_assert!(!diagnosis.is_right());
            prop_assert!(!diagnosis.to_string().is_empty());
        }
    }
}
