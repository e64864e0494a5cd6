//! Giving back what dead nodes held.
//!
//! A node that was silent for too long loses its row, and with it the right to write: whoever
//! holds something and has no row may not conclude it any more. Only then what it held is
//! given back, piece by piece, by whichever nodes come first.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use stayhook_core::{EventId, Progress, UnixMs, WebhookId};
use uuid::Uuid;

use super::clock::{Shift, Timing};
use super::failure::Failure;
use super::lanes::{Lanes, Standing};
use super::writes::{Waiting, Writes};
use super::{rows, sql};
use crate::records::Record;

/// At most so many handoffs in one transaction: each is of one group commit.
const HANDOFFS: i64 = 50;
/// At most so many leases in one transaction.
const LEASES: i64 = 2_000;

/// What one step did.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// So many deliveries wait again.
    pub(super) given_back: u64,
    /// There may be more.
    pub(super) more: bool,
}

/// Declares nodes dead that were silent for so long, in milliseconds; never this one.
pub(super) async fn bury(conn: &mut PgConnection, node: i64, silent: i64) -> Result<u64, Failure> {
    Ok(sqlx::query(sql::BURY_NODES).bind(node).bind(silent).execute(conn).await?.rows_affected())
}

/// Everything that is in some orphaned handoffs and was not settled falls due at once. Each
/// gets an `interrupted` attempt: it may have been sent.
pub(super) async fn give_back_handoffs(
    conn: &mut PgConnection,
    timing: Timing,
    now: UnixMs,
) -> Result<Step, Failure> {
    let all = timing == Timing::Caller;
    let found = sqlx::query(sql::ORPHANED_HANDOFFS).bind(all).bind(HANDOFFS).fetch_all(&mut *conn).await?;
    if found.is_empty() {
        return Ok(Step { given_back: 0, more: false });
    }
    let given_back = give_back_rows(conn, timing, now, &found, Sent::Perhaps).await?;
    Ok(Step { given_back, more: true })
}

/// The same for handoffs of this node that it does not know of: nothing in them was ever sent.
/// `None` if there are none.
pub(super) async fn give_back_unknown(
    conn: &mut PgConnection,
    timing: Timing,
    now: UnixMs,
    node: i64,
    known: &[i64],
) -> Result<Option<u64>, Failure> {
    let query = sqlx::query(sql::UNKNOWN_HANDOFFS).bind(node).bind(known).bind(HANDOFFS);
    let found = query.fetch_all(&mut *conn).await?;
    if found.is_empty() {
        return Ok(None);
    }
    give_back_rows(conn, timing, now, &found, Sent::Never).await.map(Some)
}

/// Whether what is given back may have been on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Perhaps,
    Never,
}

async fn give_back_rows(
    conn: &mut PgConnection,
    timing: Timing,
    now: UnixMs,
    found: &[PgRow],
    sent: Sent,
) -> Result<u64, Failure> {
    let mut ids: Vec<i64> = Vec::new();
    let (mut events, mut webhooks): (Vec<Uuid>, Vec<i64>) = (Vec::new(), Vec::new());
    for row in found {
        ids.push(row.try_get(0)?);
        events.extend(row.try_get::<Vec<Uuid>, _>(1)?);
        webhooks.extend(row.try_get::<Vec<i64>, _>(2)?);
    }
    let shift = Shift::read(conn, timing, now).await?;
    let lanes = Lanes::lock(conn, shift, webhooks.iter().copied().map(WebhookId)).await?;
    let mut back = GivingBack { lanes, now, writes: Writes::default(), given_back: 0 };
    for row in sqlx::query(sql::UNSETTLED).bind(&webhooks).bind(&events).fetch_all(&mut *conn).await? {
        let (webhook, event) = (rows::webhook_id(&row, 0)?, rows::event_id(&row, 1)?);
        match sent {
            Sent::Perhaps => {
                back.interrupt(webhook, event, Progress::default(), row.try_get(2)?);
            }
            Sent::Never => back.release(webhook, event, row.try_get(2)?),
        }
    }
    sqlx::query(sql::DELETE_HANDOFFS).bind(ids).execute(&mut *conn).await?;
    back.write(conn, shift).await
}

/// The same for some orphaned leases.
pub(super) async fn give_back_leases(
    conn: &mut PgConnection,
    timing: Timing,
    now: UnixMs,
) -> Result<Step, Failure> {
    let all = timing == Timing::Caller;
    let query = sqlx::query_scalar(sql::ORPHANED_LANES).bind(all).bind(LEASES);
    let webhooks: Vec<i64> = query.fetch_all(&mut *conn).await?;
    if webhooks.is_empty() {
        return Ok(Step { given_back: 0, more: false });
    }
    let shift = Shift::read(conn, timing, now).await?;
    let lanes = Lanes::lock(conn, shift, webhooks.iter().copied().map(WebhookId)).await?;
    let mut back = GivingBack { lanes, now, writes: Writes::default(), given_back: 0 };
    let query = sqlx::query(sql::ORPHANED_LEASES).bind(all).bind(LEASES).bind(&webhooks);
    for row in query.fetch_all(&mut *conn).await? {
        let progress = Progress { attempts: rows::count(&row, 2)?, steps: rows::count(&row, 3)? };
        let (webhook, event) = (rows::webhook_id(&row, 0)?, rows::event_id(&row, 1)?);
        if !back.interrupt(webhook, event, progress, row.try_get(4)?) {
            back.writes.forget(webhook, event);
        }
    }
    Ok(Step { given_back: back.write(conn, shift).await?, more: true })
}

struct GivingBack {
    lanes: Lanes,
    now: UnixMs,
    writes: Writes<'static>,
    given_back: u64,
}

impl GivingBack {
    /// It waits as if it had never been in anybody's memory.
    fn release(&mut self, webhook: WebhookId, event: EventId, booking: Option<String>) {
        match Standing::refusal(self.lanes.standing(webhook)) {
            Some(end) => self.writes.record(Record::ended(webhook, event, 0, self.now, end)),
            None => self.wait(webhook, event, Progress::default(), booking),
        }
    }

    fn wait(&mut self, webhook: WebhookId, event: EventId, progress: Progress, booking: Option<String>) {
        self.writes.wait(Waiting { webhook, event, due: self.now, progress, booking });
        self.lanes.wait(webhook, self.now);
        self.given_back += 1;
    }

    /// Notes the interrupted attempt; returns whether another one is to follow.
    fn interrupt(
        &mut self,
        webhook: WebhookId,
        event: EventId,
        progress: Progress,
        booking: Option<String>,
    ) -> bool {
        let standing = self.lanes.standing(webhook);
        let end = Standing::refusal(standing);
        let url_number = standing.map_or(1, |it| it.url_number);
        self.writes.record(Record::interrupted(webhook, event, progress.attempts, self.now, url_number, end));
        if end.is_some() {
            return false;
        }
        let progress = Progress { attempts: progress.attempts.saturating_add(1), ..progress };
        self.wait(webhook, event, progress, booking);
        true
    }

    async fn write(self, conn: &mut PgConnection, shift: Shift) -> Result<u64, Failure> {
        self.writes.write(conn, shift).await?;
        self.lanes.finish(conn, self.now, 0).await?;
        Ok(self.given_back)
    }
}
