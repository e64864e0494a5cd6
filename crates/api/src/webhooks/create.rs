//! `POST /public/v1/webhooks`: registers a webhook, and shows its secret this once.

use axum::extract::{Request, State};
use axum::response::Response;
use stayhook_core::{Credentials, JSON_DEPTH_LIMIT, Json, WebhookOptions};
use stayhook_engine::{ProfileSet, Registration};

use super::view::WebhookView;
use super::{auth, members, schema, wiring};
use crate::auth::{Caller, ScopeName};
use crate::error::{Code, Problem, Subject};
use crate::fields::{Fields, boolean, property, text};
use crate::openapi::{Answer, Body, Header, Operation, Schema, Tag, Verb};
use crate::query::Query;
use crate::{Api, Shared, answer, body, etag};

pub(super) const OPERATION: Operation = Operation {
    summary: "Register a webhook",
    details: "The answer shows the signing secret this once. A property has a few webhooks over all clients, \
        paused and disabled ones counted.",
    scopes: &[ScopeName::WebhooksWrite, ScopeName::BookingsRead],
    body: Some(Body { schema: || Schema::of(&schema::NEW), subject: Subject::Webhook }),
    answers: &[Answer::json(201, "The webhook with its secret.", || Schema::of(&schema::CREATED))
        .with(&[Header::Location, Header::ETag])],
    problems: &[Code::NotFound, Code::WebhookLimitReached],
    ..Operation::new(Verb::Post, "/public/v1/webhooks", Tag::Webhooks, "createWebhook")
};

pub(super) async fn create(
    State(api): State<Shared>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(OPERATION.scopes)?;
    Query::parse(OPERATION.query, request.uri().query()).finish_for(Subject::Webhook)?;
    let json = body::json(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?;
    let registration = read(&api, &caller, json)?;
    let (webhook, secret) = api.state.engine.create_webhook(registration).await?;
    let location = format!("/public/v1/webhooks/{}", webhook.id);
    Ok(etag::tagged(answer::created(&location, &WebhookView::created(&webhook, &secret)), &webhook))
}

fn read(api: &Api, caller: &Caller, json: Json) -> Result<Registration, Problem> {
    let invalid = |errors| Problem::invalid(Subject::Webhook, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let property = fields.required("propertyId", property);
    let url = fields.required("url", text);
    let events = fields.required("events", Ok);
    let events = events.and_then(|json| members::events(&mut fields, json, &api.state.engine.catalogue()));
    let description = fields.optional("description", members::description).flatten();
    let options = options(&mut fields, api.state.engine.profiles());
    let credentials = wired(api, &mut fields, &options, url.as_deref());
    let wrong = fields.finish();
    let (Some(property), Some(url), Some(events), true) = (property, url, events, wrong.is_empty()) else {
        return Err(invalid(wrong));
    };
    if !caller.may_touch(property) {
        return Err(Problem::no_such("property"));
    }
    let client = caller.client().clone();
    Ok(Registration { client, property, url, events, description, options, credentials })
}

/// Judges the URL, and reads the credentials, by the webhook's profile.
fn wired(api: &Api, fields: &mut Fields, options: &WebhookOptions, url: Option<&str>) -> Option<Credentials> {
    let rules = &api.state.url_rules;
    let auth = fields.optional("auth", Ok);
    let profile = api.state.engine.profiles().of(options)?;
    if let Some(url) = url
        && let Err(wrong) = wiring::judge_url(url, profile, rules)
    {
        fields.refuse("url", wrong);
    }
    match auth {
        Some(json) => auth::read(fields, json, profile, rules),
        None => {
            wiring::require_credentials(fields, profile);
            None
        }
    }
}

fn options(fields: &mut Fields, profiles: &ProfileSet) -> WebhookOptions {
    let options = WebhookOptions {
        include_custom_parameters: fields.optional("includeCustomParameters", boolean).unwrap_or_default(),
        skip_own: fields.optional("skipOwn", boolean).unwrap_or_default(),
        profile: fields.optional("profile", |json| members::profile(json, profiles)).flatten(),
        shadow_profile: fields
            .optional("shadowProfile", |json| members::shadow_profile(json, profiles))
            .flatten(),
        ..WebhookOptions::default()
    };
    let usual = || profiles.of(&options).map(|profile| profile.ordering()).unwrap_or_default();
    let ordering = fields.optional("ordering", members::ordering).unwrap_or_else(usual);
    WebhookOptions { ordering, ..options }
}
