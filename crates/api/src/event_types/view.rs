//! An event type as it is shown.

use serde::Serialize;
use serde_json::value::RawValue;
use stayhook_core::EventKind;

use crate::openapi::{Component, Schema, shapes};

/// An entry of the catalogue.
pub(super) const EVENT_TYPE: Component = Component { name: "EventType", schema: event_type };

fn event_type() -> Schema {
    Schema::object()
        .required("name", shapes::event_type())
        .required("label", Schema::text().says("A short name in words."))
        .required("description", Schema::text().says("When it happens."))
        .optional(
            "schema",
            Schema::any_object().says("A JSON Schema that `data` is held against, where there is one."),
        )
}

/// An entry as JSON.
#[derive(Serialize)]
pub(super) struct KindView<'a> {
    name: &'a str,
    label: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Box<RawValue>>,
}

impl<'a> KindView<'a> {
    pub(super) fn of(kind: &'a EventKind) -> Self {
        let schema = kind.schema.as_ref().and_then(|schema| {
            let text = String::from_utf8(schema.to_stable_bytes()).ok()?;
            RawValue::from_string(text).ok()
        });
        Self { name: kind.name.as_str(), label: &kind.label, description: &kind.description, schema }
    }
}
