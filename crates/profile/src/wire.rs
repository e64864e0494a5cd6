//! One webhook's requests: everything but the connection.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method};
use stayhook_core::{DeliveryId, EventType, PropertyId, SigningSecret, UnixMs, request_id};

use crate::header::Value;
use crate::placeholder::{Piece, Slot, Template};
use crate::signature::{Key, Rotation, Scheme};
use crate::{Profile, UrlTemplate};

/// The signing secrets of a webhook. They neither print nor compare.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    /// The one that signs where receivers look.
    pub current: &'a SigningSecret,
    /// During a rotation's overlap the one that takes its place afterwards.
    pub next: Option<&'a SigningSecret>,
}

/// One attempt to deliver an event to a webhook.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// Which event, to which webhook.
    pub delivery: DeliveryId,
    /// The number of the attempt, from 1: the id of the request follows from it.
    pub number: u32,
    /// What happened.
    pub kind: &'a EventType,
    /// At which property.
    pub property: PropertyId,
    /// When the attempt is made: what is signed bears this time, in Unix seconds.
    pub now: UnixMs,
    /// The bytes that [`Profile::compose`] made when the event was accepted.
    pub body: &'a [u8],
    /// The value of `Authorization`, where the webhook or the deployment has credentials.
    pub authorization: Option<&'a HeaderValue>,
}

/// The request of one attempt; its body is the one of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered<'a> {
    /// The method.
    pub method: Method,
    /// The URL with its placeholders filled in, to be judged as a webhook's URL next.
    pub url: Cow<'a, str>,
    /// The headers in order, without those of the connection (`Host`, `Content-Length`, `Accept`).
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// A profile with the keys of one webhook, ready to make its requests. It neither prints nor
/// compares, since it holds keys.
#[derive(Clone)]
pub struct Wire {
    main: Party,
    shadow: Option<Party>,
}

/// A profile and its keys, where it signs.
#[derive(Clone)]
struct Party {
    profile: Arc<Profile>,
    keys: Option<Keys>,
}

#[derive(Clone)]
struct Keys {
    current: Key,
    next: Option<Key>,
}

impl Wire {
    /// Prepares a webhook's requests. The headers of the shadow profile are sent along, computed
    /// over the same body; where both set a header, the main profile's counts.
    pub fn new(profile: &Arc<Profile>, shadow: Option<&Arc<Profile>>, secrets: Secrets<'_>) -> Self {
        Self { main: Party::new(profile, secrets), shadow: shadow.map(|shadow| Party::new(shadow, secrets)) }
    }

    /// The profile that says where and how the body is sent, and what the answer means.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.main.profile
    }

    /// The request of an attempt.
    pub fn request<'u>(&self, url: &'u UrlTemplate, attempt: &Attempt<'_>) -> Rendered<'u> {
        Rendered {
            method: self.main.profile.method().clone(),
            url: url.expand(attempt.kind, attempt.property),
            headers: self.headers(attempt),
        }
    }

    /// The headers of an attempt alone.
    pub fn headers(&self, attempt: &Attempt<'_>) -> Vec<(HeaderName, HeaderValue)> {
        self.written(attempt, true)
    }

    /// The headers of an attempt without those that prove who sends: signatures and credentials.
    pub fn unsigned_headers(&self, attempt: &Attempt<'_>) -> Vec<(HeaderName, HeaderValue)> {
        self.written(&Attempt { authorization: None, ..*attempt }, false)
    }

    fn written(&self, attempt: &Attempt<'_>, signed: bool) -> Vec<(HeaderName, HeaderValue)> {
        let values = Values::of(attempt);
        let mut headers = Vec::with_capacity(12);
        self.main.write(&values, attempt, signed, &mut headers);
        if let Some(shadow) = &self.shadow {
            let mut along = Vec::with_capacity(8);
            shadow.write(&values, &Attempt { authorization: None, ..*attempt }, signed, &mut along);
            along.retain(|(name, _)| !headers.iter().any(|(own, _)| own == name));
            headers.append(&mut along);
        }
        headers
    }
}

