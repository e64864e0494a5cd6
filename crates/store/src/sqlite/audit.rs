//! The audit log.

use rusqlite::{Connection, Row, params};
use stayhook_core::{ClientId, UnixMs, WebhookId};

use super::{query, sql};
use crate::audit::{Entry, parse_author};
use crate::columns::Name;
use crate::page::Gathering;
use crate::{Action, AuditFilter, AuditLine, Page, PageRequest, StoreError};

/// Writes a line; returns its number.
pub(super) fn write(conn: &Connection, entry: &Entry) -> Result<i64, StoreError> {
    let (author, client) = entry.author_columns();
    let row = params![
        entry.at.0,
        author,
        client,
        entry.action.as_str(),
        entry.subject,
        entry.webhook.map(|it| it.0),
        entry.owner.as_ref().map(ClientId::as_str),
        entry.before,
        entry.after,
    ];
    query::run(conn, sql::INSERT_AUDIT, row)?;
    Ok(conn.last_insert_rowid())
}

/// Something that is done in several transactions and shows in one line, which always says how
/// much of it is done.
#[derive(Clone, Copy, Default)]
pub(super) struct Tale {
    /// How much was done.
    pub(super) done: u64,
    line: Option<i64>,
}

impl Tale {
    /// Adds what this transaction did: nothing is written while that is nothing.
    pub(super) fn add(
        &mut self,
        conn: &Connection,
        more: u64,
        entry: impl FnOnce(u64) -> Entry,
    ) -> Result<(), StoreError> {
        if more == 0 {
            return Ok(());
        }
        self.done += more;
        let entry = entry(self.done);
        match self.line {
            None => self.line = Some(write(conn, &entry)?),
            Some(line) => {
                query::run(conn, sql::UPDATE_AUDIT, params![line, entry.after])?;
            }
        }
        Ok(())
    }
}

/// A page of what was changed, newest first.
pub(super) fn page(
    conn: &Connection,
    filter: &AuditFilter,
    page: PageRequest<i64>,
) -> Result<Page<AuditLine, i64>, StoreError> {
    let before = page.after.unwrap_or(i64::MAX);
    let text = if filter.webhook.is_some() { sql::AUDIT_OF_WEBHOOK } else { sql::AUDIT };
    let mut statement = conn.prepare_cached(text)?;
    let mut rows = match filter.webhook {
        Some(webhook) => statement.query(params![before, webhook.0])?,
        None => statement.query([before])?,
    };
    let mut gathering = Gathering::new(page.limit);
    while let Some(row) = rows.next()? {
        let line = read(row)?;
        let id = line.id;
        if let Some(page) = gathering.add(id, filter.wants(&line).then_some(line)) {
            return Ok(page);
        }
    }
    Ok(gathering.end())
}

fn read(row: &Row<'_>) -> Result<AuditLine, StoreError> {
    let id: i64 = row.get(0)?;
    let name = Name("audit", id);
    let client = |at: usize, column| {
        let text: Option<String> = row.get(at)?;
        text.map(|it| name.valid(column, ClientId::parse(&it).ok())).transpose()
    };
    let author = row.get_ref(2)?.as_str().unwrap_or_default();
    let action = row.get_ref(4)?.as_str().unwrap_or_default();
    Ok(AuditLine {
        id,
        at: UnixMs(row.get(1)?),
        by: name.valid("author", parse_author(author, client(3, "client")?))?,
        action: name.valid("action", Action::parse(action))?,
        subject: row.get(5)?,
        webhook: row.get::<_, Option<i64>>(6)?.map(WebhookId),
        owner: client(7, "owner")?,
        before: row.get(8)?,
        after: row.get(9)?,
    })
}
