//! Everything that receivers are known to feed the HMAC with in place of what is documented.

use std::borrow::Cow;

use super::Mistake;
use crate::decimal::Decimal;
use crate::json::{STYLES, Style};
use crate::signature::Signer;
use crate::{Json, SigningSecret};

/// Something that may have been used, and the mistake that using it is.
type Doubt<T> = (Option<Mistake>, T);

/// What may have gone into a digest; what is documented comes first in each list.
pub(super) struct Doubts<'a> {
    keys: Vec<Doubt<Signer>>,
    bodies: Vec<Doubt<Cow<'a, [u8]>>>,
    stamps: Vec<Doubt<Stamp>>,
    ids: Vec<Doubt<&'a str>>,
}

struct Stamp {
    /// The number as it was signed.
    signed: i64,
    /// The seconds that were meant.
    seconds: i64,
}

/// Which parts were signed, and how they were joined.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    Documented,
    IdFirst,
    NoId,
    NoDots,
    BodyAlone,
}

/// Each layout, and in words what was signed where that is a mistake.
pub(super) const LAYOUTS: &[(Option<&str>, Layout)] = &[
    (None, Layout::Documented),
    (Some("`event_id.timestamp.body`"), Layout::IdFirst),
    (Some("`timestamp.body`"), Layout::NoId),
    (Some("timestamp, event id and body without dots"), Layout::NoDots),
    (Some("the body alone"), Layout::BodyAlone),
];

/// Timestamps from here on count milliseconds: as seconds they lie beyond the year 5000.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

impl<'a> Doubts<'a> {
    /// All that may have been used where these were given; `json` is the body, read.
    pub(super) fn about(
        secret: &SigningSecret,
        timestamp: i64,
        event_id: &'a str,
        body: &'a [u8],
        json: Option<&'a Json>,
    ) -> Self {
        Self {
            keys: keys(secret),
            bodies: bodies(body, json),
            stamps: stamps(timestamp),
            ids: ids(event_id, json),
        }
    }

    /// The fewest mistakes that lead to the digest, and the seconds that were meant.
    pub(super) fn explain(&self, digest: &[u8; 32]) -> Option<(Vec<Mistake>, i64)> {
        let mut best: Option<(Vec<Mistake>, i64)> = None;
        for (key_doubt, signer) in &self.keys {
            for (body_doubt, body) in &self.bodies {
                for (stamp_doubt, stamp) in &self.stamps {
                    for (id_doubt, id) in &self.ids {
                        let Some(signed) = layout(signer, digest, stamp.signed, id, body) else { continue };
                        let layout_doubt = signed.map(|signed| Mistake::OtherContent { signed });
                        let doubts = [key_doubt, body_doubt, stamp_doubt, id_doubt, &layout_doubt];
                        let mistakes: Vec<Mistake> = doubts.into_iter().flatten().cloned().collect();
                        if best.as_ref().is_none_or(|(fewest, _)| mistakes.len() < fewest.len()) {
                            best = Some((mistakes, stamp.seconds));
                        }
                    }
                }
            }
        }
        best
    }
}

/// The words beside the layout that leads to the digest; `None` where none does.
fn layout(
    signer: &Signer,
    digest: &[u8; 32],
    stamp: i64,
    id: &str,
    body: &[u8],
) -> Option<Option<&'static str>> {
    let stamp = Decimal::new(stamp);
    let (stamp, id) = (stamp.as_bytes(), id.as_bytes());
    let found = LAYOUTS.iter().find(|(_, layout)| match layout {
        Layout::Documented => signer.made(digest, &[stamp, b".", id, b".", body]),
        Layout::IdFirst => signer.made(digest, &[id, b".", stamp, b".", body]),
        Layout::NoId => signer.made(digest, &[stamp, b".", body]),
        Layout::NoDots => signer.made(digest, &[stamp, id, body]),
        Layout::BodyAlone => signer.made(digest, &[body]),
    });
    found.map(|(signed, _)| *signed)
}

fn keys(secret: &SigningSecret) -> Vec<Doubt<Signer>> {
    vec![
        (None, Signer::new(secret)),
        (Some(Mistake::KeyPrefixStripped), Signer::with_key(secret.expose_encoded().as_bytes())),
        (Some(Mistake::KeyDecoded), Signer::with_key(&secret.expose_decoded())),
    ]
}

/// A timestamp in milliseconds is a mistake whether it was signed so or only given so.
fn stamps(timestamp: i64) -> Vec<Doubt<Stamp>> {
    if timestamp < MILLISECONDS_FROM {
        return vec![(None, Stamp { signed: timestamp, seconds: timestamp })];
    }
    let seconds = timestamp / 1_000;
    [timestamp, seconds].map(|signed| (Some(Mistake::MillisecondTimestamp), Stamp { signed, seconds })).into()
}

fn ids<'a>(event_id: &'a str, json: Option<&'a Json>) -> Vec<Doubt<&'a str>> {
    let mut ids = vec![(None, event_id)];
    let in_body = json.and_then(|json| json.get("id")).and_then(Json::as_str);
    if let Some(id) = in_body.filter(|id| *id != event_id) {
        ids.push((Some(Mistake::OtherEventId { in_body: id.to_owned() }), id));
    }
    ids
}

fn bodies<'a>(body: &'a [u8], json: Option<&Json>) -> Vec<Doubt<Cow<'a, [u8]>>> {
    let mut bodies: Vec<Doubt<Cow<'a, [u8]>>> = vec![(None, body.into())];
    for line_break in [&b"\r\n"[..], b"\n"] {
        let other =
            body.strip_suffix(line_break).map_or_else(|| [body, line_break].concat().into(), Cow::from);
        bodies.push((Some(Mistake::LineBreak), other));
    }
    let reserialised = |style: &Style, json: &Json| {
        (Some(Mistake::Reserialised { style: style.name }), style.write(json).into())
    };
    bodies
        .extend(json.into_iter().flat_map(|json| STYLES.iter().map(move |style| reserialised(style, json))));
    bodies
}
