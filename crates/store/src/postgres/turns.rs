//! Whose webhooks are claimed for: the longest due first, and clients in turn where more is due
//! than one claim takes, so that a client with ten thousand of them delays nobody else.

use std::collections::HashMap;

use sqlx::{PgConnection, Row as _};

use super::clock::Shift;
use super::failure::Failure;
use super::rows::limit;
use super::sql;
use crate::Claim;
use crate::turns::{self, Candidate};

/// Lanes that this transaction has locked, in the order in which they are served.
pub(super) struct Chosen {
    pub(super) lanes: Vec<Lane>,
    /// The last client whose turn it was, where clients took turns.
    pub(super) last: Option<String>,
}

/// A lane to claim from.
pub(super) struct Lane {
    pub(super) webhook: i64,
    /// `webhooks.ordering`.
    pub(super) ordering: String,
}

/// Locks the lanes to claim from. What another node is just claiming from or changing is left
/// out.
pub(super) async fn choose(conn: &mut PgConnection, shift: Shift, claim: &Claim) -> Result<Chosen, Failure> {
    let skip: Vec<i64> = claim.skip.iter().map(|it| it.0).collect();
    let now = shift.there(claim.now);
    let oldest = sqlx::query(sql::DUE_LANES).bind(now).bind(&skip).bind(limit(claim.lanes));
    let mut lanes = lanes(oldest.fetch_all(&mut *conn).await?)?;
    if lanes.len() < claim.lanes {
        return Ok(Chosen { lanes, last: None });
    }
    let found = candidates(conn, now, &skip, claim).await?;
    let (picked, last) = turns::pick(found, claim.lanes);
    let query = sqlx::query(sql::LOCK_DUE_LANES).bind(&picked).bind(now);
    let mut locked: HashMap<i64, Lane> =
        self::lanes(query.fetch_all(&mut *conn).await?)?.into_iter().map(|it| (it.webhook, it)).collect();
    let mut chosen: Vec<Lane> = picked.iter().filter_map(|it| locked.remove(it)).collect();
    // The rest of the room goes to those that wait longest.
    lanes.retain(|it| !picked.contains(&it.webhook));
    lanes.truncate(claim.lanes.saturating_sub(chosen.len()));
    chosen.append(&mut lanes);
    Ok(Chosen { lanes: chosen, last })
}

/// Some due lanes of every client, from the one after the last on, and around.
async fn candidates(
    conn: &mut PgConnection,
    now: i64,
    skip: &[i64],
    claim: &Claim,
) -> Result<Vec<Candidate>, Failure> {
    let mut found = Vec::new();
    for (from, until) in turns::ranges(claim.after.as_deref()) {
        let most = claim.lanes.saturating_mul(turns::EACH).saturating_sub(found.len());
        let query = sqlx::query(sql::DUE_BY_CLIENT).bind(now).bind(skip).bind(from).bind(until);
        for row in query.bind(limit(turns::EACH)).bind(limit(most)).fetch_all(&mut *conn).await? {
            found.push(Candidate { webhook: row.try_get(0)?, client: row.try_get(1)? });
        }
    }
    Ok(found)
}

fn lanes(rows: Vec<sqlx::postgres::PgRow>) -> Result<Vec<Lane>, Failure> {
    let lane = |row: sqlx::postgres::PgRow| {
        let ordering: Option<String> = row.try_get(1)?;
        Ok(Lane { webhook: row.try_get(0)?, ordering: ordering.unwrap_or_default() })
    };
    rows.into_iter().map(lane).collect()
}
