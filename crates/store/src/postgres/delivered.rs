//! The happy path: attempts that were accepted, written as one statement.

use std::collections::BTreeSet;

use sqlx::{PgConnection, Row as _};
use stayhook_core::{Next, Status};

use super::failure::Failure;
use super::rows::int;
use super::sql;
use super::writes::keys;
use crate::{Conclude, Concluded, Conclusion, Fate, HandoffId, Origin, StatusChanged, Step, Tried};

/// Writes the conclusions at these places, all of them accepted attempts, and takes away the
/// finished handoffs. Notes in `done` what was written and whose run of failures ended.
pub(super) async fn write(
    conn: &mut PgConnection,
    node: i64,
    batch: &Conclude,
    places: &[usize],
    finished: &[HandoffId],
    done: &mut Concluded,
) -> Result<(), Failure> {
    let rows: Vec<(usize, &Conclusion, &Tried)> = places
        .iter()
        .filter_map(|place| batch.conclusions.get(*place).map(|it| (*place, it)))
        .filter_map(|(place, it)| match &it.step {
            Step::Tried(tried) => Some((place, it, tried)),
            Step::Ended(_) | Step::Spilled { .. } => None,
        })
        .collect();
    if rows.is_empty() && finished.is_empty() {
        return Ok(());
    }
    let written = run(conn, node, &rows, finished).await?;
    let mut cleared = BTreeSet::new();
    for row in written {
        let place = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
        let Some((place, it, _)) = rows.get(place) else { continue };
        if let Some(fate) = done.fates.get_mut(*place) {
            *fate = Fate::Written(Next::Delivered);
        }
        if let Some(version) = row.try_get(1)?
            && cleared.insert(it.webhook)
        {
            done.statuses.push(StatusChanged { webhook: it.webhook, status: Status::ACTIVE, version });
        }
    }
    Ok(())
}

async fn run(
    conn: &mut PgConnection,
    node: i64,
    rows: &[(usize, &Conclusion, &Tried)],
    finished: &[HandoffId],
) -> Result<Vec<sqlx::postgres::PgRow>, Failure> {
    let (webhooks, events) = keys(rows.iter().map(|(_, it, _)| (it.webhook, it.event)));
    let handoffs: Vec<Option<i64>> = rows.iter().map(|(_, it, _)| handoff(it)).collect();
    let distinct: BTreeSet<i64> = handoffs.iter().flatten().copied().collect();
    let tried = || rows.iter().map(|(_, _, tried)| *tried);
    let query = sqlx::query(sql::DELIVERED)
        .bind(node)
        .bind(webhooks)
        .bind(events)
        .bind(rows.iter().map(|(_, it, _)| int(it.progress.attempts)).collect::<Vec<_>>())
        .bind(handoffs)
        .bind(tried().map(|it| it.started_at.0).collect::<Vec<_>>())
        .bind(
            tried().map(|it| i64::try_from(it.duration.as_millis()).unwrap_or(i64::MAX)).collect::<Vec<_>>(),
        )
        .bind(tried().map(|it| int(it.url_number)).collect::<Vec<_>>())
        .bind(tried().map(|it| it.reply.status.map(i32::from)).collect::<Vec<_>>())
        .bind(tried().map(|it| (!it.reply.body.is_empty()).then_some(&it.reply.body[..])).collect::<Vec<_>>())
        .bind(distinct.into_iter().collect::<Vec<_>>())
        .bind(finished.iter().map(|it| it.0).collect::<Vec<_>>());
    Ok(query.fetch_all(conn).await?)
}

fn handoff(it: &Conclusion) -> Option<i64> {
    match it.origin {
        Origin::Handoff(id) => Some(id.0),
        Origin::Claim => None,
    }
}