impl Party {
    fn new(profile: &Arc<Profile>, secrets: Secrets<'_>) -> Self {
        let keys = profile.signature().map(|scheme| Keys {
            current: scheme.key(secrets.current),
            next: secrets.next.map(|next| scheme.key(next)),
        });
        Self { profile: Arc::clone(profile), keys }
    }

    /// Appends the headers: the profile's own, `Authorization`, the signature, the request's id.
    fn write(
        &self,
        values: &Values<'_>,
        attempt: &Attempt<'_>,
        signed: bool,
        out: &mut Vec<(HeaderName, HeaderValue)>,
    ) {
        let headers = self.profile.headers();
        let filled = |(name, value): &(HeaderName, Value)| (name.clone(), value.filled(values));
        out.extend(headers.first.iter().map(filled));
        if let Some(authorization) = attempt.authorization {
            out.push((AUTHORIZATION, authorization.clone()));
        }
        if let (Some(scheme), Some(keys), true) = (self.profile.signature(), &self.keys, signed) {
            keys.write(scheme, values, attempt.body, out);
        }
        out.extend(headers.last.iter().map(filled));
    }
}

impl Keys {
    fn write(
        &self,
        scheme: &Scheme,
        values: &Values<'_>,
        body: &[u8],
        out: &mut Vec<(HeaderName, HeaderValue)>,
    ) {
        let signed = |key| fill(&scheme.value, values, &scheme.sign(key, values, body));
        let mut value = signed(&self.current);
        let next = match (&scheme.rotation, &self.next) {
            (Rotation::Several(separator), Some(next)) => {
                value.push_str(separator);
                value.push_str(&signed(next));
                None
            }
            (Rotation::NextHeader(name), Some(next)) => Some((name.clone(), header_value(signed(next)))),
            (_, None) | (Rotation::None, Some(_)) => None,
        };
        out.push((scheme.header.clone(), header_value(value)));
        out.extend(next);
    }
}

impl Value {
    fn filled(&self, values: &Values<'_>) -> HeaderValue {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Filled(template) => header_value(fill(template, values, "")),
        }
    }
}

/// What the placeholders of one attempt stand for.
pub(crate) struct Values<'a> {
    webhook_id: String,
    event_id: String,
    kind: &'a str,
    property_id: String,
    timestamp: String,
    request_id: String,
}

impl<'a> Values<'a> {
    fn of(attempt: &Attempt<'a>) -> Self {
        Self {
            webhook_id: attempt.delivery.webhook.to_string(),
            event_id: attempt.delivery.event.to_string(),
            kind: attempt.kind.as_str(),
            property_id: attempt.property.to_string(),
            timestamp: attempt.now.as_seconds().to_string(),
            request_id: request_id(attempt.delivery, attempt.number),
        }
    }

    /// The text of a placeholder; body and signature are none of its own.
    pub(crate) fn get(&self, slot: Slot) -> &str {
        match slot {
            Slot::WebhookId => &self.webhook_id,
            Slot::EventId => &self.event_id,
            Slot::EventType => self.kind,
            Slot::PropertyId => &self.property_id,
            Slot::Timestamp => &self.timestamp,
            Slot::RequestId => &self.request_id,
            Slot::Body | Slot::Signature => "",
        }
    }
}

/// The text with its placeholders filled in, in one allocation: there are several for every attempt.
fn fill(template: &Template, values: &Values<'_>, signature: &str) -> String {
    let texts = template.pieces().iter().map(|piece| match piece {
        Piece::Literal(literal) => literal.as_str(),
        Piece::Slot(Slot::Signature) => signature,
        Piece::Slot(slot) => values.get(*slot),
    });
    let mut filled = String::with_capacity(texts.clone().map(str::len).sum());
    filled.extend(texts);
    filled
}

#[expect(
    clippy::expect_used,
    reason = "ids, types, times and signatures are visible ASCII, literals were checked"
)]
fn header_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("visible ASCII")
}

/// The attempt of the tests of this crate.
#[cfg(test)]
pub(crate) fn test_values() -> Values<'static> {
    Values {
        webhook_id: "801".into(),
        event_id: "evt_AZ5qRS3gcACAAAAAAAAAKg".into(),
        kind: "booking.updated",
        property_id: "101".into(),
        timestamp: "1779292800".into(),
        request_id: "r".into(),
    }
}
