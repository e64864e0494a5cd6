//! One webhook's requests: its profile with its keys, where they go, and with which credentials.
//! Made once when the webhook is loaded or changed, not again for every attempt.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use stayhook_core::{
    DeliveryId, EventId, EventType, Fault, FaultClass, NextSecret, PropertyId, Secrets, UnixMs, UrlRules,
    WebhookId, WebhookUrl,
};
use stayhook_profile::{Attempt, Profile, UrlTemplate, Wire};
use stayhook_store::Registered;

use crate::pass::Pass;
use crate::profiles::ProfileSet;
use crate::tokens::Tokens;

/// What one attempt says.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) event: EventId,
    pub(crate) kind: &'a EventType,
    /// The name of the profile by which the body was made.
    pub(crate) profile: &'a str,
    /// The exact bytes to send.
    pub(crate) body: &'a Bytes,
    /// From 1.
    pub(crate) attempt: u32,
}

/// A request, but for its credentials and its body.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: WebhookUrl,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One webhook's requests.
pub(crate) struct Sender {
    webhook: WebhookId,
    property: PropertyId,
    profiles: ProfileSet,
    rules: UrlRules,
    /// By which new events go; `None` where the configuration does not have its profile.
    keyed: Option<Keyed>,
    shadow: Option<String>,
    secrets: Secrets,
    destination: Result<Destination, Fault>,
    pub(crate) pass: Pass,
}

/// Where requests go.
enum Destination {
    /// The same for every event, judged by the rules of this process.
    Fixed(WebhookUrl),
    /// Filled in and judged for each.
    Filled(UrlTemplate),
}

/// A profile with the keys of a webhook's secrets, over a rotation.
struct Keyed {
    /// While the announced secret, if there is one, is not in use yet.
    before: Wire,
    /// From when on the announced one alone is.
    after: Option<(UnixMs, Wire)>,
}

impl Sender {
    /// Prepares the requests of a webhook. What is wrong with it fails its attempts.
    pub(crate) fn of(
        registered: &Registered,
        profiles: &ProfileSet,
        rules: &UrlRules,
        tokens: &Tokens,
    ) -> Self {
        let webhook = &registered.webhook;
        let profile = profiles.of(&webhook.options);
        let shadow = webhook.options.shadow_profile.clone();
        let missing = || missing(profiles.name_of(&webhook.options));
        let credentials = registered.credentials.as_ref();
        let own = || profiles.credentials(profiles.name_of(&webhook.options));
        Self {
            webhook: webhook.id,
            property: webhook.property,
            destination: profile.ok_or_else(missing).and_then(|it| Destination::of(it, &webhook.url, rules)),
            keyed: profile
                .map(|it| Keyed::new(it, shadow_of(profiles, shadow.as_deref()), &registered.secrets)),
            pass: credentials.or_else(own).map_or(Pass::None, |it| Pass::of(it, rules, tokens)),
            secrets: registered.secrets.clone(),
            profiles: profiles.clone(),
            rules: rules.clone(),
            shadow,
        }
    }

    /// The profile by which new events go.
    pub(crate) fn profile(&self) -> Option<&Arc<Profile>> {
        self.keyed.as_ref().map(|keyed| keyed.before.profile())
    }

    /// The profile by which a body was made: the webhook may have had another one then.
    ///
    /// # Errors
    /// When the configuration does not have it any more.
    pub(crate) fn profile_of(&self, name: &str) -> Result<&Arc<Profile>, Fault> {
        self.profiles.all().get(name).ok_or_else(|| missing(name))
    }

    /// The request of an attempt at `now`, signed with its own timestamp.
    ///
    /// # Errors
    /// When the profile of the body is missing or the URL is refused.
    pub(crate) fn request(
        &self,
        message: &Message<'_>,
        authorization: Option<&HeaderValue>,
        now: UnixMs,
    ) -> Result<Request, Fault> {
        let wire = self.wire(message.profile, now)?;
        let attempt = self.attempt(message, authorization, now);
        let method = wire.profile().method().clone();
        Ok(Request { method, url: self.url(message.kind)?, headers: wire.headers(&attempt) })
    }

    /// The headers of an attempt by name, but for signatures and credentials: worked out again
    /// from what the log holds. `None` where the profile is missing.
    pub(crate) fn unsigned_headers(
        &self,
        message: &Message<'_>,
        now: UnixMs,
    ) -> Option<BTreeMap<String, String>> {
        let wire = self.wire(message.profile, now).ok()?;
        let headers = wire.unsigned_headers(&self.attempt(message, None, now));
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Some(headers.iter().map(|(name, value)| (title_case(name.as_str()), text(value))).collect())
    }

