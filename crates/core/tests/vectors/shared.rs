//! The vectors of `tests/vectors`: one good request, and what can be wrong with it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stayhook_core::{Signer, SigningSecret};

use super::Verdict::{Accept, Refuse};
use super::{ID, NEXT, SIGNATURE, TIMESTAMP, Vector, Verdict};

const NOW: i64 = 1_779_292_800;
const EVENT: &str = "evt_AZ5rLhQAcACAAAAAAAAAKg";
const BODY: &str = r#"{"id":"evt_AZ5rLhQAcACAAAAAAAAAKg","type":"booking.updated","createdAt":"2026-05-20T16:00:00Z","apiVersion":"2026-05-27","propertyId":101,"bookingId":9001,"data":{"booking":{"id":9001,"status":"confirmed"}}}"#;

pub(crate) fn vectors() -> Vec<Vector> {
    [bodies(), times(), identities(), signatures(), secrets(), rotation()].concat()
}

fn bodies() -> Vec<Vector> {
    let reserialised = BODY.replace(':', ": ");
    vec![
        good(BODY).is("good", Accept, "everything is right"),
        good("{\"guest\":\"Zoë 東京 🏠\"}").is(
            "body beyond ASCII",
            Accept,
            "bytes are signed, not characters",
        ),
        good(b"\xef\xbb\xbf{}\r\n\0\xff\xfe").is("body no UTF-8", Accept, "the bytes are not to be decoded"),
        good("").is("empty body", Accept, "an empty body is signed like any other"),
        good("{}\n").is("newline at the end", Accept, "the newline is part of the body"),
        good(BODY).body(BODY.replace("9001", "9002")).is(
            "changed body",
            Refuse,
            "another booking was put in",
        ),
        good(BODY).body("").is("body removed", Refuse, "the signed body is missing"),
        good(BODY).body(format!("{BODY}\n")).is("newline appended", Refuse, "one byte too many"),
        good(BODY).body(reserialised).is("reformatted body", Refuse, "same JSON, other bytes"),
    ]
}

fn times() -> Vec<Vector> {
    let strange = |text: &str, name, why| good(BODY).signed_at(text).is(name, Refuse, why);
    vec![
        good(BODY).at(NOW + 300).is("five minutes old", Accept, "300 seconds are within the tolerance"),
        good(BODY).at(NOW - 300).is("five minutes ahead", Accept, "clocks differ in both directions"),
        good(BODY).at(NOW + 301).is("too old", Refuse, "a replay: more than 300 seconds old"),
        good(BODY).at(NOW - 301).is("too far ahead", Refuse, "more than 300 seconds in the future"),
        good(BODY).header(TIMESTAMP, "1779292801").is("changed timestamp", Refuse, "the timestamp is signed"),
        good(BODY).without(TIMESTAMP).is("no timestamp", Refuse, "a header is missing"),
        strange("", "empty timestamp", "no number, though signed"),
        strange("+1779292800", "timestamp with a sign", "only digits are a timestamp"),
        strange("1779292800.0", "timestamp with a fraction", "only digits are a timestamp"),
        strange(" 1779292800", "timestamp after a space", "only digits are a timestamp"),
        strange("1779292800\n", "timestamp before a newline", "only digits are a timestamp"),
        strange("1779292800x", "timestamp before a letter", "only digits are a timestamp"),
        strange("0x6a0dda80", "hexadecimal timestamp", "only decimal digits are a timestamp"),
        strange("١٧٧٩٢٩٢٨٠٠", "timestamp in Arabic digits", "only ASCII digits are a timestamp"),
        strange("1779292800000", "timestamp in milliseconds", "far in the future"),
        strange("18446744075488844416", "timestamp beyond 64 bits", "it must not wrap around to now"),
    ]
}

fn identities() -> Vec<Vector> {
    let body = r#"{"price":620.{"id":1}"#;
    let (stolen, rest) = body.split_once('.').unwrap();
    vec![
        good(BODY).header(ID, "evt_AZ5rLhQAcACAAAAAAAAAKh").is("changed id", Refuse, "the id is signed"),
        good(BODY).without(ID).is("no id", Refuse, "a header is missing"),
        good(BODY).signed_as("").is("empty id", Refuse, "no id, though signed"),
        good(body).header(ID, format!("{EVENT}.{stolen}")).body(rest).is(
            "body moved into the id",
            Refuse,
            "the same signed bytes, cut at another dot",
        ),
    ]
}

