//! `GET /admin/v1/stats?since=&until=&webhookId=`: figures of one webhook or of all.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use stayhook_core::{Span, UnixMs};
use stayhook_store::{Stats, StatsRequest};

use super::Administrator;
use crate::auth::ScopeName;
use crate::error::{Code, Problem, Subject};
use crate::openapi::{Answer, Component, Operation, Parameter, Routes, Schema, Tag, Verb, shapes};
use crate::query::{Query, webhook};
use crate::{Shared, answer, times};

const OPERATION: Operation = Operation {
    summary: "Figures",
    details: "What was delivered within a window, and what waits now, over all webhooks or for one. Counted by the \
        hour: the window begins and ends with whole hours, of which the last one may still be running.",
    scopes: &[ScopeName::Admin],
    query: &[
        Parameter {
            name: "since",
            description: "From the hour of this moment on; 24 hours before `until` unless given.",
            schema: Schema::time,
        },
        Parameter {
            name: "until",
            description: "Up to the end of the hour in which this moment lies; now unless given.",
            schema: Schema::time,
        },
        Parameter { name: "webhookId", description: "Only of this webhook.", schema: shapes::webhook_id },
    ],
    answers: &[Answer::json(200, "The figures.", || Schema::of(&STATS))],
    problems: &[Code::NotFound],
    ..Operation::new(Verb::Get, "/admin/v1/stats", Tag::Administration, "getStats")
};

const STATS: Component = Component { name: "Stats", schema: stats_schema };

/// What figures are counted by.
const HOUR: Span = Span::hours(1);
/// How far they go back unless asked otherwise.
const WINDOW: Span = Span::hours(24);

pub(super) fn routes() -> Routes {
    Routes::new().add(&OPERATION, stats)
}

fn stats_schema() -> Schema {
    let time = || Schema::time().example("2026-05-27T16:00:00.000Z");
    let webhooks = Schema::object()
        .required("active", Schema::count().says("Active ones now, failing ones included."))
        .required("paused", Schema::count())
        .required("disabled", Schema::count())
        .required("failing", Schema::count().says("Active ones whose last attempt failed."));
    let deliveries = Schema::object()
        .required(
            "pending",
            Schema::count().says("That wait now for their next attempt or for a free place."),
        )
        .required("held", Schema::count().says("That paused webhooks keep now."))
        .required("nextDueAt", time().or_null().says("When the first of the pending ones is due, or was."));
    Schema::object()
        .required("since", time().says("The beginning of the first hour that was counted."))
        .required("until", time().says("The end of the last hour that was counted."))
        .required("webhookId", shapes::webhook_id().or_null())
        .required("webhooks", webhooks)
        .required("deliveries", deliveries)
        .required(
            "accepted",
            Schema::count().says("Deliveries accepted within the window, to be sent or held."),
        )
        .required("attempts", Schema::count().says("Attempts made within the window."))
        .required("delivered", Schema::count().says("Of these, accepted by their receivers."))
        .required("failed", Schema::count().says("Of these, failed."))
        .required(
            "averageDurationMs",
            Schema::count().or_null().says("Of these attempts; `null` without any."),
        )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatsView {
    since: String,
    until: String,
    webhook_id: Option<i64>,
    webhooks: WebhooksView,
    deliveries: DeliveriesView,
    accepted: u64,
    attempts: u64,
    delivered: u64,
    failed: u64,
    average_duration_ms: Option<u64>,
}

#[derive(Serialize)]
struct WebhooksView {
    active: u64,
    paused: u64,
    disabled: u64,
    failing: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveriesView {
    pending: u64,
    held: u64,
    next_due_at: Option<String>,
}

async fn stats(
    State(api): State<Shared>,
    administrator: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    administrator.needs(OPERATION.scopes)?;
    let mut query = Query::parse(OPERATION.query, query.as_deref());
    let (since, until) = (query.take("since", times::read), query.take("until", times::read));
    let webhook = query.take("webhookId", webhook);
    query.finish()?;
    let until = until.unwrap_or_else(|| api.state.engine.now());
    let since = since.unwrap_or_else(|| until.before(WINDOW));
    if since > until {
        return Err(Problem::invalid_field(Subject::Request, "/since", "is later than until"));
    }
    administrator.sees(&api, webhook, "webhook").await?;
    let request = StatsRequest { webhook, since, until };
    let stats = api.state.engine.stats(request).await?;
    Ok(answer::ok(&StatsView::of(&request, &stats)))
}

impl StatsView {
    fn of(request: &StatsRequest, stats: &Stats) -> Self {
        let attempts = stats.delivered.saturating_add(stats.failed);
        Self {
            since: hour(request.since).rfc3339_millis(),
            until: hour(request.until).after(HOUR).rfc3339_millis(),
            webhook_id: request.webhook.map(|id| id.0),
            webhooks: WebhooksView {
                active: stats.active,
                paused: stats.paused,
                disabled: stats.disabled,
                failing: stats.failing,
            },
            deliveries: DeliveriesView {
                pending: stats.pending,
                held: stats.held,
                next_due_at: stats.next_due.map(UnixMs::rfc3339_millis),
            },
            accepted: stats.accepted,
            attempts,
            delivered: stats.delivered,
            failed: stats.failed,
            average_duration_ms: stats.duration.as_millis().checked_div(attempts),
        }
    }
}

/// The beginning of the hour in which a moment lies.
fn hour(at: UnixMs) -> UnixMs {
    let length = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
    UnixMs(at.0.saturating_sub(at.0.rem_euclid(length)))
}
