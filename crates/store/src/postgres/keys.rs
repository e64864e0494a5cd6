//! Idempotency keys: a report that comes again, within a batch, later, or on another node, is
//! accepted once.

use std::collections::{HashMap, HashSet};

use sqlx::{PgConnection, Row as _};
use stayhook_core::EventId;

use super::failure::Failure;
use super::{rows, sql};
use crate::columns::Name;
use crate::targets::Targets;
use crate::{Accepted, IdempotencyClaim, NewRow};

/// Whose key.
type Key<'a> = (&'a str, &'a str);

/// Claims the keys of a batch. Returns for each event what it was before, or that it is new.
pub(super) async fn claim(conn: &mut PgConnection, events: &[NewRow]) -> Result<Vec<Accepted>, Failure> {
    let first = first_of_each(events);
    if first.is_empty() {
        return Ok(vec![Accepted::New; events.len()]);
    }
    let Claims { won, busy } = insert(conn, &first).await?;
    let lost: Vec<Key<'_>> = first
        .iter()
        .filter(|(_, it, _)| !won.contains(&it.id) && !busy.contains(&it.id))
        .map(|(key, _, _)| *key)
        .collect();
    let mut holders = if lost.is_empty() { HashMap::new() } else { holders(conn, &lost).await? };
    let held: HashSet<Key<'_>> =
        first.iter().filter(|(_, it, _)| busy.contains(&it.id)).map(|(key, _, _)| *key).collect();
    for (key, event, claim) in first.into_iter().filter(|(_, it, _)| won.contains(&it.id)) {
        let deliveries = Targets(event.targets.clone()).deliveries();
        let holder = Holder { event: event.id, content: claim.content.to_vec(), deliveries };
        holders.insert((key.0.to_owned(), key.1.to_owned()), holder);
    }
    events.iter().map(|event| standing(event, &holders, &held)).collect()
}

/// What became of claims, by the events that make them.
struct Claims {
    won: HashSet<EventId>,
    /// Another transaction holds the key, and has not ended yet.
    busy: HashSet<EventId>,
}

/// Who holds a key, and with what.
struct Holder {
    event: EventId,
    content: Vec<u8>,
    deliveries: u32,
}

/// What the event is, given who holds its key.
fn standing(
    event: &NewRow,
    holders: &HashMap<(String, String), Holder>,
    busy: &HashSet<Key<'_>>,
) -> Result<Accepted, Failure> {
    let Some(claim) = &event.idempotency else { return Ok(Accepted::New) };
    let (client, key) = key_of(event, claim);
    if busy.contains(&(client, key)) {
        return Ok(Accepted::Busy);
    }
    let holder = holders.get(&(client.to_owned(), key.to_owned()));
    let holder = Name("idempotency", key).valid("event_id", holder)?;
    Ok(if holder.event == event.id {
        Accepted::New
    } else if holder.content == claim.content {
        Accepted::Duplicate { id: holder.event, deliveries: holder.deliveries }
    } else {
        Accepted::Conflict
    })
}

fn key_of<'a>(event: &'a NewRow, claim: &'a IdempotencyClaim) -> Key<'a> {
    (event.client.as_str(), claim.key.as_str())
}

/// The first event of the batch for each key, in order of the keys, so that no two batches
/// wait for each other.
fn first_of_each(events: &[NewRow]) -> Vec<(Key<'_>, &NewRow, &IdempotencyClaim)> {
    let claims = events.iter().filter_map(|it| it.idempotency.as_ref().map(|claim| (it, claim)));
    let mut first: Vec<_> = claims.map(|(event, claim)| (key_of(event, claim), event, claim)).collect();
    // Stable: of those with one key the first stays first.
    first.sort_by_key(|(key, _, _)| *key);
    first.dedup_by_key(|(key, _, _)| *key);
    first
}

async fn insert(
    conn: &mut PgConnection,
    claims: &[(Key<'_>, &NewRow, &IdempotencyClaim)],
) -> Result<Claims, Failure> {
    let found = sqlx::query(sql::CLAIM_KEYS)
        .bind(claims.iter().map(|(key, _, _)| key.0).collect::<Vec<_>>())
        .bind(claims.iter().map(|(key, _, _)| key.1).collect::<Vec<_>>())
        .bind(claims.iter().map(|(_, event, _)| event.id.as_uuid()).collect::<Vec<_>>())
        .bind(claims.iter().map(|(_, _, claim)| &claim.content[..]).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
    let mut all = Claims { won: HashSet::new(), busy: HashSet::new() };
    for row in found {
        let side = if row.try_get(1)? { &mut all.busy } else { &mut all.won };
        side.insert(rows::event_id(&row, 0)?);
    }
    Ok(all)
}

/// Who held these keys before.
async fn holders(
    conn: &mut PgConnection,
    keys: &[Key<'_>],
) -> Result<HashMap<(String, String), Holder>, Failure> {
    let query = sqlx::query(sql::KEY_HOLDERS)
        .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.1).collect::<Vec<_>>());
    let mut holders = HashMap::new();
    for row in query.fetch_all(conn).await? {
        let event = rows::event_id(&row, 2)?;
        // Without its event it was enqueued in a transaction of its own and not collected yet.
        let targets: Option<&[u8]> = row.try_get(4)?;
        let targets = targets.map(|it| Name("events", event).valid("targets", Targets::unpack(it)));
        let deliveries = targets.transpose()?.map_or(0, |it| it.deliveries());
        let holder = Holder { event, content: row.try_get(3)?, deliveries };
        holders.insert((rows::text(&row, 0)?, rows::text(&row, 1)?), holder);
    }
    Ok(holders)
}
