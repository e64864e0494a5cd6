//! One event and what became of it.

use rusqlite::Connection;
use stayhook_core::{ClientId, End, EventId, PropertyId, Reason, State, UnixMs};

use super::log::{facts, lane};
use super::{query, rows, sql};
use crate::columns::Name;
use crate::targets::Targets;
use crate::{EventLine, StoreError, Target, TargetFate, TargetLine};

/// The event, with the state of every webhook that its property had.
pub(super) fn event(conn: &Connection, id: EventId) -> Result<Option<EventLine>, StoreError> {
    let name = Name("events", id);
    let found = query::one(conn, sql::EVENT, [id.to_bytes()], |row| {
        let line = EventLine {
            id,
            kind: rows::kind(row, 0, &name)?,
            booking: rows::booking(row, 1, &name)?,
            property: name.valid("property_id", PropertyId::new(row.get(2)?).ok())?,
            created_at: UnixMs(row.get(3)?),
            client: name.valid("client", ClientId::parse(&row.get::<_, String>(4)?).ok())?,
            targets: Vec::new(),
        };
        Ok((line, row.get::<_, Targets>(5)?))
    })?;
    let Some((mut line, targets)) = found else { return Ok(None) };
    line.targets = targets.0.into_iter().map(|it| target(conn, id, it)).collect::<Result<_, _>>()?;
    Ok(Some(line))
}

fn target(conn: &Connection, event: EventId, target: Target) -> Result<TargetLine, StoreError> {
    let webhook = target.webhook;
    if target.fate == TargetFate::Skip(Reason::Unsubscribed) {
        let state = State::Ended(End::Skipped(Reason::Unsubscribed));
        return Ok(TargetLine { webhook, state, attempts: 0 });
    }
    let facts = facts(conn, webhook, event)?;
    let known = query::one(conn, sql::OWNER, [webhook.0], |_| Ok(()))?.is_some();
    let state = if known { facts.state(&lane(conn, webhook)?).0 } else { facts.state_of_deleted() };
    Ok(TargetLine { webhook, state, attempts: facts.attempts })
}
