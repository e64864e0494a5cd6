//! Whose webhooks are claimed for: the longest due first, and clients in turn where more is due
//! than one claim takes, so that a client with ten thousand of them delays nobody else.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use stayhook_core::WebhookId;

use super::{query, sql};
use crate::turns::{self, Candidate};
use crate::{Claim, StoreError};

/// The lanes to claim from, and the last client whose turn it was, where clients took turns.
pub(super) fn choose(
    conn: &Connection,
    claim: &Claim,
    skip: &HashSet<WebhookId>,
) -> Result<(Vec<WebhookId>, Option<String>), StoreError> {
    let longest = due_lanes(conn, claim, skip)?;
    if longest.len() < claim.lanes {
        return Ok((longest, None));
    }
    let (picked, last) = turns::pick(candidates(conn, claim, skip)?, claim.lanes);
    let mut chosen: Vec<WebhookId> = picked.into_iter().map(WebhookId).collect();
    // The rest of the room goes to those that wait longest.
    let rest: Vec<WebhookId> = longest.into_iter().filter(|it| !chosen.contains(it)).collect();
    chosen.extend(rest);
    chosen.truncate(claim.lanes);
    Ok((chosen, last))
}

fn due_lanes(
    conn: &Connection,
    claim: &Claim,
    skip: &HashSet<WebhookId>,
) -> Result<Vec<WebhookId>, StoreError> {
    let mut statement = conn.prepare_cached(sql::DUE_LANES)?;
    let mut rows = statement.query([claim.now.0])?;
    let mut due = Vec::new();
    while due.len() < claim.lanes {
        let Some(row) = rows.next()? else { break };
        let webhook = WebhookId(row.get(0)?);
        if !skip.contains(&webhook) {
            due.push(webhook);
        }
    }
    Ok(due)
}

/// Some due lanes of every client, from the one after the last on, and around: one step of the
/// index a client.
fn candidates(
    conn: &Connection,
    claim: &Claim,
    skip: &HashSet<WebhookId>,
) -> Result<Vec<Candidate>, StoreError> {
    let mut found = Vec::new();
    for (mut from, until) in turns::ranges(claim.after.as_deref()) {
        while found.len() < claim.lanes.saturating_mul(turns::EACH) {
            let client = query::one(conn, sql::NEXT_CLIENT, params![from], |row| Ok(row.get(0)?))?;
            let Some(client) = client.filter(|it: &String| until.as_ref().is_none_or(|until| it < until))
            else {
                break;
            };
            of_client(conn, claim, skip, &client, &mut found)?;
            from = format!("{client}\u{1}");
        }
    }
    Ok(found)
}

fn of_client(
    conn: &Connection,
    claim: &Claim,
    skip: &HashSet<WebhookId>,
    client: &str,
    found: &mut Vec<Candidate>,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(sql::DUE_LANES_OF_CLIENT)?;
    let mut rows = statement.query(params![client, claim.now.0])?;
    let mut left = turns::EACH;
    while left > 0 {
        let Some(row) = rows.next()? else { break };
        let webhook = WebhookId(row.get(0)?);
        if !skip.contains(&webhook) {
            found.push(Candidate { webhook: webhook.0, client: client.to_owned() });
            left -= 1;
        }
    }
    Ok(())
}
