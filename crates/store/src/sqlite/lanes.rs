//! The webhooks that a transaction touches: each read once, changed in order, written at the
//! end.

use std::collections::{BTreeMap, btree_map};

use rusqlite::{Connection, params};
use stayhook_core::{End, Ordering, Reason, Span, Status, UnixMs, Webhook, WebhookId};

use super::{audit, closing, query, rows, sql, webhooks};
use crate::audit::Entry;
use crate::columns::{Name, status_columns};
use crate::{Author, Scope, StatusChanged, StoreError};

/// What is held is looked at no later than so long after it became more: see `hold`.
const SOON: Span = Span::millis(500);

/// The lanes of one transaction.
pub(super) struct Lanes<'c> {
    conn: &'c Connection,
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
    /// The order of its events.
    pub(super) ordering: Ordering,
    before: Status,
    version: i64,
    /// Whether anything waited in `pending` before this transaction.
    waited: bool,
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

impl<'c> Lanes<'c> {
    /// No lane known yet.
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self { conn, known: BTreeMap::new() }
    }

    /// The webhook as it stands after what this transaction did so far.
    pub(super) fn standing(&mut self, webhook: WebhookId) -> Result<Option<&Standing>, StoreError> {
        Ok(self.lane(webhook)?.standing.as_ref())
    }

    /// The order of the webhook's events; none that matters if it was deleted.
    pub(super) fn ordering(&mut self, webhook: WebhookId) -> Result<Ordering, StoreError> {
        Ok(self.standing(webhook)?.map_or(Ordering::None, |it| it.ordering))
    }

    /// Changes the webhook's status.
    pub(super) fn set_status(&mut self, webhook: WebhookId, status: Status) -> Result<(), StoreError> {
        if let Some(standing) = &mut self.lane(webhook)?.standing {
            standing.status = status;
        }
        Ok(())
    }

    /// Notes that a delivery was put into `pending`.
    pub(super) fn wait(&mut self, webhook: WebhookId, due: UnixMs) -> Result<(), StoreError> {
        let lane = self.lane(webhook)?;
        lane.due = Some(lane.due.map_or(due, |earlier| earlier.min(due)));
        Ok(())
    }

    /// Whether anything of the webhook may be in `pending`: if not, nobody has to look.
    pub(super) fn may_wait(&mut self, webhook: WebhookId) -> Result<bool, StoreError> {
        let lane = self.lane(webhook)?;
        Ok(lane.due.is_some() || lane.standing.as_ref().is_none_or(|it| it.waited))
    }

    /// Writes what changed; of what a webhook that is disabled now still has waiting, `room`
    /// deliveries are cancelled at once and the rest by the sweeper.
    pub(super) fn finish(self, now: UnixMs, room: usize) -> Result<Vec<StatusChanged>, StoreError> {
        let mut changes = Vec::new();
        for (webhook, lane) in self.known {
            if let Some(due) = lane.due {
                query::run(self.conn, sql::LANE_DUE_BY, params![webhook.0, due.0])?;
                if matches!(lane.standing.as_ref().map(|it| &it.status), Some(Status::Paused { .. })) {
                    query::run(self.conn, sql::LOOK_AT, params![webhook.0, now.after(SOON).0])?;
                }
            }
            let Some(standing) = lane.standing.filter(|it| it.status != it.before) else { continue };
            changes.push(write_status(self.conn, webhook, standing, now, room)?);
        }
        Ok(changes)
    }

    fn lane(&mut self, webhook: WebhookId) -> Result<&mut Lane, StoreError> {
        Ok(match self.known.entry(webhook) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(new) => {
                new.insert(Lane { standing: read(self.conn, webhook)?, due: None })
            }
        })
    }
}

fn read(conn: &Connection, webhook: WebhookId) -> Result<Option<Standing>, StoreError> {
    query::one(conn, sql::STANDING, [webhook.0], |row| {
        let status = rows::status(row, 0, &Name("webhooks", webhook))?;
        Ok(Standing {
            before: status.clone(),
            status,
            version: row.get(5)?,
            url_number: row.get(6)?,
            waited: rows::moment(row, 7)?.is_some(),
            ordering: rows::ordering(row, 8, &Name("webhooks", webhook))?,
        })
    })
}

/// A run of failures that begins, goes on or ends is written to the lane alone: the webhook's
/// row and version change only with its name in the API.
fn write_status(
    conn: &Connection,
    webhook: WebhookId,
    standing: Standing,
    now: UnixMs,
    room: usize,
) -> Result<StatusChanged, StoreError> {
    let switched = standing.switched();
    let version = standing.version + i64::from(switched);
    if switched {
        write_switch(conn, webhook, &standing.status, version, now)?;
    }
    write_failing(conn, webhook, &standing.status)?;
    if switched && matches!(standing.status, Status::Disabled { .. }) {
        closing::close(conn, webhook, Reason::WebhookDisabled, now, room)?;
    }
    Ok(StatusChanged { webhook, status: standing.status, version })
}

/// Only the 72-hour rule switches a webhook without anybody's order.
fn write_switch(
    conn: &Connection,
    webhook: WebhookId,
    status: &Status,
    version: i64,
    now: UnixMs,
) -> Result<(), StoreError> {
    if let Some(before) = webhooks::find(conn, &Scope::EVERYTHING, webhook)? {
        let before = before.webhook;
        let after = Webhook { status: status.clone(), version, updated_at: now, ..before.clone() };
        audit::write(conn, &Entry::changed(&Author::Engine, &before, &after, None))?;
    }
    let (name, since, words) = status_columns(status);
    query::run(conn, sql::SET_STATUS, params![webhook.0, name, since, words, version, now.0])?;
    Ok(())
}

/// Writes the run of failures that a status carries.
pub(super) fn write_failing(
    conn: &Connection,
    webhook: WebhookId,
    status: &Status,
) -> Result<(), StoreError> {
    let run = status.failing();
    let (since, last) = (run.map(|it| it.since.0), run.map(|it| it.last.0));
    query::run(conn, sql::SET_FAILING, params![webhook.0, since, last])?;
    Ok(())
}
