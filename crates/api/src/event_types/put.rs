//! `PUT /admin/v1/event-types/{name}`: adds an event type, or replaces what is known about one.

use axum::extract::{Request, State};
use axum::response::Response;
use stayhook_core::{EventKind, EventType, JSON_DEPTH_LIMIT, Json};

use super::schema::DataSchema;
use super::view::{EVENT_TYPE, KindView};
use crate::admin::Administrator;
use crate::auth::ScopeName;
use crate::error::{Code, FieldError, Problem, Subject};
use crate::fields::{Fields, Wrong, text};
use crate::openapi::{Answer, Body, Component, Operation, Routes, Schema, Tag, Verb};
use crate::path::Path;
use crate::{Shared, answer, body};

const OPERATION: Operation = Operation {
    summary: "Add an event type",
    details: "In place of one of the same name, built-in ones included: what is left out is as if it were new. With a \
        `schema`, events of the type whose `data` does not fit it are refused from now on.",
    scopes: &[ScopeName::Admin],
    body: Some(Body { schema: || Schema::of(&NEW), subject: Subject::Request }),
    answers: &[Answer::json(200, "The event type as it is now.", || Schema::of(&EVENT_TYPE))],
    problems: &[Code::NotFound],
    ..Operation::new(Verb::Put, "/admin/v1/event-types/{type}", Tag::Administration, "putEventType")
};

const NEW: Component = Component { name: "NewEventType", schema: new };

/// The most characters of a label.
const MOST_LABEL: usize = 120;
/// The most characters of a description.
const MOST_DESCRIPTION: usize = 1_000;

fn new() -> Schema {
    let schema = "A JSON Schema of `data`: draft 2020-12 unless `$schema` names an earlier one. At most 64 KiB; a \
        `$ref` leads to a part of the schema and not back into itself; regular expressions have no look-around \
        and no back-references; `format` is not asserted.";
    Schema::object()
        .optional(
            "label",
            Schema::text_of(1, MOST_LABEL).or_null().says("A short name in words; the name unless given."),
        )
        .optional(
            "description",
            Schema::text().with("maxLength", MOST_DESCRIPTION as i64).or_null().says("When it happens."),
        )
        .optional("schema", Schema::any_object().or_null().says(schema))
}

pub(crate) fn routes() -> Routes {
    Routes::new().add(&OPERATION, put)
}

async fn put(
    State(api): State<Shared>,
    administrator: Administrator,
    path: Path,
    request: Request,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    administrator.needs_everything("event type")?;
    let name = name(&path)?;
    let kind = read(name, body::json(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?)?;
    let shown = answer::ok(&KindView::of(&kind));
    api.state.engine.put_event_type(kind, administrator.by()).await?;
    Ok(shown)
}

fn name(path: &Path) -> Result<EventType, Problem> {
    EventType::parse(path.text("type"))
        .map_err(|error| Problem::invalid_field(Subject::Request, "/type", format!("in the path: {error}")))
}

fn read(name: EventType, json: Json) -> Result<EventKind, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let label = fields.optional("label", |json| words(json, 1, MOST_LABEL));
    let description = fields.optional("description", |json| words(json, 0, MOST_DESCRIPTION));
    let schema = fields.optional("schema", Ok);
    let mut wrong = fields.finish();
    if let Some(Err(error)) = schema.as_ref().map(DataSchema::compile) {
        wrong.push(FieldError { pointer: format!("/schema{}", error.pointer), detail: error.detail.into() });
    }
    if !wrong.is_empty() {
        return Err(invalid(wrong));
    }
    let label = label.unwrap_or_else(|| name.to_string());
    Ok(EventKind { name, label, description: description.unwrap_or_default(), schema })
}

/// Text of a bounded length that prints in one paragraph.
fn words(json: Json, least: usize, most: usize) -> Result<String, Wrong> {
    let text = text(json)?;
    let fits = (least..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        Ok(text)
    } else {
        Err(format!("must be a text of {least} to {most} characters without control characters").into())
    }
}
