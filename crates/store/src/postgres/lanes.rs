//! The webhooks that a transaction touches: locked in order, read once, changed in memory,
//! written at the end.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, Row as _};
use stayhook_core::{End, Failing, Reason, Span, Status, UnixMs, Webhook, WebhookId};

use super::clock::Shift;
use super::failure::Failure;
use super::{audit, closing, registry, rows, sql, webhooks};
use crate::audit::Entry;
use crate::columns::status_columns;
use crate::{Author, Scope, StatusChanged};

/// What is held is looked at no later than so long after it became more: see `hold`. `INTAKE` has
/// the same number.
const SOON: Span = Span::millis(500);

/// The lanes of one transaction.
pub(super) struct Lanes {
    shift: Shift,
    known: BTreeMap<WebhookId, Lane>,
}

#[derive(Default)]
struct Lane {
    /// `None` if there is no such webhook (any more).
    standing: Option<Standing>,
    /// The earliest moment for which a delivery was put into `pending`.
    due: Option<UnixMs>,
}

/// A webhook as far as its deliveries are concerned.
pub(super) struct Standing {
    /// Its status now.
    pub(super) status: Status,
    /// Which of its URLs is in use.
    pub(super) url_number: u32,
    before: Status,
    version: i64,
}

impl Standing {
    /// How a delivery that would wait for this webhook ends instead, if it may not wait.
    pub(super) fn refusal(standing: Option<&Self>) -> Option<End> {
        match standing.map(|it| &it.status) {
            None => Some(End::Cancelled(Reason::WebhookDeleted)),
            Some(Status::Disabled { .. }) => Some(End::Cancelled(Reason::WebhookDisabled)),
            Some(Status::Active { .. } | Status::Paused { .. }) => None,
        }
    }

    fn switched(&self) -> bool {
        self.before.as_str() != self.status.as_str()
    }
}

impl Lanes {
    /// Waits for whoever else changes what waits for these webhooks, and keeps everybody out
    /// until the end of the transaction.
    pub(super) async fn lock(
        conn: &mut PgConnection,
        shift: Shift,
        webhooks: impl IntoIterator<Item = WebhookId>,
    ) -> Result<Self, Failure> {
        let ids: Vec<i64> =
            webhooks.into_iter().map(|it| it.0).collect::<BTreeSet<_>>().into_iter().collect();
        sqlx::query(sql::LOCK_LANES).bind(&ids).fetch_all(&mut *conn).await?;
        let mut known: BTreeMap<_, _> = ids.iter().map(|id| (WebhookId(*id), Lane::default())).collect();
        for row in sqlx::query(sql::STANDINGS).bind(&ids).fetch_all(&mut *conn).await? {
            let webhook = rows::webhook_id(&row, 7)?;
            let status = rows::status(&row, 0, webhook)?;
            let standing = Standing {
                before: status.clone(),
                status,
                version: row.try_get(5)?,
                url_number: rows::count(&row, 6)?,
            };
            known.entry(webhook).or_default().standing = Some(standing);
        }
        Ok(Self { shift, known })
    }

    /// The webhook as it stands after what this transaction did so far.
    pub(super) fn standing(&self, webhook: WebhookId) -> Option<&Standing> {
        self.known.get(&webhook)?.standing.as_ref()
    }

    /// Changes the webhook's status.
    pub(super) fn set_status(&mut self, webhook: WebhookId, status: Status) {
        if let Some(standing) = self.known.get_mut(&webhook).and_then(|it| it.standing.as_mut()) {
            standing.status = status;
        }
    }

    /// Notes that a delivery was put into `pending`.
    pub(super) fn wait(&mut self, webhook: WebhookId, due: UnixMs) {
        let lane = self.known.entry(webhook).or_default();
        lane.due = Some(lane.due.map_or(due, |earlier| earlier.min(due)));
    }

    /// Before a run of failures that began before `limit` disables its webhook: makes sure
    /// that no success came in between. One that was written at the same time as the first
    /// failure did not see it, and so did not end the run.
    pub(super) async fn verify(&mut self, conn: &mut PgConnection, limit: UnixMs) -> Result<(), Failure> {
        for (webhook, lane) in &mut self.known {
            let Some(standing) = &mut lane.standing else { continue };
            let Some(run) = standing.status.failing().filter(|run| run.since < limit) else { continue };
            if let Some(failing) = run_after_success(conn, *webhook, run).await? {
                standing.status = Status::Active { failing };
            }
        }
        Ok(())
    }

