//! Writing what became of deliveries, each under its fence.

use std::collections::{HashMap, HashSet};

use sqlx::{Connection as _, PgConnection};
use stayhook_core::{Attempt, End, EventId, Next, Outcome, Progress, UnixMs, WebhookId, decide};

use super::clock::{Shift, Timing};
use super::closing::CLOSED_AT_ONCE;
use super::failure::Failure;
use super::lanes::{Lanes, Standing};
use super::rows::int;
use super::writes::{Waiting, Writes, keys};
use super::{delivered, sql};
use crate::columns::booking_text;
use crate::records::Record;
use crate::{Conclude, Concluded, Conclusion, Fate, HandoffId, Origin, StatusChanged, Step, Tried};

/// Writes a batch in order, for this node. What was accepted before `pruned` is gone, and is
/// not written about any more.
///
/// Webhooks of which every attempt was accepted take the happy path: one statement for all
/// of them. The lanes of the others are locked first.
pub(super) async fn conclude(
    conn: &mut PgConnection,
    node: i64,
    timing: Timing,
    batch: &Conclude,
    pruned: UnixMs,
) -> Result<Concluded, Failure> {
    let mut done = Concluded { fates: vec![Fate::Stale; batch.conclusions.len()], statuses: Vec::new() };
    let (plain, rest) = split(&batch.conclusions, pruned);
    if rest.is_empty() {
        delivered::write(conn, node, batch, &plain, &batch.finished, &mut done).await?;
        return Ok(done);
    }
    let mut tx = conn.begin().await?;
    if !plain.is_empty() {
        delivered::write(&mut tx, node, batch, &plain, &[], &mut done).await?;
    }
    let alive: Option<i64> = sqlx::query_scalar(sql::BE_ALIVE).bind(node).fetch_optional(&mut *tx).await?;
    if alive.is_some() {
        let shift = Shift::read(&mut tx, timing, batch.now).await?;
        let statuses = settle(&mut tx, node, shift, batch, &rest, &mut done.fates).await?;
        done.statuses.extend(statuses);
        let finished: Vec<i64> = batch.finished.iter().map(|it| it.0).collect();
        sqlx::query(sql::FINISH_HANDOFFS).bind(finished).bind(node).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(done)
}

/// The places of what takes the happy path, and of what does not.
fn split(conclusions: &[Conclusion], pruned: UnixMs) -> (Vec<usize>, Vec<usize>) {
    let mut seen = HashSet::new();
    let mut special: HashSet<WebhookId> = HashSet::new();
    for it in conclusions {
        let accepted = matches!(&it.step, Step::Tried(tried) if tried.outcome == Outcome::Accepted);
        if !accepted || !seen.insert((it.webhook, it.event)) {
            special.insert(it.webhook);
        }
    }
    let kept = conclusions.iter().enumerate().filter(|(_, it)| it.event.accepted_at() >= pruned);
    let (rest, plain): (Vec<_>, Vec<_>) = kept.partition(|(_, it)| special.contains(&it.webhook));
    let places = |list: Vec<(usize, &Conclusion)>| list.into_iter().map(|(place, _)| place).collect();
    (places(plain), places(rest))
}

/// Decides and writes the conclusions at these places.
async fn settle(
    conn: &mut PgConnection,
    node: i64,
    shift: Shift,
    batch: &Conclude,
    places: &[usize],
    fates: &mut [Fate],
) -> Result<Vec<StatusChanged>, Failure> {
    let conclusions: Vec<&Conclusion> =
        places.iter().filter_map(|place| batch.conclusions.get(*place)).collect();
    let mut lanes = Lanes::lock(conn, shift, conclusions.iter().map(|it| it.webhook)).await?;
    lanes.verify(conn, batch.now.before(batch.policy.disable.after)).await?;
    let mut settling =
        Settling { batch, lanes, writes: Writes::default(), open: open(conn, node, &conclusions).await? };
    for (place, it) in places.iter().zip(conclusions) {
        if let Some(fate) = fates.get_mut(*place) {
            *fate = settling.settle(it);
        }
    }
    settling.writes.write(conn, shift).await?;
    settling.lanes.finish(conn, batch.now, CLOSED_AT_ONCE).await
}

/// Which deliveries this node may still conclude, and after how many attempts.
async fn open(
    conn: &mut PgConnection,
    node: i64,
    conclusions: &[&Conclusion],
) -> Result<HashMap<(WebhookId, EventId), Fence>, Failure> {
    let (webhooks, events) = keys(conclusions.iter().map(|it| (it.webhook, it.event)));
    let attempts: Vec<i32> = conclusions.iter().map(|it| int(it.progress.attempts)).collect();
    let handoffs: Vec<Option<i64>> = conclusions.iter().map(|it| Fence::of(it).0.map(|it| it.0)).collect();
    let query = sqlx::query_scalar(sql::OPEN).bind(webhooks).bind(events).bind(attempts).bind(handoffs);
    let open: Vec<bool> = query.bind(node).fetch_all(conn).await?;
    let open = conclusions.iter().zip(open).filter(|(_, open)| *open);
    Ok(open.map(|(it, _)| ((it.webhook, it.event), Fence::of(it))).collect())
}

/// What a conclusion must say to be let in: where it has the delivery from, and how far that
/// had come.
#[derive(PartialEq, Eq)]
struct Fence(Option<HandoffId>, u32);

impl Fence {
    fn of(it: &Conclusion) -> Self {
        let handoff = match it.origin {
            Origin::Handoff(id) => Some(id),
            Origin::Claim => None,
        };
        Self(handoff, it.progress.attempts)
    }
}

struct Settling<'a> {
    batch: &'a Conclude,
    lanes: Lanes,
    writes: Writes<'a>,
    open: HashMap<(WebhookId, EventId), Fence>,
}

