//! The event types of a profile, for people who choose what to subscribe to.

use std::collections::BTreeMap;

use stayhook_core::{EventKind, EventType, Span};

use crate::ProfileError;
use crate::read::{Field, Section};

/// A type of a profile's catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownType {
    /// Name, label and description.
    pub kind: EventKind,
    /// What it happens to, in the platform's own words (`Check-In`): `{resource}` in a body.
    pub resource: Option<String>,
    /// What happens (`On Check-in`): `{trigger}` in a body.
    pub trigger: Option<String>,
    /// Of events of this type with one key (the booking id), those within so long are one: the
    /// newest is sent, the others are superseded.
    pub coalesce: Option<Span>,
}

/// All of them, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EventTypes(BTreeMap<EventType, KnownType>);

impl EventTypes {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ProfileError> {
        let mut types = BTreeMap::new();
        for (name, field) in section.fields() {
            let name = EventType::parse(name).map_err(|error| field.error(error.to_string()))?;
            if !field.is_removed() {
                types.insert(name.clone(), KnownType::read(name, &field)?);
            }
        }
        Ok(Self(types))
    }

    pub(crate) fn get(&self, name: &EventType) -> Option<&KnownType> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &KnownType> {
        self.0.values()
    }

    /// What an event of this type happened to: the catalogue's word, else the first part of the name.
    pub(crate) fn resource<'a>(&'a self, name: &'a EventType) -> &'a str {
        let known = self.get(name).and_then(|known| known.resource.as_deref());
        known.unwrap_or_else(|| name.as_str().split_once('.').map_or(name.as_str(), |(first, _)| first))
    }

    /// What happened to it: the catalogue's word, else what follows the first dot of the name.
    pub(crate) fn trigger<'a>(&'a self, name: &'a EventType) -> &'a str {
        let known = self.get(name).and_then(|known| known.trigger.as_deref());
        known.unwrap_or_else(|| name.as_str().split_once('.').map_or("", |(_, rest)| rest))
    }
}

impl KnownType {
    fn read(name: EventType, field: &Field<'_>) -> Result<Self, ProfileError> {
        let section = field
            .section("a table such as { label = \"…\", description = \"…\" }, or false for none")?
            .only(&["label", "description", "resource", "trigger", "coalesce"])?;
        let text = |key| section.get(key).map(|it| it.text("a text").map(str::to_owned)).transpose();
        let (resource, trigger) = (text("resource")?, text("trigger")?);
        let pair = resource.as_ref().zip(trigger.as_ref()).map(|(it, what)| format!("{it}: {what}"));
        let label = text("label")?.or(pair).unwrap_or_else(|| name.as_str().to_owned());
        let description = text("description")?.unwrap_or_default();
        let coalesce = section.get("coalesce");
        let coalesce = coalesce.map(|it| it.span(Span::millis(1), Span::hours(1))).transpose()?;
        Ok(Self { kind: EventKind { name, label, description, schema: None }, resource, trigger, coalesce })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<EventTypes, String> {
        let table: toml::Table = text.parse().unwrap();
        EventTypes::read(&Section::root(&table)).map_err(|error| error.to_string())
    }

    #[test]
    fn types_have_words_for_people() {
        let text = "'check_in.on_check_in' = { resource = 'Check-In', trigger = 'On Check-in', coalesce = '5s' }\n\
                    'a.b.c' = {}\ngone = false";
        let types = read(text).unwrap();
        let name = EventType::parse("check_in.on_check_in").unwrap();
        let known = types.get(&name).unwrap();
        assert_eq!(known.kind.label, "Check-In: On Check-in");
        assert_eq!(known.coalesce, Some(Span::seconds(5)));
        assert_eq!((types.resource(&name), types.trigger(&name)), ("Check-In", "On Check-in"));
        let plain = EventType::parse("a.b.c").unwrap();
        assert_eq!((types.resource(&plain), types.trigger(&plain)), ("a", "b.c"));
        assert_eq!(types.iter().len(), 2);
    }

    #[test]
    fn what_is_no_type_is_refused() {
        assert!(read("'a b' = {}").unwrap_err().starts_with("\"a b\": an event type is made of letters"));
        assert!(read("'a.b' = { colour = 'x' }").unwrap_err().contains("\"a.b\".colour: unknown key"));
        assert!(read("'a.b' = true").unwrap_err().contains("expected a table"));
    }
}
