//! `POST /internal/v1/events`: reports one event. The 202 means that it is durable.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use stayhook_core::{IdempotencyKey, JSON_DEPTH_LIMIT, Json};

use super::{members, schema};
use crate::auth::{Internal, ScopeName};
use crate::error::{Code, Problem, Subject};
use crate::openapi::{Answer, Body, Operation, Parameter, Schema, Tag, Verb};
use crate::{Shared, answer, body};

pub(super) const OPERATION: Operation = Operation {
    summary: "Report an event",
    details: "What is acknowledged is durable: it is delivered to the webhooks that the property has now.",
    scopes: &[ScopeName::EventsWrite],
    headers: &[Parameter {
        name: "Idempotency-Key",
        description: "Stands for the member `idempotencyKey`; where both are given they must agree.",
        schema: schema::idempotency_key,
    }],
    body: Some(Body { schema: || Schema::of(&schema::NEW), subject: Subject::Request }),
    answers: &[
        Answer::json(200, "The same key came before with the same content.", || Schema::of(&schema::RECEIPT)),
        Answer::json(202, "It is accepted and durable.", || Schema::of(&schema::RECEIPT)),
    ],
    problems: &[Code::NotFound, Code::IdempotencyConflict],
    ..Operation::new(Verb::Post, "/internal/v1/events", Tag::Events, "reportEvent")
};

/// The header that stands for the member `idempotencyKey`.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) async fn enqueue(
    State(api): State<Shared>,
    internal: Internal,
    request: Request,
) -> Result<Response, Problem> {
    let caller = internal.caller();
    caller.needs(OPERATION.scopes)?;
    let key = header_key(request.headers())?;
    let body = body::large(request, api.state.limits.event_bytes, &api.room).await?;
    let json = Json::parse(&body.bytes, JSON_DEPTH_LIMIT)?;
    let event = members::read(&api, caller, (&body.bytes, json), String::new(), key).await?;
    internal.reports(&api, 1)?;
    let receipt = members::receipt(api.state.engine.enqueue(vec![event]).await?.pop())?;
    Ok(if receipt.is_duplicate() { answer::ok(&receipt) } else { answer::accepted(&receipt) })
}

fn header_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refused = |detail: &'static str| Problem::invalid_field(Subject::Request, "/idempotencyKey", detail);
    if values.any(|other| other != value) {
        return Err(refused("comes in several headers Idempotency-Key: send one"));
    }
    let key = str::from_utf8(value.as_bytes()).ok().and_then(|text| IdempotencyKey::parse(text).ok());
    let key =
        key.ok_or_else(|| refused("in the header Idempotency-Key must be a text of 1 to 255 characters"))?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_in_one_header() {
        let with = |values: &[&'static [u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, axum::http::HeaderValue::from_bytes(value).unwrap());
            }
            header_key(&headers).map(|key| key.map(|key| key.as_str().to_owned())).ok()
        };
        assert_eq!(with(&[]), Some(None));
        assert_eq!(with(&[b"k-1"]), Some(Some("k-1".to_owned())));
        assert_eq!(with(&[b"k-1", b"k-1"]), Some(Some("k-1".to_owned())));
        for bad in [&[&b""[..]][..], &[b"a", b"b"], &[b"\xff"], &[&[b'k'; 256]]] {
            assert_eq!(with(bad), None, "{bad:?}");
        }
    }
}
