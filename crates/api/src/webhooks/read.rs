//! `GET /public/v1/webhooks/{id}`

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use stayhook_core::{SigningSecret, Webhook};
use stayhook_profile::SecretVisibility;

use super::schema;
use super::view::WebhookView;
use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem};
use crate::openapi::{Answer, Header, Operation, Schema, Tag, Verb};
use crate::path::Path;
use crate::query::Query;
use crate::{Api, Shared, answer, etag};

pub(super) const OPERATION: Operation = Operation {
    summary: "Read a webhook",
    scopes: &[ScopeName::WebhooksRead],
    headers: &[etag::IF_NONE_MATCH_PARAMETER],
    answers: &[
        Answer::json(200, "The webhook.", || Schema::of(&schema::WEBHOOK)).with(&[Header::ETag]),
        Answer::empty(304, "It is still as `If-None-Match` says.").with(&[Header::ETag]),
    ],
    problems: &[Code::InvalidRequest],
    ..Operation::new(Verb::Get, "/public/v1/webhooks/{webhook}", Tag::Webhooks, "getWebhook")
};

pub(super) async fn read(
    State(api): State<Shared>,
    caller: Caller,
    path: Path,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, query.as_deref()).finish()?;
    let webhook = api.store().webhook(caller.scope(), path.webhook()?).await?;
    let webhook = webhook.ok_or_else(|| Problem::no_such("webhook"))?;
    let secret = readable_secret(&api, &webhook).await?;
    let shown = || etag::tagged(answer::ok(&WebhookView::with_secret(&webhook, secret.as_ref())), &webhook);
    Ok(etag::not_modified(&headers, &webhook).unwrap_or_else(shown))
}

/// The secret that signs now, where the webhook's profile lets its owner read it again.
async fn readable_secret(api: &Api, webhook: &Webhook) -> Result<Option<SigningSecret>, Problem> {
    let profile = api.state.engine.profiles().of(&webhook.options);
    if profile.is_none_or(|it| it.secret_visibility() == SecretVisibility::Once) {
        return Ok(None);
    }
    let registered = api.store().registered(&[webhook.id]).await?.pop();
    Ok(registered.map(|it| it.secrets.at(api.state.engine.now()).0.clone()))
}
