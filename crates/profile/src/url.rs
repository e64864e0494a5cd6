//! URLs with placeholders: `https://api.example.com/partners/acme/events/{eventType}`.
//!
//! A placeholder may stand in path and query alone, and what it expands to is percent-encoded,
//! so that scheme, host and port are those that stand in the text. The expanded text is judged
//! by [`stayhook_core::WebhookUrl`] before every attempt, like any other.

use std::borrow::Cow;
use std::fmt::Write as _;

use stayhook_core::{EventType, PropertyId};

use crate::ProfileError;
use crate::nearest::did_you_mean;
use crate::placeholder::{Part, split};
use crate::read::Section;

/// What of an event may stand in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlPlaceholder {
    /// `{eventType}`
    EventType,
    /// `{propertyId}`
    PropertyId,
}

impl UrlPlaceholder {
    const ALL: [(&str, Self); 2] = [("eventType", Self::EventType), ("propertyId", Self::PropertyId)];

    /// The name between the braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventType => "eventType",
            Self::PropertyId => "propertyId",
        }
    }
}

/// Why a text is no URL template under a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlTemplateError {
    /// A placeholder where the profile declares none.
    #[error("the profile {profile} has no URL placeholders: write the URL without `{{` and `}}`")]
    NoPlaceholders {
        /// Its name.
        profile: String,
    },
    /// A placeholder that the profile does not declare.
    #[error("`{{{name}}}` is no URL placeholder of the profile {profile}{meant} (it has {known})")]
    Unknown {
        /// The name between the braces.
        name: String,
        /// The profile's name.
        profile: String,
        /// A hint, or nothing.
        meant: String,
        /// What there is.
        known: String,
    },
    /// A placeholder in scheme, host or port.
    #[error("URL placeholders may stand in path and query only: write scheme, host and port out")]
    Misplaced,
    /// A brace that belongs to no placeholder.
    #[error("a brace in a URL belongs to a placeholder: write %7B or %7D for one of its own")]
    StrayBrace,
}

/// What a profile says of URLs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UrlPolicy {
    pub(crate) placeholders: Vec<UrlPlaceholder>,
    /// The URL of previews.
    pub(crate) example: String,
}

/// A URL as it was registered, ready to be filled in. Cheap where there is nothing to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    text: String,
    parts: Vec<Filling>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Filling {
    Literal(String),
    Placeholder(UrlPlaceholder),
}

impl UrlPolicy {
    pub(crate) fn read(profile: &str, section: &Section<'_>) -> Result<Self, ProfileError> {
        let placeholders = match section.get("placeholders") {
            None => Vec::new(),
            Some(list) => list
                .list("a list, such as [\"eventType\", \"propertyId\"]")?
                .iter()
                .map(|item| item.word(&UrlPlaceholder::ALL))
                .collect::<Result<_, _>>()?,
        };
        let example = section.need("example", "a URL for previews")?;
        let text = example.text("a URL")?;
        let policy = Self { placeholders, example: text.to_owned() };
        policy.template(profile, text).map_err(|error| example.error(error.to_string()))?;
        Ok(policy)
    }

    pub(crate) fn template(&self, profile: &str, text: &str) -> Result<UrlTemplate, UrlTemplateError> {
        let parts = split(text).map_err(|_| self.stray(profile))?;
        let mut fillings = Vec::with_capacity(parts.len());
        let target = target_at(text);
        let mut at = 0;
        for part in parts {
            match part {
                Part::Literal(literal) => {
                    at += literal.len();
                    fillings.push(Filling::Literal(literal.to_owned()));
                }
                Part::Name(name) => {
                    let placeholder = self.placeholder(profile, name)?;
                    if target.is_none_or(|target| at < target) {
                        return Err(UrlTemplateError::Misplaced);
                    }
                    at += name.len() + 2;
                    fillings.push(Filling::Placeholder(placeholder));
                }
            }
        }
        Ok(UrlTemplate { text: text.to_owned(), parts: fillings })
    }

    fn stray(&self, profile: &str) -> UrlTemplateError {
        if self.placeholders.is_empty() {
            UrlTemplateError::NoPlaceholders { profile: profile.to_owned() }
        } else {
            UrlTemplateError::StrayBrace
        }
    }

    fn placeholder(&self, profile: &str, name: &str) -> Result<UrlPlaceholder, UrlTemplateError> {
        if self.placeholders.is_empty() {
            return Err(self.stray(profile));
        }
        let known = || self.placeholders.iter().copied().map(UrlPlaceholder::name);
        self.placeholders.iter().copied().find(|known| known.name() == name).ok_or_else(|| {
            UrlTemplateError::Unknown {
                name: name.to_owned(),
                profile: profile.to_owned(),
                meant: did_you_mean(name, known()),
                known: known().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", "),
            }
        })
    }
}

/// Where path or query begin; `None` where there is neither.
fn target_at(text: &str) -> Option<usize> {
    let authority = text.find("://")? + 3;
    // A backslash and a fragment are refused later; here they end the authority as they do there.
    text[authority..].find(['/', '?', '#', '\\']).map(|at| authority + at)
}