    fn attempt<'a>(
        &self,
        message: &Message<'a>,
        authorization: Option<&'a HeaderValue>,
        now: UnixMs,
    ) -> Attempt<'a> {
        Attempt {
            delivery: DeliveryId { event: message.event, webhook: self.webhook },
            number: message.attempt,
            kind: message.kind,
            property: self.property,
            now,
            body: message.body,
            authorization,
        }
    }

    /// The profile of a body with the webhook's keys. Another profile than the webhook's own is
    /// rare: only after a change, for what was accepted before.
    fn wire(&self, profile: &str, now: UnixMs) -> Result<Cow<'_, Wire>, Fault> {
        match &self.keyed {
            Some(keyed) if keyed.before.profile().name() == profile => Ok(Cow::Borrowed(keyed.at(now))),
            _ => {
                let shadow = shadow_of(&self.profiles, self.shadow.as_deref());
                let keyed = Keyed::new(self.profile_of(profile)?, shadow, &self.secrets);
                Ok(Cow::Owned(keyed.into_at(now)))
            }
        }
    }

    /// Where an event of this type goes, judged by the rules.
    fn url(&self, kind: &EventType) -> Result<WebhookUrl, Fault> {
        match &self.destination {
            Ok(Destination::Fixed(url)) => Ok(url.clone()),
            Ok(Destination::Filled(template)) => judged(&template.expand(kind, self.property), &self.rules),
            Err(fault) => Err(fault.clone()),
        }
    }
}

impl Destination {
    fn of(profile: &Profile, url: &str, rules: &UrlRules) -> Result<Self, Fault> {
        let refused =
            |error: stayhook_profile::UrlTemplateError| Fault::new(FaultClass::Config, error.to_string());
        let template = profile.url_template(url).map_err(refused)?;
        if template.is_literal() { judged(url, rules).map(Self::Fixed) } else { Ok(Self::Filled(template)) }
    }
}

fn judged(url: &str, rules: &UrlRules) -> Result<WebhookUrl, Fault> {
    WebhookUrl::parse(url, rules)
        .map_err(|refused| Fault::new(FaultClass::BlockedAddress, refused.to_string()))
}

fn missing(profile: &str) -> Fault {
    let words = format!("the deployment's configuration has no profile {profile}: it must be put back");
    Fault::new(FaultClass::Config, words)
}

/// A shadow profile that is missing keeps nothing from being sent.
fn shadow_of<'a>(profiles: &'a ProfileSet, name: Option<&str>) -> Option<&'a Arc<Profile>> {
    name.and_then(|name| profiles.all().get(name))
}

impl Keyed {
    fn new(profile: &Arc<Profile>, shadow: Option<&Arc<Profile>>, secrets: &Secrets) -> Self {
        let wire = |current, next| Wire::new(profile, shadow, stayhook_profile::Secrets { current, next });
        let next = secrets.next.as_ref();
        Self {
            before: wire(&secrets.current, next.map(|next| &next.secret)),
            after: next.map(|NextSecret { secret, from }| (*from, wire(secret, None))),
        }
    }

    /// With the keys that are in use at this moment: see [`Secrets::at`].
    fn at(&self, now: UnixMs) -> &Wire {
        match &self.after {
            Some((from, after)) if *from <= now => after,
            _ => &self.before,
        }
    }

    fn into_at(self, now: UnixMs) -> Wire {
        match self.after {
            Some((from, after)) if from <= now => after,
            _ => self.before,
        }
    }
}

/// A name as it goes out.
fn title_case(name: &str) -> String {
    let part = |part: &str| {
        let mut rest = part.chars();
        rest.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(rest).collect::<String>()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stayhook_core::{SigningSecret, Span, sign};

    fn signed(wire: &Wire, name: &str) -> Option<String> {
        let kind = EventType::parse("booking.created").unwrap();
        let delivery = DeliveryId { event: EventId::new(UnixMs(1), 1), webhook: WebhookId(1) };
        let property = PropertyId::new(1).unwrap();
        let attempt = Attempt {
            delivery,
            number: 1,
            kind: &kind,
            property,
            now: UnixMs(1_000),
            body: b"x",
            authorization: None,
        };
        let headers = wire.headers(&attempt);
        let value = headers.into_iter().find(|(it, _)| it.as_str() == name)?.1;
        value.to_str().ok().map(str::to_owned)
    }

    proptest! {
        /// At any moment the keys are those of the secrets that are in use then.
        #[test]
        fn keys_follow_their_secrets(rotations in prop::collection::vec((0_i64..9, 0_u64..9), 0..4), now in 0_i64..40) {
            let mut secrets = Secrets::only(SigningSecret::from_entropy([0; 32]));
            let mut at = 0;
            for (number, (pause, overlap)) in (1_u8..).zip(rotations) {
                at += pause;
                let fresh = SigningSecret::from_entropy([number; 32]);
                secrets = secrets.rotated(fresh, UnixMs(at), Span::millis(overlap));
            }
            let set = ProfileSet::built_in().unwrap();
            let keyed = Keyed::new(set.all().get("nowistay").unwrap(), None, &secrets);
            let (current, announced) = secrets.at(UnixMs(now));
            let event = EventId::new(UnixMs(1), 1).to_string();
            let expected = |secret| sign(secret, 1, &event, b"x").text();
            let wire = keyed.at(UnixMs(now));
            prop_assert_eq!(signed(wire, "nowistay-webhook-signature"), Some(expected(current)));
            prop_assert_eq!(signed(wire, "nowistay-webhook-signature-next"), announced.map(expected));
        }
    }
}
