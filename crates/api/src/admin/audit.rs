//! `GET /admin/v1/audit?action=&webhookId=&clientId=&since=&until=&limit=&cursor=`: who changed what,
//! newest first.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use stayhook_store::{Action, AuditFilter, AuditLine, Author, PageRequest};

use super::Administrator;
use crate::answer::{self, PageView};
use crate::auth::ScopeName;
use crate::error::{Code, Problem};
use crate::fields::Wrong;
use crate::openapi::{Answer, Component, Operation, Parameter, Routes, Schema, Tag, Verb, shapes};
use crate::query::{CURSOR, LIMIT, Query, client, webhook};
use crate::{Shared, cursor, times};

const OPERATION: Operation = Operation {
    summary: "Read the audit log",
    details: "Who changed what, when, from what to what, newest first. It holds no secrets and no payloads, and \
        nothing is ever deleted from it.",
    scopes: &[ScopeName::Admin],
    query: &[
        Parameter { name: "action", description: "Only of this kind.", schema: action_schema },
        Parameter { name: "webhookId", description: "Only about this webhook.", schema: shapes::webhook_id },
        Parameter { name: "clientId", description: "Only made by this client.", schema: shapes::client_id },
        Parameter { name: "since", description: "Only made then or later.", schema: Schema::time },
        Parameter { name: "until", description: "Only made before.", schema: Schema::time },
        LIMIT,
        CURSOR,
    ],
    answers: &[Answer::json(200, "A page of changes.", || Schema::of(&PAGE))],
    problems: &[Code::NotFound],
    ..Operation::new(Verb::Get, "/admin/v1/audit", Tag::Administration, "listAudit")
};

const CHANGE: Component = Component { name: "Change", schema: change };
const PAGE: Component = Component { name: "ChangePage", schema: || shapes::page(Schema::of(&CHANGE)) };

pub(super) fn routes() -> Routes {
    Routes::new().add(&OPERATION, list)
}

fn action_schema() -> Schema {
    Schema::one_of(Action::ALL.map(Action::as_str))
}

fn change() -> Schema {
    let actor = Schema::object()
        .required(
            "type",
            Schema::one_of(["client", "admin", "operator", "engine"]).says(
                "A caller of the public or internal API, an administrator, the command line, or the rules of delivery.",
            ),
        )
        .optional("clientId", shapes::client_id());
    let state = |when: &str| {
        Schema::any_object().or_null().says(format!("As it {when}: what changed, or all of it."))
    };
    Schema::object()
        .required("id", Schema::whole(1, stayhook_core::MAX_SAFE_INTEGER))
        .required("at", Schema::time().example("2026-05-27T16:40:00.000Z"))
        .required("actor", actor)
        .required("action", action_schema())
        .required(
            "subject",
            Schema::text()
                .says("The id of the webhook, delivery, property or token, or the name of the event type."),
        )
        .required("webhookId", shapes::webhook_id().or_null())
        .required("clientId", shapes::client_id().or_null().says("Whose webhook or token it is."))
        .required("before", state("was"))
        .required("after", state("is"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeView<'a> {
    id: i64,
    at: String,
    actor: ActorView<'a>,
    action: &'static str,
    subject: &'a str,
    webhook_id: Option<i64>,
    client_id: Option<&'a str>,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorView<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
}

async fn list(
    State(api): State<Shared>,
    administrator: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let mut query = Query::parse(OPERATION.query, query.as_deref());
    let filter = AuditFilter {
        action: query.take("action", action),
        webhook: query.take("webhookId", webhook),
        client: query.take("clientId", client),
        since: query.take("since", times::read),
        until: query.take("until", times::read),
    };
    let request = PageRequest { limit: query.limit(), after: query.take("cursor", cursor::change) };
    query.finish()?;
    administrator.sees(&api, filter.webhook, "webhook").await?;
    let page = api.store().audit(&filter, request).await?;
    Ok(answer::ok(&PageView {
        data: page.rows.iter().map(ChangeView::of).collect(),
        next_cursor: page.next.map(cursor::after_change),
    }))
}

fn action(text: &str) -> Result<Action, Wrong> {
    Action::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Action::ALL.iter().map(|it| it.as_str()).collect();
        format!("must be one of {}", known.join(", ")).into()
    })
}

impl<'a> ChangeView<'a> {
    fn of(line: &'a AuditLine) -> Self {
        let state = |text: &Option<String>| text.clone().and_then(|text| RawValue::from_string(text).ok());
        Self {
            id: line.id,
            at: line.at.rfc3339_millis(),
            actor: ActorView::of(&line.by),
            action: line.action.as_str(),
            subject: &line.subject,
            webhook_id: line.webhook.map(|id| id.0),
            client_id: line.owner.as_ref().map(stayhook_core::ClientId::as_str),
            before: state(&line.before),
            after: state(&line.after),
        }
    }
}

impl<'a> ActorView<'a> {
    fn of(author: &'a Author) -> Self {
        let (kind, client_id) = match author {
            Author::Client(client) => ("client", Some(client.as_str())),
            Author::Admin(client) => ("admin", Some(client.as_str())),
            Author::Operator => ("operator", None),
            Author::Engine => ("engine", None),
        };
        Self { kind, client_id }
    }
}
