//! `PATCH /public/v1/webhooks/{id}`: changes what is named, all or nothing.

use axum::extract::{Request, State};
use axum::response::Response;
use stayhook_core::{Held, JSON_DEPTH_LIMIT, Json, StatusChange, WebhookChange, WebhookId};
use stayhook_store::{Patch, Registered};

use super::view::WebhookView;
use super::{members, schema, wiring};
use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem, Subject};
use crate::fields::{Fields, Wrong, boolean, text};
use crate::openapi::{Answer, Body, Header, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Api, Shared, answer, body, etag};

pub(super) const OPERATION: Operation = Operation {
    summary: "Change a webhook",
    details: "Changes what is named, all or nothing. Another `url` applies to every attempt not yet started and \
        brings pending retries forward; `events` cancels pending deliveries of types that are dropped; \
        `status: active` resumes and reactivates.",
    scopes: &[ScopeName::WebhooksWrite],
    headers: &[etag::IF_MATCH_PARAMETER],
    body: Some(Body { schema: || Schema::of(&schema::CHANGE), subject: Subject::Webhook }),
    answers: &[
        Answer::json(200, "The webhook as it is now.", || Schema::of(&schema::WEBHOOK)).with(&[Header::ETag])
    ],
    problems: &[Code::InvalidState, Code::PreconditionFailed],
    ..Operation::new(Verb::Patch, "/public/v1/webhooks/{webhook}", Tag::Webhooks, "changeWebhook")
};

pub(super) async fn change(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, request.uri().query()).finish_for(Subject::Webhook)?;
    let id = path.webhook()?;
    let by = super::by(&caller, request.headers());
    let json = body::json(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?;
    let patch = read(&api, &caller, id, json).await?;
    let webhook = api.state.engine.change_webhook(caller.scope(), id, patch, by).await?;
    Ok(etag::tagged(answer::ok(&WebhookView::of(&webhook)), &webhook))
}

async fn read(api: &Api, caller: &Caller, id: WebhookId, json: Json) -> Result<Patch, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Webhook, errors);
    let profiles = api.state.engine.profiles();
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let url = fields.given("url", text);
    let events = fields.given("events", Ok);
    let change = WebhookChange {
        url,
        events: events.and_then(|json| members::events(&mut fields, json, &api.state.engine.catalogue())),
        description: fields.given("description", members::description),
        status: status(&mut fields),
        include_custom_parameters: fields.given("includeCustomParameters", boolean),
        skip_own: fields.given("skipOwn", boolean),
        ordering: fields.given("ordering", members::ordering),
        profile: fields.given("profile", |json| members::profile(json, profiles)),
        shadow_profile: fields.given("shadowProfile", |json| members::shadow_profile(json, profiles)),
    };
    let auth = fields.given("auth", Ok);
    let wired = change.url.is_some() || change.profile.is_some() || auth.is_some();
    let credentials = if wired {
        let stored = stored(api, caller, id).await?;
        wiring::changed(api, &mut fields, &stored, &change, auth)
    } else {
        None
    };
    let wrong = fields.finish();
    let patch = Patch { change, credentials };
    if wrong.is_empty() { Ok(patch) } else { Err(invalid(wrong)) }
}

/// The webhook as it is, with its credentials.
async fn stored(api: &Api, caller: &Caller, id: WebhookId) -> Result<Registered, Problem> {
    let found = api.store().registered(&[id]).await?.pop();
    let found = found.filter(|it| caller.scope().sees(&it.webhook.client, it.webhook.property));
    found.ok_or_else(|| Problem::no_such("webhook"))
}

enum Asked {
    Active,
    Paused,
}

fn status(fields: &mut Fields) -> Option<StatusChange> {
    let status = fields.given("status", |json| match text(json)?.as_str() {
        "active" => Ok(Asked::Active),
        "paused" => Ok(Asked::Paused),
        _ => Err(Wrong::Borrowed("must be active or paused")),
    });
    let held = fields.given("held", read_held);
    match (status, held) {
        (Some(Asked::Active), held) => Some(StatusChange::Activate(held.unwrap_or_default())),
        (status, Some(_)) => {
            fields.refuse("held", "is allowed only together with `status: active`");
            status.map(|_| StatusChange::Pause)
        }
        (Some(Asked::Paused), None) => Some(StatusChange::Pause),
        (None, None) => None,
    }
}

/// What is to become of held deliveries.
pub(crate) fn read_held(json: Json) -> Result<Held, Wrong> {
    match text(json)?.as_str() {
        "deliver" => Ok(Held::Deliver),
        "latest" => Ok(Held::Latest),
        "discard" => Ok(Held::Discard),
        _ => Err(Wrong::Borrowed("must be deliver, latest or discard")),
    }
}
