//! Requests with the verdict that every receiver should reach on them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

pub(crate) mod shared;

pub(crate) const ID: &str = "nowistay-webhook-event-id";
pub(crate) const TIMESTAMP: &str = "nowistay-webhook-timestamp";
pub(crate) const SIGNATURE: &str = "nowistay-webhook-signature";
pub(crate) const NEXT: &str = "nowistay-webhook-signature-next";
const HEADERS: [&str; 4] = [TIMESTAMP, ID, SIGNATURE, NEXT];

/// A request, and what to think of it.
#[derive(Clone, Serialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) why: &'static str,
    /// When it is verified, in Unix seconds.
    pub(crate) now: i64,
    pub(crate) secret: String,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<&'static str, String>,
    #[serde(serialize_with = "as_base64")]
    pub(crate) body: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Accept,
    Refuse,
}

impl Verdict {
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Accept => Self::Refuse,
            Self::Refuse => Self::Accept,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Refuse => "refuse",
        }
    }
}

#[derive(Serialize)]
struct File<'a> {
    about: &'static str,
    vectors: &'a [Vector],
}

/// The vectors as a JSON file.
pub(crate) fn json(vectors: &[Vector]) -> String {
    let about = "Requests as they reach a receiver of the nowistay profile, and whether it should accept them. \
                 body is base64; now is when the request is verified, in Unix seconds. See docs/verify.";
    serde_json::to_string_pretty(&File { about, vectors }).unwrap() + "\n"
}

/// The same as lines, for languages without JSON: bodies and headers are base64, and a header that
/// is missing is `-`.
pub(crate) fn tsv(vectors: &[Vector]) -> String {
    let mut text = format!("name\tverdict\tnow\tsecret\tbody\t{}\n", HEADERS.join("\t"));
    for vector in vectors {
        let Vector { name, verdict, now, secret, .. } = vector;
        let (verdict, body) = (verdict.word(), STANDARD.encode(&vector.body));
        write!(text, "{name}\t{verdict}\t{now}\t{secret}\t{body}").unwrap();
        for header in HEADERS {
            let value = vector.headers.get(header).map_or("-".to_owned(), |value| STANDARD.encode(value));
            write!(text, "\t{value}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn as_base64<S: serde::Serializer>(body: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(body))
}
