//! `POST /public/v1/webhooks/{id}/recover`: sends again what was given up or missed.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use stayhook_core::{JSON_DEPTH_LIMIT, Json, Span, UnixMs};
use stayhook_store::{Recover, Recovered};

use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem, Subject};
use crate::fields::{Fields, Wrong, must_be, text};
use crate::openapi::{Answer, Body, Component, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Shared, answer, body, times};

pub(super) const OPERATION: Operation = Operation {
    summary: "Recover deliveries",
    details: "Requeues deliveries of events accepted in a window, in that order, each at most once and under its own \
        event id: `failed` are those that were cancelled or expired, but for `superseded` ones, `missed` those that \
        were skipped while the webhook was disabled. What would end at once again stays as it is, and is counted by itself. The webhook must \
        be active.",
    scopes: &[ScopeName::WebhooksWrite],
    body: Some(Body { schema: || Schema::of(&REQUEST), subject: Subject::Request }),
    answers: &[Answer::json(202, "They are on their way.", || Schema::of(&RESULT))],
    problems: &[Code::InvalidState],
    ..Operation::new(Verb::Post, "/public/v1/webhooks/{webhook}/recover", Tag::Webhooks, "recoverDeliveries")
};

const REQUEST: Component = Component { name: "RecoverRequest", schema: request };
const RESULT: Component = Component { name: "RecoverResult", schema: result };

fn request() -> Schema {
    let include = Schema::array(Schema::one_of(["failed", "missed"]))
        .with("minItems", 1)
        .or_null()
        .says("Which of them; both unless given.");
    Schema::object()
        .required("since", Schema::time().says("Of events accepted then or later."))
        .optional(
            "until",
            Schema::time().or_null().says("Of events accepted before; up to now unless given."),
        )
        .optional("include", include)
}

fn result() -> Schema {
    let stays = Schema::object()
        .optional(
            "unsubscribed",
            Schema::count().says("The webhook does not subscribe to their types any more."),
        )
        .optional("not_entitled", Schema::count().says("The property is not entitled."));
    Schema::object()
        .required("requeued", Schema::count().says("How many deliveries are on their way."))
        .optional(
            "notRequeued",
            stays.says("How many stay as they are, since they would end at once again, by reason."),
        )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecoverView {
    requeued: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_requeued: Option<StaysView>,
}

/// By the reason as deliveries bear it.
#[derive(Serialize)]
struct StaysView {
    #[serde(skip_serializing_if = "is_zero")]
    unsubscribed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    not_entitled: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RecoverView {
    fn of(recovered: Recovered) -> Self {
        let Recovered { requeued, unsubscribed, not_entitled } = recovered;
        let stays = StaysView { unsubscribed, not_entitled };
        Self { requeued, not_requeued: (unsubscribed + not_entitled > 0).then_some(stays) }
    }
}

pub(super) async fn recover(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, request.uri().query()).finish()?;
    let id = path.webhook()?;
    let by = super::by_caller(&caller);
    let json = body::json(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?;
    let recover = read(json, api.state.engine.now())?;
    let recovered = api.state.engine.recover(caller.scope(), id, recover, by).await;
    let recovered = recovered.map_err(|error| Problem::not_requeued(error, "webhook"))?;
    Ok(answer::accepted(&RecoverView::of(recovered)))
}

fn read(json: Json, now: UnixMs) -> Result<Recover, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let since = fields.required("since", time);
    let until = fields.optional("until", time);
    if since.zip(until).is_some_and(|(since, until)| until <= since) {
        fields.refuse("until", "must be later than since");
    }
    let include = fields.optional("include", Ok).and_then(|json| include(&mut fields, json));
    let (failed, missed) = include.unwrap_or((true, true));
    match (since, fields.finish()) {
        // What is accepted in this very millisecond has been accepted up to now.
        (Some(since), wrong) if wrong.is_empty() => {
            let until = until.unwrap_or(now.after(Span::millis(1)));
            // What the deployment says of entitlements is for the engine to add.
            Ok(Recover { since, until, failed, missed, entitled_by_default: true })
        }
        (_, wrong) => Err(invalid(wrong)),
    }
}

fn time(json: Json) -> Result<UnixMs, Wrong> {
    times::read(&text(json)?)
}

/// Whether what failed is meant, and what was missed. Every wrong item is named.
fn include(fields: &mut Fields, json: Json) -> Option<(bool, bool)> {
    let Json::Array(items) = json else {
        fields.refuse("include", must_be("an array", &json));
        return None;
    };
    let (mut failed, mut missed) = (false, false);
    if items.is_empty() {
        fields.refuse("include", "must name failed, missed, or both: leave it out for both");
    }
    for (at, item) in items.into_iter().enumerate() {
        match item.as_str() {
            Some("failed") => failed = true,
            Some("missed") => missed = true,
            _ => fields.refuse(&format!("include/{at}"), "must be failed or missed"),
        }
    }
    Some((failed, missed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(json: &str) -> Option<Recover> {
        read(Json::parse(json.as_bytes(), 8).unwrap(), UnixMs(1_779_900_000_000)).ok()
    }

    #[test]
    fn a_window_has_a_beginning_and_may_have_an_end() {
        let both = tried(r#"{"since":"2026-05-27T16:00:00Z"}"#).unwrap();
        assert_eq!((both.failed, both.missed, both.until), (true, true, UnixMs(1_779_900_000_001)));
        let one = tried(
            r#"{"since":"2026-05-27T16:00:00Z","until":"2026-05-27T16:00:00.001Z","include":["missed","missed"]}"#,
        );
        let one = one.unwrap();
        assert_eq!((one.failed, one.missed, one.until.since(one.since)), (false, true, Span::millis(1)));
        for bad in [
            "{}",
            "[]",
            r#"{"since":"yesterday"}"#,
            r#"{"since":1779900000}"#,
            r#"{"since":"2026-05-27T16:00:00Z","until":"2026-05-27T16:00:00Z"}"#,
            r#"{"since":"2026-05-27T16:00:00Z","include":[]}"#,
            r#"{"since":"2026-05-27T16:00:00Z","include":"failed"}"#,
            r#"{"since":"2026-05-27T16:00:00Z","include":["all"]}"#,
            r#"{"since":"2026-05-27T16:00:00Z","webhook":1}"#,
        ] {
            assert!(tried(bad).is_none(), "{bad}");
        }
    }
}