impl UrlTemplate {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether every event goes to the same URL.
    pub fn is_literal(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Filling::Placeholder(_)))
    }

    /// The URL for an event, as text: it is judged by [`stayhook_core::WebhookUrl::parse`] next.
    pub fn expand(&self, kind: &EventType, property: PropertyId) -> Cow<'_, str> {
        if self.is_literal() {
            return Cow::Borrowed(&self.text);
        }
        let mut url = String::with_capacity(self.text.len() + 32);
        for part in &self.parts {
            match part {
                Filling::Literal(text) => url.push_str(text),
                Filling::Placeholder(UrlPlaceholder::EventType) => push_encoded(kind.as_str(), &mut url),
                Filling::Placeholder(UrlPlaceholder::PropertyId) => {
                    push_encoded(&property.to_string(), &mut url);
                }
            }
        }
        Cow::Owned(url)
    }
}

/// Appends a text so that it stays one path segment or one query value: everything but the
/// unreserved characters of RFC 3986, section 2.3, is percent-encoded.
fn push_encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stayhook_core::{UrlRules, WebhookUrl};

    fn policy(placeholders: &[UrlPlaceholder]) -> UrlPolicy {
        UrlPolicy { placeholders: placeholders.to_vec(), example: String::new() }
    }

    fn both() -> UrlPolicy {
        policy(&[UrlPlaceholder::EventType, UrlPlaceholder::PropertyId])
    }

    fn event(name: &str) -> EventType {
        EventType::parse(name).unwrap()
    }

    fn property() -> PropertyId {
        PropertyId::new(101).unwrap()
    }

    #[test]
    fn placeholders_are_filled_in() {
        let url = "https://api.example.com/partners/acme/events/{eventType}?venue={propertyId}";
        let template = both().template("p", url).unwrap();
        assert_eq!(
            template.expand(&event("order.updated"), property()),
            "https://api.example.com/partners/acme/events/order.updated?venue=101"
        );
        assert!(!template.is_literal());
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused() {
        let refused = |policy: UrlPolicy, text: &str| policy.template("p", text).unwrap_err();
        let stray = UrlTemplateError::StrayBrace;
        assert_eq!(refused(both(), "https://a.example/{eventType"), stray);
        assert_eq!(refused(both(), "https://a.example/}"), stray);
        for misplaced in [
            "https://{eventType}.example/",
            "{eventType}://a.example/",
            "https://a.example:{propertyId}/",
            "https://a.example{propertyId}",
            "https:{eventType}",
            "{eventType}",
        ] {
            assert_eq!(refused(both(), misplaced), UrlTemplateError::Misplaced, "{misplaced}");
        }
        let unknown = refused(both(), "https://a.example/{eventtype}").to_string();
        assert!(unknown.contains("did you mean `eventType`?"), "{unknown}");
        let only_type = policy(&[UrlPlaceholder::EventType]);
        let other = refused(only_type, "https://a.example/{propertyId}");
        assert!(matches!(other, UrlTemplateError::Unknown { .. }));
        let none = refused(policy(&[]), "https://a.example/{eventType}");
        assert_eq!(none, UrlTemplateError::NoPlaceholders { profile: "p".into() });
    }

    proptest! {
        #[test]
        fn encoded_text_stays_one_segment(text: String) {
            let mut encoded = String::new();
            push_encoded(&text, &mut encoded);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            let decoded: Vec<u8> = ::url::form_urlencoded::parse(format!("x={encoded}").as_bytes())
                .map(|(_, value)| value.into_owned().into_bytes())
                .next()
                .unwrap_or_default();
            prop_assert_eq!(decoded, text.into_bytes());
        }

        /// Whatever is registered, the event decides neither scheme nor host nor port.
        #[test]
        fn an_event_changes_path_and_query_alone(
            url in "https?:(//)?[a-z{}]{0,3}[a-z.:0-9@\\[\\]]{0,12}([/?#\\\\]([a-z%./2&=]|\\{eventType\\}|\\{propertyId\\}){0,12})?",
            kind in "[a-z0-9_]{1,5}(\\.[a-z0-9_]{1,5}){0,2}",
            number in 1_i64..1 << 53,
        ) {
            let Ok(template) = both().template("p", &url) else { return Ok(()) };
            let expanded = template.expand(&event(&kind), PropertyId::new(number).unwrap());
            let plain = template.expand(&event("x"), property());
            let rules = UrlRules { require_https: false, ..UrlRules::default() };
            match (WebhookUrl::parse(&plain, &rules), WebhookUrl::parse(&expanded, &rules)) {
                (Ok(plain), Ok(expanded)) => {
                    prop_assert_eq!(plain.scheme(), expanded.scheme());
                    prop_assert_eq!(plain.authority(), expanded.authority());
                    prop_assert_eq!(plain.port(), expanded.port());
                }
                (plain, expanded) => prop_assert_eq!(plain.is_ok(), expanded.is_ok(), "{}", url),
            }
        }
    }
}