fn signatures() -> Vec<Vector> {
    let good_one = good(BODY).headers[SIGNATURE].clone();
    let digits = good_one.trim_start_matches("v1=");
    let with = |text: &str, name, why| good(BODY).header(SIGNATURE, text).is(name, Refuse, why);
    let bare = text(&mac(secret(1).expose().as_bytes(), BODY.as_bytes()));
    let content = format!("{NOW}.{EVENT}.{BODY}");
    let raw = STANDARD.encode(mac(secret(1).expose().as_bytes(), content.as_bytes()));
    vec![
        good(BODY).without(SIGNATURE).is("no signature", Refuse, "a header is missing"),
        with("", "empty signature", "there is none"),
        with("v1=", "version alone", "there are no digits"),
        with(digits, "no version", "the version is part of the text"),
        with(&format!("v2={digits}"), "other version", "the scheme is v1"),
        with(&format!("V1={digits}"), "version in upper case", "the text is compared to the letter"),
        with(&format!("v1={}", digits.to_uppercase()), "digits in upper case", "digits are in lower case"),
        with(&format!("{good_one} "), "space at the end", "the text is compared to the letter"),
        with(&format!(" {good_one}"), "space at the start", "the text is compared to the letter"),
        with(&good_one[..66], "last digit missing", "a beginning is not enough"),
        with(&format!("{good_one}0"), "digit too many", "the length is part of the text"),
        with(&changed(&good_one, 3), "first digit changed", "one digit differs"),
        with(&changed(&good_one, 66), "last digit changed", "one digit differs"),
        with(&format!("v1={}", "0".repeat(64)), "only zeros", "a guess"),
        with(&format!("v1={}", "é".repeat(32)), "signature beyond ASCII", "no digits, though 64 bytes"),
        with(&format!("{good_one},{good_one}"), "two in one header", "a header holds one signature"),
        with(&format!("v1={raw}"), "base64 digest", "the digest is written in hexadecimal"),
        with(&bare, "body alone signed", "timestamp and id belong to what is signed"),
    ]
}

fn secrets() -> Vec<Vector> {
    let secret = secret(1);
    let signed_by = |key: &[u8]| text(&mac(key, format!("{NOW}.{EVENT}.{BODY}").as_bytes()));
    let with = |key: &[u8], name, why| good(BODY).header(SIGNATURE, signed_by(key)).is(name, Refuse, why);
    let encoded = secret.expose().trim_start_matches("whsec_");
    vec![
        with(self::secret(2).expose().as_bytes(), "wrong secret", "signed by another webhook's secret"),
        with(encoded.as_bytes(), "secret without its prefix", "the key is the whole text"),
        with(&secret.expose_decoded(), "decoded secret", "the key is the text, not what its base64 holds"),
        with(b"", "empty key", "signed without a secret"),
    ]
}

/// While a secret is rotated, the second header is signed with the new one.
fn rotation() -> Vec<Vector> {
    let next = |key: &SigningSecret| Signer::new(key).sign(NOW, EVENT, BODY.as_bytes()).text();
    let rotating = good(BODY).header(NEXT, next(&secret(2)));
    vec![
        rotating.clone().is("rotation, old secret", Accept, "the first header is the old secret's"),
        rotating.clone().held(2).is("rotation, new secret", Accept, "the second header is the new secret's"),
        rotating.clone().held(3).is("rotation, other secret", Refuse, "neither header is this secret's"),
        rotating.clone().held(2).body("{}").is("rotation, changed body", Refuse, "neither header fits"),
        rotating.clone().held(2).at(NOW + 301).is("rotation, too old", Refuse, "the tolerance is for both"),
        rotating.header(NEXT, "v1=").is("rotation, broken second", Accept, "the first header is right"),
    ]
}

/// A request that is right in everything, signed by us.
fn good(body: impl AsRef<[u8]>) -> Vector {
    let (secret, body) = (secret(1), body.as_ref());
    let signature = Signer::new(&secret).sign(NOW, EVENT, body).text();
    let headers = [(TIMESTAMP, NOW.to_string()), (ID, EVENT.to_owned()), (SIGNATURE, signature)];
    Vector {
        name: String::new(),
        verdict: Accept,
        why: "",
        now: NOW,
        secret: secret.expose().to_owned(),
        headers: BTreeMap::from(headers),
        body: body.to_vec(),
    }
}

impl Vector {
    fn is(self, name: &str, verdict: Verdict, why: &'static str) -> Self {
        Self { name: name.to_owned(), verdict, why, ..self }
    }

    fn at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    fn held(self, number: u8) -> Self {
        Self { secret: secret(number).expose().to_owned(), ..self }
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// With this timestamp, and a signature over it as it stands.
    fn signed_at(self, timestamp: &str) -> Self {
        self.header(TIMESTAMP, timestamp).signed_again()
    }

    /// With this event id, and a signature over it.
    fn signed_as(self, id: &str) -> Self {
        self.header(ID, id).signed_again()
    }

    fn signed_again(self) -> Self {
        let mut content = format!("{}.{}.", self.headers[TIMESTAMP], self.headers[ID]).into_bytes();
        content.extend_from_slice(&self.body);
        let signature = text(&mac(self.secret.as_bytes(), &content));
        self.header(SIGNATURE, signature)
    }
}

fn secret(number: u8) -> SigningSecret {
    SigningSecret::from_entropy([number; 32])
}

fn mac(key: &[u8], content: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(content).finalize().into_bytes().into()
}

fn text(digest: &[u8; 32]) -> String {
    digest.iter().fold("v1=".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// With another digit in this place.
fn changed(signature: &str, place: usize) -> String {
    let digit = if signature.as_bytes()[place] == b'0' { "1" } else { "0" };
    format!("{}{digit}{}", &signature[..place], &signature[place + 1..])
}