    /// More is held for paused webhooks than before: that is looked at soon.
    async fn look_soon(&self, conn: &mut PgConnection, now: UnixMs) -> Result<(), Failure> {
        let is_paused = |it: &Standing| matches!(it.status, Status::Paused { .. });
        let grown = |it: &Lane| it.due.is_some() && it.standing.as_ref().is_some_and(is_paused);
        let grown = self.known.iter().filter(|(_, lane)| grown(lane));
        let grown: Vec<i64> = grown.map(|(webhook, _)| webhook.0).collect();
        if !grown.is_empty() {
            let at = self.shift.there(now.after(SOON));
            sqlx::query(sql::LOOK_AT).bind(grown).bind(at).execute(conn).await?;
        }
        Ok(())
    }

    /// Writes what changed; of what a webhook that is disabled now still has waiting, `room`
    /// deliveries are cancelled at once and the rest by the sweeper.
    pub(super) async fn finish(
        self,
        conn: &mut PgConnection,
        now: UnixMs,
        room: usize,
    ) -> Result<Vec<StatusChanged>, Failure> {
        let due =
            self.known.iter().filter_map(|(webhook, lane)| Some((webhook.0, self.shift.there(lane.due?))));
        let (webhooks, due): (Vec<i64>, Vec<i64>) = due.unzip();
        if !webhooks.is_empty() {
            sqlx::query(sql::LANES_DUE_BY).bind(webhooks).bind(due).execute(&mut *conn).await?;
            self.look_soon(conn, now).await?;
        }
        let mut changes = Vec::new();
        for (webhook, lane) in self.known {
            let Some(standing) = lane.standing.filter(|it| it.status != it.before) else { continue };
            changes.push(write_status(conn, self.shift, webhook, standing, now, room).await?);
        }
        Ok(changes)
    }
}

/// The run of failures after the last success since this one began; `None` if there was no
/// success.
async fn run_after_success(
    conn: &mut PgConnection,
    webhook: WebhookId,
    run: Failing,
) -> Result<Option<Option<Failing>>, Failure> {
    let success: Option<i64> =
        sqlx::query_scalar(sql::LAST_SUCCESS).bind(webhook.0).bind(run.since.0).fetch_one(&mut *conn).await?;
    let Some(success) = success else { return Ok(None) };
    let row = sqlx::query(sql::FAILURES_AFTER).bind(webhook.0).bind(success).fetch_one(conn).await?;
    let later = rows::moment(&row, 0)?.zip(rows::moment(&row, 1)?);
    Ok(Some(later.map(|(since, last)| Failing { since, last })))
}

/// A run of failures that begins, goes on or ends is written to the lane alone: the webhook's
/// row and version change only with its name in the API.
async fn write_status(
    conn: &mut PgConnection,
    shift: Shift,
    webhook: WebhookId,
    standing: Standing,
    now: UnixMs,
    room: usize,
) -> Result<StatusChanged, Failure> {
    let switched = standing.switched();
    let version = standing.version + i64::from(switched);
    if switched {
        note(conn, webhook, &standing, version, now).await?;
    }
    write_failing(conn, webhook, &standing.status).await?;
    if switched {
        let (name, since, words) = status_columns(&standing.status);
        let update = sqlx::query(sql::SET_STATUS).bind(webhook.0).bind(name).bind(since).bind(words);
        update.bind(version).bind(now.0).execute(&mut *conn).await?;
        if matches!(standing.status, Status::Disabled { .. }) {
            closing::close(conn, shift, webhook, Reason::WebhookDisabled, now, room).await?;
        }
        registry::bump(conn, webhook).await?;
    }
    Ok(StatusChanged { webhook, status: standing.status, version })
}

/// Writes into the audit log what the rules of delivery change about a webhook.
async fn note(
    conn: &mut PgConnection,
    webhook: WebhookId,
    standing: &Standing,
    version: i64,
    now: UnixMs,
) -> Result<(), Failure> {
    let Some(before) = webhooks::find(conn, &Scope::EVERYTHING, webhook).await? else { return Ok(()) };
    let before = before.webhook;
    let after = Webhook { status: standing.status.clone(), version, updated_at: now, ..before.clone() };
    audit::write(conn, &Entry::changed(&Author::Engine, &before, &after, None)).await?;
    Ok(())
}

/// Writes the run of failures that a status carries.
pub(super) async fn write_failing(
    conn: &mut PgConnection,
    webhook: WebhookId,
    status: &Status,
) -> Result<(), Failure> {
    let run = status.failing();
    let (since, last) = (run.map(|it| it.since.0), run.map(|it| it.last.0));
    sqlx::query(sql::SET_FAILING).bind(webhook.0).bind(since).bind(last).execute(conn).await?;
    Ok(())
}
