//! Texts with placeholders, such as `{timestamp}.{eventId}.{body}`.

use crate::nearest::did_you_mean;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    WebhookId,
    EventId,
    EventType,
    PropertyId,
    /// Unix seconds of the attempt.
    Timestamp,
    RequestId,
    /// The bytes of the body: in what is signed only.
    Body,
    /// The encoded signature: in the value of its header only.
    Signature,
}

impl Slot {
    /// What every text of a request may hold.
    pub(crate) const FACTS: &[Self] = &[
        Self::WebhookId,
        Self::EventId,
        Self::EventType,
        Self::PropertyId,
        Self::Timestamp,
        Self::RequestId,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::WebhookId => "webhookId",
            Self::EventId => "eventId",
            Self::EventType => "eventType",
            Self::PropertyId => "propertyId",
            Self::Timestamp => "timestamp",
            Self::RequestId => "requestId",
            Self::Body => "body",
            Self::Signature => "signature",
        }
    }
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

/// A part of such a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Slot(Slot),
}

impl Template {
    /// Reads a text in which these placeholders may stand.
    pub(crate) fn parse(text: &str, allowed: &[Slot]) -> Result<Self, String> {
        let slot = |name: &str| {
            allowed.iter().copied().find(|slot| slot.name() == name).ok_or_else(|| {
                let names: Vec<_> = allowed.iter().map(|slot| format!("{{{}}}", slot.name())).collect();
                let meant = did_you_mean(name, allowed.iter().map(|slot| slot.name()));
                format!("{{{name}}} is no placeholder here{meant} (there are {})", names.join(", "))
            })
        };
        let parts =
            split(text).map_err(|Stray| "has a brace without its other half: remove it".to_owned())?;
        let pieces = parts.into_iter().map(|part| match part {
            Part::Literal(text) => Ok(Piece::Literal(text.to_owned())),
            Part::Name(name) => slot(name).map(Piece::Slot),
        });
        Ok(Self(pieces.collect::<Result<_, _>>()?))
    }

    /// Its parts in order.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Whether the placeholder stands in it.
    pub(crate) fn holds(&self, slot: Slot) -> bool {
        self.0.contains(&Piece::Slot(slot))
    }

    /// The text itself, where there is no placeholder in it.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// A part of a text: what stands between braces, or what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Literal(&'a str),
    Name(&'a str),
}

/// A brace without its other half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stray;

/// Takes a text apart at its braces.
pub(crate) fn split(text: &str) -> Result<Vec<Part<'_>>, Stray> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or(Stray)?;
        if before.contains('}') || name.contains('{') {
            return Err(Stray);
        }
        if !before.is_empty() {
            parts.push(Part::Literal(before));
        }
        parts.push(Part::Name(name));
        rest = behind;
    }
    if rest.contains('}') {
        return Err(Stray);
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_taken_apart() {
        let template = Template::parse("t={timestamp},v1={eventId}", Slot::FACTS).unwrap();
        assert_eq!(
            template.pieces(),
            [
                Piece::Literal("t=".into()),
                Piece::Slot(Slot::Timestamp),
                Piece::Literal(",v1=".into()),
                Piece::Slot(Slot::EventId)
            ]
        );
        assert_eq!(Template::parse("x", &[]).unwrap().literal(), Some("x"));
    }

    #[test]
    fn unknown_placeholders_and_stray_braces_are_refused() {
        let error = Template::parse("{eventid}", Slot::FACTS).unwrap_err();
        assert!(error.contains("did you mean `eventId`?") && error.contains("{webhookId}"), "{error}");
        assert!(Template::parse("{body}", Slot::FACTS).is_err());
        for stray in ["{", "}", "a}b", "{a", "{a{b}", "}{", "{timestamp}}"] {
            assert!(Template::parse(stray, Slot::FACTS).is_err(), "{stray}");
        }
    }

    proptest! {
        /// Nothing of a text is lost or added.
        #[test]
        fn parts_make_up_the_text(text in "[a{}]{0,12}") {
            let Ok(parts) = split(&text) else { return Ok(()) };
            let again: String = parts.iter().map(|part| match part {
                Part::Literal(text) => (*text).to_owned(),
                Part::Name(name) => format!("{{{name}}}"),
            }).collect();
            prop_assert_eq!(again, text);
        }
    }
}
