//! `PATCH /admin/v1/webhooks/{id}`: pauses, disables or reactivates any client's webhook.

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use stayhook_core::{Held, JSON_DEPTH_LIMIT, Json, StatusChange, WebhookChange};
use stayhook_engine::By;
use stayhook_store::Patch;

use super::view::{self, AdminWebhookView};
use crate::admin::Administrator;
use crate::auth::ScopeName;
use crate::error::{Code, Problem, Subject};
use crate::fields::{Fields, Wrong, text};
use crate::openapi::{Answer, Body, Component, Header, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Shared, answer, body, etag, webhooks};

pub(super) const OPERATION: Operation = Operation {
    summary: "Pause, disable or reactivate a webhook of any client",
    details: "`disabled` cancels what waits; its `reason` is shown to the owner as `disabledReason`.",
    scopes: &[ScopeName::Admin],
    headers: &[etag::IF_MATCH_PARAMETER],
    body: Some(Body { schema: || Schema::of(&CHANGE), subject: Subject::Request }),
    answers: &[
        Answer::json(200, "The webhook as it is now.", || Schema::of(&view::WEBHOOK)).with(&[Header::ETag])
    ],
    problems: &[Code::InvalidState, Code::PreconditionFailed],
    ..Operation::new(Verb::Patch, "/admin/v1/webhooks/{webhook}", Tag::Administration, "adminChangeWebhook")
};

const CHANGE: Component = Component { name: "StatusChange", schema: change_schema };

/// The most characters of a reason.
const MOST_REASON: usize = 200;
/// The reason where none is given.
const NO_REASON: &str = "disabled by an administrator";

fn change_schema() -> Schema {
    Schema::object()
        .required("status", webhooks::status())
        .optional(
            "reason",
            Schema::text_of(1, MOST_REASON)
                .says(format!("With `status: disabled`; \"{NO_REASON}\" unless given.")),
        )
        .optional("held", webhooks::held())
}

pub(super) async fn change(
    State(api): State<Shared>,
    administrator: Administrator,
    path: Path,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let id = path.webhook()?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let by = By { versions: etag::versions(request.headers()), ..administrator.by() };
    let status = read(body::json(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?)?;
    let change = WebhookChange { status: Some(status), ..WebhookChange::default() };
    let patch = Patch { change, ..Patch::default() };
    let webhook = api.state.engine.change_webhook(administrator.scope(), id, patch, by).await?;
    Ok(etag::tagged(answer::ok(&AdminWebhookView::of(&webhook)), &webhook))
}

enum Asked {
    Active,
    Paused,
    Disabled,
}

fn read(json: Json) -> Result<StatusChange, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let status = fields.required("status", |json| match text(json)?.as_str() {
        "active" => Ok(Asked::Active),
        "paused" => Ok(Asked::Paused),
        "disabled" => Ok(Asked::Disabled),
        _ => Err(Wrong::Borrowed("must be active, paused or disabled")),
    });
    let reason = fields.given("reason", reason);
    let held = fields.given("held", webhooks::read_held);
    if reason.is_some() && !matches!(status, None | Some(Asked::Disabled)) {
        fields.refuse("reason", "is allowed only together with `status: disabled`");
    }
    if held.is_some() && !matches!(status, None | Some(Asked::Active)) {
        fields.refuse("held", "is allowed only together with `status: active`");
    }
    let wrong = fields.finish();
    match status {
        Some(status) if wrong.is_empty() => Ok(asked(&status, reason, held)),
        _ => Err(invalid(wrong)),
    }
}

fn asked(status: &Asked, reason: Option<String>, held: Option<Held>) -> StatusChange {
    match status {
        Asked::Active => StatusChange::Activate(held.unwrap_or_default()),
        Asked::Paused => StatusChange::Pause,
        Asked::Disabled => StatusChange::Disable(reason.unwrap_or_else(|| NO_REASON.to_owned())),
    }
}

/// An administrator's words for the owner. `failing` is what the 72-hour rule says, `gone` what a
/// receiver that wants nothing more leads to.
fn reason(json: Json) -> Result<String, Wrong> {
    let text = text(json)?;
    let fits = (1..=MOST_REASON).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !fits {
        return Err(
            format!("must be a text of 1 to {MOST_REASON} characters without control characters").into()
        );
    }
    let taken = matches!(text.as_str(), "failing" | "gone");
    if taken { Err("is what the engine itself says: use other words".into()) } else { Ok(text) }
}