impl<'a> Settling<'a> {
    fn settle(&mut self, it: &'a Conclusion) -> Fate {
        if self.open.get(&(it.webhook, it.event)) != Some(&Fence::of(it)) {
            return Fate::Stale;
        }
        // Whatever is written about it, the next one comes too late.
        self.open.remove(&(it.webhook, it.event));
        match &it.step {
            Step::Tried(tried) => self.settle_tried(it, tried),
            Step::Ended(end) => self.settle_ended(it, *end),
            Step::Spilled { due } => match Standing::refusal(self.lanes.standing(it.webhook)) {
                Some(end) => self.settle_ended(it, end),
                None => {
                    self.wait(it, *due, it.progress);
                    Fate::Spilled
                }
            },
        }
    }

    fn settle_tried(&mut self, it: &'a Conclusion, tried: &'a Tried) -> Fate {
        let standing = self.lanes.standing(it.webhook);
        let outcome = tried.outcome_at(standing.map(|it| it.url_number));
        let attempt = Attempt { outcome, finished_at: tried.started_at.after(tried.duration) };
        let status = standing.map(|it| &it.status);
        let verdict = decide(it.progress, status, attempt, &tried.policy(&self.batch.policy), tried.roll);
        self.writes.record(Record::tried(it.webhook, it.event, it.progress, tried, verdict.next));
        match verdict.next {
            Next::Retry { due, steps } => {
                self.wait(it, due, Progress { attempts: it.progress.attempts.saturating_add(1), steps });
            }
            Next::Delivered | Next::Ended(_) => self.leave(it),
        }
        if let Some(status) = verdict.status {
            self.lanes.set_status(it.webhook, status);
        }
        Fate::Written(verdict.next)
    }

    fn settle_ended(&mut self, it: &Conclusion, end: End) -> Fate {
        let record = Record::ended(it.webhook, it.event, it.progress.attempts, self.batch.now, end);
        self.writes.record(record);
        self.leave(it);
        Fate::Written(Next::Ended(end))
    }

    fn leave(&mut self, it: &Conclusion) {
        if it.origin == Origin::Claim {
            self.writes.forget(it.webhook, it.event);
        }
    }

    fn wait(&mut self, it: &Conclusion, due: UnixMs, progress: Progress) {
        let (webhook, event) = (it.webhook, it.event);
        let booking = it.booking.as_ref().map(booking_text);
        self.writes.wait(Waiting { webhook, event, due, progress, booking });
        self.lanes.wait(webhook, due);
    }
}
