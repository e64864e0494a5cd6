//! `POST /public/v1/webhooks/{id}/rotate-secret`: another signing secret, shown this once.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use stayhook_core::{JSON_DEPTH_LIMIT, Json, Span};

use super::schema;
use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem, Subject};
use crate::fields::{Fields, Wrong, text};
use crate::openapi::{Answer, Body, Component, Header, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Shared, answer, body, etag};

/// How long the old secret stays in use unless something else is asked for, and at most.
const USUAL_OVERLAP: Span = Span::hours(24);
const LONGEST_OVERLAP: Span = Span::days(7);

pub(super) const OPERATION: Operation = Operation {
    summary: "Rotate the signing secret",
    details: "For the `overlap` the documented signature is made with the old secret, and \
        `Nowistay-Webhook-Signature-Next` bears the new one's; then the new secret takes over. A second rotation \
        ends the first.",
    scopes: &[ScopeName::WebhooksWrite],
    headers: &[etag::IF_MATCH_PARAMETER],
    body: Some(Body { schema: || Schema::of(&REQUEST), subject: Subject::Request }),
    body_may_be_empty: true,
    answers: &[Answer::json(200, "The new secret.", || Schema::of(&RESULT)).with(&[Header::ETag])],
    problems: &[Code::PreconditionFailed],
    ..Operation::new(
        Verb::Post,
        "/public/v1/webhooks/{webhook}/rotate-secret",
        Tag::Webhooks,
        "rotateWebhookSecret",
    )
};

const REQUEST: Component = Component { name: "RotationRequest", schema: request };
const RESULT: Component = Component { name: "RotationResult", schema: result };

fn request() -> Schema {
    let overlap = Schema::text()
        .with("pattern", "^[0-9]+(ms|s|m|h|d)$")
        .with("default", USUAL_OVERLAP.to_string())
        .or_null()
        .says("How long the old secret stays in use: a whole number and `ms`, `s`, `m`, `h` or `d`, at most `7d`.");
    Schema::object().optional("overlap", overlap)
}

fn result() -> Schema {
    Schema::object().required("signingSecret", schema::secret()).required(
        "previousSecretExpiresAt",
        Schema::time()
            .example("2026-05-28T16:40:00.000Z")
            .says("From then on the new secret alone is in use."),
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RotationView<'a> {
    signing_secret: &'a str,
    previous_secret_expires_at: String,
}

pub(super) async fn rotate(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, request.uri().query()).finish()?;
    let id = path.webhook()?;
    let by = super::by(&caller, request.headers());
    let json = body::json_or_nothing(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?;
    let overlap = read(json)?;
    let rotated = api.state.engine.rotate_secret(caller.scope(), id, overlap, by).await?;
    let view = RotationView {
        signing_secret: rotated.secret.expose(),
        previous_secret_expires_at: rotated.previous_expires_at.rfc3339_millis(),
    };
    Ok(etag::tagged(answer::ok(&view), &rotated.webhook))
}

fn read(json: Json) -> Result<Span, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let asked = fields.optional("overlap", overlap);
    let wrong = fields.finish();
    if wrong.is_empty() { Ok(asked.unwrap_or(USUAL_OVERLAP)) } else { Err(invalid(wrong)) }
}

fn overlap(json: Json) -> Result<Span, Wrong> {
    let span = Span::parse(&text(json)?).map_err(|error| Wrong::from(error.to_string()))?;
    if span <= LONGEST_OVERLAP {
        Ok(span)
    } else {
        Err(format!("must be from 0s to {LONGEST_OVERLAP}").into())
    }
}
