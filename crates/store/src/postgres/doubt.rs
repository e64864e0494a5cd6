//! Acceptance of which nobody knows how it ended: the connection was lost, or silent, after
//! the commit was asked for.
//!
//! Where it can be asked again at once, the ids of the events tell what became of it. Else the
//! caller is told that nothing is known; if it was committed after all, a repetition under the
//! same idempotency key is a duplicate, and counts as accepted. So it has to be delivered: what
//! this node turns out to hold without knowing is given back.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{PgConnection, Row as _};
use stayhook_core::EventId;
use uuid::Uuid;

use super::failure::Failure;
use super::{keys, rows, sql};
use crate::{Accepted, HandoffId, Intake, Receipt};

/// So many looks in a row that find nothing end a doubt: a minute's worth, in which what was
/// still on its way to the database has arrived there or never will.
const LOOKS: u32 = 30;

/// Whether there may be handoffs of this node that it does not know of.
#[derive(Default)]
pub(super) struct Doubt(AtomicU32);

impl Doubt {
    /// Something was asked for, and no answer came.
    pub(super) fn rise(&self) {
        self.0.store(LOOKS, Ordering::Release);
    }

    /// Whether there is a reason to look.
    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    /// Nothing was found.
    pub(super) fn fade(&self) {
        let less = |left: u32| Some(left.saturating_sub(1));
        // The closure never refuses.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }
}

/// What became of a batch that was committed before: the ids of its events are there.
pub(super) async fn receipt(conn: &mut PgConnection, node: i64, batch: &Intake) -> Result<Receipt, Failure> {
    let mut results = keys::claim(conn, &batch.events).await?;
    let ids: Vec<Uuid> = batch.events.iter().map(|it| it.id.as_uuid()).collect();
    let found = sqlx::query(sql::MY_HANDOFF).bind(node).bind(ids).fetch_optional(conn).await?;
    let (handoff, mine): (Option<HandoffId>, HashSet<EventId>) = match found {
        None => (None, HashSet::new()),
        Some(row) => {
            let events: Vec<Uuid> = row.try_get(1)?;
            (Some(HandoffId(row.try_get(0)?)), events.into_iter().map(rows::event_of).collect())
        }
    };
    // Another node may have been faster with what was collected.
    let collected: HashSet<EventId> = batch.collected.iter().copied().collect();
    for (event, result) in batch.events.iter().zip(&mut results) {
        if collected.contains(&event.id) && !mine.contains(&event.id) {
            *result = Accepted::Duplicate { id: event.id, deliveries: 0 };
        }
    }
    Ok(Receipt { handoff, results })
}
