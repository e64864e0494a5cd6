//! The audit log.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use stayhook_core::{ClientId, WebhookId};

use super::failure::Failure;
use super::rows::{self, limit};
use super::sql;
use crate::audit::{Entry, parse_author};
use crate::columns::Name;
use crate::page::Gathering;
use crate::{Action, AuditFilter, AuditLine, Page, PageRequest};

/// So many lines are read at once in search of those that are wanted.
const MOST_AT_ONCE: usize = 2_000;

/// Writes a line within the transaction whose change it tells of; returns its number.
pub(super) async fn write(conn: &mut PgConnection, entry: &Entry) -> Result<i64, Failure> {
    let (author, client) = entry.author_columns();
    let id = sqlx::query_scalar(sql::APPEND_AUDIT)
        .bind(entry.at.0)
        .bind(author)
        .bind(client)
        .bind(entry.action.as_str())
        .bind(&entry.subject)
        .bind(entry.webhook.map(|it| it.0))
        .bind(entry.owner.as_ref().map(ClientId::as_str))
        .bind(&entry.before)
        .bind(&entry.after)
        .fetch_one(conn)
        .await?;
    Ok(id)
}

/// Writes a line, or where there is one already what has come of the change since: for what is
/// done in several transactions. Returns the line's number.
pub(super) async fn write_or_extend(
    conn: &mut PgConnection,
    line: Option<i64>,
    entry: &Entry,
) -> Result<i64, Failure> {
    let Some(line) = line else { return write(conn, entry).await };
    sqlx::query(sql::EXTEND_AUDIT).bind(line).bind(&entry.after).execute(conn).await?;
    Ok(line)
}

/// A page of what was changed, newest first.
pub(super) async fn page(
    conn: &mut PgConnection,
    filter: &AuditFilter,
    page: PageRequest<i64>,
) -> Result<Page<AuditLine, i64>, Failure> {
    let mut before = page.after.unwrap_or(i64::MAX);
    let mut step = page.limit.saturating_add(1);
    let mut gathering = Gathering::new(page.limit);
    loop {
        let rows = match filter.webhook {
            Some(webhook) => {
                let query = sqlx::query(sql::AUDIT_OF).bind(before).bind(limit(step));
                query.bind(webhook.0).fetch_all(&mut *conn).await?
            }
            None => sqlx::query(sql::AUDIT).bind(before).bind(limit(step)).fetch_all(&mut *conn).await?,
        };
        for row in &rows {
            let line = read(row)?;
            before = line.id;
            if let Some(page) = gathering.add(before, Some(line).filter(|it| filter.wants(it))) {
                return Ok(page);
            }
        }
        if rows.len() < step {
            return Ok(gathering.end());
        }
        step = step.saturating_mul(2).min(MOST_AT_ONCE);
    }
}

fn read(row: &PgRow) -> Result<AuditLine, Failure> {
    let id: i64 = row.try_get(0)?;
    let name = Name("audit", id);
    let client = |at: usize| -> Result<Option<ClientId>, Failure> {
        let text: Option<&str> = row.try_get(at)?;
        text.map(|_| rows::client(row, at, &name)).transpose()
    };
    Ok(AuditLine {
        id,
        at: rows::at(row, 1)?,
        by: name.valid("author", parse_author(row.try_get(2)?, client(3)?))?,
        action: name.valid("action", Action::parse(row.try_get(4)?))?,
        subject: rows::text(row, 5)?,
        webhook: row.try_get::<Option<i64>, _>(6)?.map(WebhookId),
        owner: client(7)?,
        before: row.try_get(8)?,
        after: row.try_get(9)?,
    })
}
