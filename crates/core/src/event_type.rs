//! What happened, and which of it a webhook wants to hear.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The longest name of an event type, in characters.
pub const EVENT_TYPE_MAX: usize = 100;

/// Why a text names no event type or pattern, or a list of them no subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    /// Nothing at all.
    #[error("an event type must not be empty")]
    Empty,
    /// More than [`EVENT_TYPE_MAX`] characters.
    #[error("an event type has at most 100 characters")]
    TooLong,
    /// Something else than letters, digits, `_` and single dots between them.
    #[error(
        "an event type is made of letters, digits and `_` in parts joined by dots, such as booking.created"
    )]
    Malformed,
    /// A star anywhere but behind the last dot.
    #[error("a pattern is an event type or a resource with all its types, such as booking.*")]
    MisplacedStar,
    /// A subscription to nothing.
    #[error("name at least one event type")]
    NoPattern,
}

/// What happened, such as `booking.created`: letters, digits and `_` in parts joined by dots.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Arc<str>);

impl EventType {
    /// Reads a name.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        check_name(text)?;
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One event type, or all of a resource: `booking.*` is every type that starts with `booking.`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPattern(Arc<str>);

impl EventPattern {
    /// Reads a name or `resource.*`.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        let name = text.strip_suffix(".*").unwrap_or(text);
        if name.contains('*') {
            return Err(EventTypeError::MisplacedStar);
        }
        check_name(name)?;
        Ok(Self(text.into()))
    }

    /// Whether events of this type are meant.
    pub fn matches(&self, event: &EventType) -> bool {
        match self.0.strip_suffix('*') {
            Some(resource) => event.0.starts_with(resource),
            None => self.0 == event.0,
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&EventType> for EventPattern {
    fn from(event: &EventType) -> Self {
        Self(Arc::clone(&event.0))
    }
}

/// What a webhook wants to hear: one or more patterns, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription(Arc<[EventPattern]>);

impl Subscription {
    /// A subscription to these; of equal ones the first is kept.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(patterns: impl IntoIterator<Item = EventPattern>) -> Result<Self, EventTypeError> {
        let mut seen = HashSet::new();
        let patterns: Arc<[EventPattern]> =
            patterns.into_iter().filter(|pattern| seen.insert(pattern.clone())).collect();
        if patterns.is_empty() { Err(EventTypeError::NoPattern) } else { Ok(Self(patterns)) }
    }

    /// Reads patterns.
    ///
    /// # Errors
    /// With the place of the first text that is none, where it is one text's fault.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, (Option<usize>, EventTypeError)> {
        let patterns = texts
            .into_iter()
            .enumerate()
            .map(|(at, text)| EventPattern::parse(text).map_err(|error| (Some(at), error)))
            .collect::<Result<Vec<_>, _>>()?;
        Self::new(patterns).map_err(|error| (None, error))
    }

    /// Whether events of this type are meant.
    pub fn matches(&self, event: &EventType) -> bool {
        self.0.iter().any(|pattern| pattern.matches(event))
    }

    /// The patterns in the order in which they were given.
    pub fn patterns(&self) -> &[EventPattern] {
        &self.0
    }
}

fn check_name(name: &str) -> Result<(), EventTypeError> {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if name.is_empty() {
        Err(EventTypeError::Empty)
    } else if name.chars().count() > EVENT_TYPE_MAX {
        Err(EventTypeError::TooLong)
    } else if !name.split('.').all(is_part) {
        Err(EventTypeError::Malformed)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str) -> EventType {
        EventType::parse(name).unwrap()
    }

    #[test]
    fn names_are_parts_joined_by_dots() {
        for name in ["booking.created", "webhooks.test_notification", "a.b.c", "ping", "V2.x_1"] {
            assert_eq!(event(name).as_str(), name);
        }
        for name in [".", "a.", ".a", "a..b", "a b", "a-b", "é", "booking.*", "a\n", "a/b"] {
            assert_eq!(EventType::parse(name), Err(EventTypeError::Malformed), "{name}");
        }
        assert_eq!(EventType::parse(""), Err(EventTypeError::Empty));
        assert!(EventType::parse(&"a".repeat(100)).is_ok());
        assert_eq!(EventType::parse(&"a".repeat(101)), Err(EventTypeError::TooLong));
    }

    #[test]
    fn a_star_stands_for_all_types_of_a_resource() {
        let pattern = EventPattern::parse("booking.*").unwrap();
        for (name, meant) in [
            ("booking.created", true),
            ("booking.a.b", true),
            ("booking", false),
            ("bookings.creation", false),
        ] {
            assert_eq!(pattern.matches(&event(name)), meant, "{name}");
        }
        for text in ["*", "*.created", "booking*", "booking.*.x", "booking.**", "boo*.x"] {
            assert_eq!(EventPattern::parse(text), Err(EventTypeError::MisplacedStar), "{text}");
        }
        assert_eq!(EventPattern::parse(".*"), Err(EventTypeError::Empty));
    }

    #[test]
    fn names_print_as_they_are() {
        let (kind, pattern) = (event("booking.created"), EventPattern::parse("booking.*").unwrap());
        assert_eq!(
            (kind.to_string(), format!("{kind:?}")),
            ("booking.created".into(), "booking.created".into())
        );
        assert_eq!((pattern.to_string(), pattern.as_str()), ("booking.*".into(), "booking.*"));
    }

    #[test]
    fn duplicates_fold_and_keep_the_first() {
        let subscription = Subscription::parse(["b.x", "a.*", "b.x", "a.*"]).unwrap();
        let texts: Vec<_> = subscription.patterns().iter().map(EventPattern::as_str).collect();
        assert_eq!(texts, ["b.x", "a.*"]);
        assert!(subscription.matches(&event("a.anything")));
        assert!(!subscription.matches(&event("b.y")));
        assert_eq!(Subscription::parse([]), Err((None, EventTypeError::NoPattern)));
        assert_eq!(Subscription::parse(["a", "b!"]), Err((Some(1), EventTypeError::Malformed)));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = EventType::parse(&text);
            let _ = EventPattern::parse(&text);
        }

        #[test]
        fn every_type_matches_itself_and_its_resource(a in "[a-z_0-9]{1,9}", b in "[A-Za-z]{1,9}(\\.[a-z]{1,4})?") {
            let name = event(&format!("{a}.{b}"));
            prop_assert!(EventPattern::from(&name).matches(&name));
            let resource = EventPattern::parse(&format!("{a}.*")).unwrap();
            prop_assert!(resource.matches(&name));
        }
    }
}
