//! `POST /public/v1/webhooks/{id}/test`: one attempt, at once, to see the receiver work.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use stayhook_core::{EventType, JSON_DEPTH_LIMIT, Json};
use stayhook_engine::Tested;

use crate::auth::{Caller, ScopeName};
use crate::error::{Problem, Subject};
use crate::fields::{Fields, Wrong, text};
use crate::openapi::{Answer, Body, Component, Operation, Schema, Tag, Verb, shapes};
use crate::path::Path;
use crate::query::Query;
use crate::{Api, Shared, answer, body};

pub(super) const OPERATION: Operation = Operation {
    summary: "Send a test event",
    details: "Makes one attempt, fully signed, and says how it went. No retry, no row in the log, no effect on the \
        webhook's health; works when it is paused or disabled, for types that it is not subscribed to, and for a \
        property that is not entitled. `data` is `{test: true, message}`, or under `booking.*` a booking with id 0 \
        and status `test`. A few at once; more are answered 429.",
    scopes: &[ScopeName::WebhooksWrite],
    body: Some(Body { schema: || Schema::of(&REQUEST), subject: Subject::Request }),
    body_may_be_empty: true,
    answers: &[Answer::json(200, "How the attempt went.", || Schema::of(&RESULT))],
    ..Operation::new(Verb::Post, "/public/v1/webhooks/{webhook}/test", Tag::Webhooks, "testWebhook")
};

const REQUEST: Component = Component { name: "TestRequest", schema: request };
const RESULT: Component = Component { name: "TestResult", schema: result };

fn request() -> Schema {
    let kind = shapes::event_type().or_null().says(
        "A known event type; unless given that of the webhook's profile, which is `webhooks.test_notification` \
         if it does not say otherwise.",
    );
    Schema::object().optional("type", kind)
}

fn result() -> Schema {
    Schema::object()
        .required("delivered", Schema::boolean().says("Whether the receiver accepted it."))
        .required("eventId", shapes::event_id())
        .required(
            "status",
            Schema::whole(100, 999).or_null().says("The receiver's status, where it answered."),
        )
        .required("durationMs", Schema::count())
        .required("error", Schema::text().or_null().says("What went wrong, in words."))
        .required("responseBody", Schema::text().or_null().says("The first KiB of the receiver's answer."))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestView {
    delivered: bool,
    event_id: String,
    status: Option<u16>,
    duration_ms: u64,
    error: Option<String>,
    response_body: Option<String>,
}

pub(super) async fn test(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, request.uri().query()).finish()?;
    let id = path.webhook()?;
    let json = body::json_or_nothing(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?;
    let kind = read(&api, json)?;
    let tested = api.state.engine.test(caller.scope(), id, kind.as_ref()).await?;
    Ok(answer::ok(&TestView::of(&tested)))
}

fn read(api: &Api, json: Json) -> Result<Option<EventType>, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let asked = fields.optional("type", |json| known(api, &text(json)?));
    let wrong = fields.finish();
    if wrong.is_empty() { Ok(asked) } else { Err(invalid(wrong)) }
}

fn known(api: &Api, name: &str) -> Result<EventType, Wrong> {
    let kind = EventType::parse(name).map_err(|error| Wrong::from(error.to_string()))?;
    if api.state.engine.catalogue().knows(&kind) {
        Ok(kind)
    } else {
        Err(Wrong::Borrowed("is not a known event type: GET /public/v1/event-types lists them"))
    }
}

impl TestView {
    fn of(tested: &Tested) -> Self {
        Self {
            delivered: tested.delivered,
            event_id: tested.event.to_string(),
            status: tested.status,
            duration_ms: tested.duration.as_millis(),
            error: tested.error.clone(),
            response_body: tested.status.map(|_| String::from_utf8_lossy(&tested.body).into_owned()),
        }
    }
}
