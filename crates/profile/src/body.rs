//! The body of a request: the producer's bytes, or an envelope around its data.

mod template;

use bytes::Bytes;
use stayhook_core::{BookingId, EventId, EventType, Json, PropertyId, UnixMs};

use self::template::Node;
use crate::ProfileError;
use crate::event_types::EventTypes;
use crate::read::{Field, Section};
use crate::redaction::Redaction;

/// What a body tells of an event besides its data.
#[derive(Clone, Copy, Debug)]
pub struct EventFacts<'a> {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub kind: &'a EventType,
    /// When, written in whole seconds.
    pub created_at: UnixMs,
    /// At which property.
    pub property: PropertyId,
    /// To which booking, where it is about one.
    pub booking: Option<&'a BookingId>,
}

/// A body, composed once and sent in every attempt, to every webhook with the same profile
/// and the same choice of custom parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The bytes that are stored, signed and sent.
    pub body: Bytes,
    /// Whether the choice of custom parameters matters. Where it does not, the bodies with and
    /// without them are equal bytes, and need to be composed and stored once only.
    pub has_custom_parameters: bool,
}

/// How a profile makes bodies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// The producer's bytes, untouched.
    Verbatim,
    /// An envelope.
    Envelope {
        template: Node,
        /// Whether the data is written anew, so that JavaScript's parse-and-stringify gives the
        /// same bytes; else the producer's bytes stand in the envelope as they are.
        stable: bool,
    },
}

/// What a body is made from.
pub(crate) struct Source<'a> {
    pub(crate) facts: &'a EventFacts<'a>,
    pub(crate) types: &'a EventTypes,
    /// The data as it may leave.
    pub(crate) data: &'a Json,
    /// The data as the producer wrote it.
    pub(crate) raw: &'a [u8],
    pub(crate) stable: bool,
}

impl Body {
    /// Reads the section `body`: `"verbatim"` or a table.
    pub(crate) fn read(field: &Field<'_>) -> Result<Self, ProfileError> {
        const EXPECTED: &str = "\"verbatim\" or a table with an envelope";
        if field.value().is_str() {
            return field.word(&[("verbatim", ())]).map(|()| Self::Verbatim);
        }
        let section: Section<'_> = field.section(EXPECTED)?.only(&["envelope", "stable"])?;
        let stable = section.get("stable").map_or(Ok(true), |field| field.yes_or_no())?;
        let envelope = section.need("envelope", "a table of members, or \"{data}\"")?;
        Ok(Self::Envelope { template: Node::read(&envelope, stable)?, stable })
    }

    /// Whether the data leaves as the producer wrote it, so that nothing can be taken out of it.
    pub(crate) fn keeps_bytes(&self) -> bool {
        matches!(self, Self::Verbatim | Self::Envelope { stable: false, .. })
    }

    /// Composes the body of an event. `data` is `raw`, parsed.
    pub(crate) fn compose(
        &self,
        redaction: &Redaction,
        types: &EventTypes,
        facts: &EventFacts<'_>,
        (data, raw): (&Json, &[u8]),
        custom_parameters: bool,
    ) -> Composed {
        let Self::Envelope { template, stable } = self else {
            return Composed { body: Bytes::copy_from_slice(raw), has_custom_parameters: false };
        };
        let (data, has_custom_parameters) = redaction.apply(facts.kind, data, custom_parameters);
        let source = Source { facts, types, data: &data, raw, stable: *stable };
        let mut out = Vec::with_capacity(1024);
        if !template.write(&source, &mut out) {
            // The body is a member of the data that this event does not have.
            out.extend_from_slice(b"{}");
        }
        Composed { body: out.into(), has_custom_parameters }
    }
}

#[cfg(test)]
mod tests;
