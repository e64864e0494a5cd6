//! What a transaction writes about deliveries, gathered and sent as one statement.

use sqlx::PgConnection;
use stayhook_core::{EventId, Progress, UnixMs, WebhookId};
use uuid::Uuid;

use super::clock::Shift;
use super::failure::Failure;
use super::rows::int;
use super::sql;
use crate::columns::final_columns;
use crate::records::Record;

/// Rows to be written.
#[derive(Default)]
pub(super) struct Writes<'a> {
    records: Vec<Record<'a>>,
    forgotten: Vec<(WebhookId, EventId)>,
    waiting: Vec<Waiting>,
}

/// A row of `pending`; the booking as it is stored there.
pub(super) struct Waiting {
    pub(super) webhook: WebhookId,
    pub(super) event: EventId,
    pub(super) due: UnixMs,
    pub(super) progress: Progress,
    pub(super) booking: Option<String>,
}

impl<'a> Writes<'a> {
    /// Appends an attempt, or an end without one.
    pub(super) fn record(&mut self, record: Record<'a>) {
        self.records.push(record);
    }

    /// Takes the delivery out of `pending`.
    pub(super) fn forget(&mut self, webhook: WebhookId, event: EventId) {
        self.forgotten.push((webhook, event));
    }

    /// Puts the delivery into `pending`, leased by nobody, or changes what is there.
    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// Writes everything.
    pub(super) async fn write(&self, conn: &mut PgConnection, shift: Shift) -> Result<(), Failure> {
        if self.records.is_empty() && self.forgotten.is_empty() && self.waiting.is_empty() {
            return Ok(());
        }
        let ends: Vec<_> = self.records.iter().map(|it| it.end.map(final_columns).unzip()).collect();
        let (gone, gone_events) = keys(self.forgotten.iter().copied());
        let (records, record_events) = keys(self.records.iter().map(|it| (it.webhook, it.event)));
        let (waits, wait_events) = keys(self.waiting.iter().map(|it| (it.webhook, it.event)));
        sqlx::query(sql::SETTLE)
            .bind(records)
            .bind(record_events)
            .bind(self.column(|it| int(it.n)))
            .bind(self.column(|it| it.at.0))
            .bind(self.column(|it| i64::try_from(it.duration.as_millis()).unwrap_or(i64::MAX)))
            .bind(self.column(|it| it.url_number.map(int)))
            .bind(self.column(|it| it.status.map(i32::from)))
            .bind(self.column(|it| it.fault.map(|(class, _)| class.as_str())))
            .bind(self.column(|it| it.fault.map(|(_, words)| words)))
            .bind(self.column(|it| (!it.body.is_empty()).then_some(it.body)))
            .bind(self.column(|it| it.next_at.map(|at| at.0)))
            .bind(ends.iter().map(|it| it.0).collect::<Vec<_>>())
            .bind(ends.iter().map(|it| it.1.flatten()).collect::<Vec<_>>())
            .bind(gone)
            .bind(gone_events)
            .bind(waits)
            .bind(wait_events)
            .bind(self.waiting.iter().map(|it| shift.there(it.due)).collect::<Vec<_>>())
            .bind(self.waiting.iter().map(|it| int(it.progress.attempts)).collect::<Vec<_>>())
            .bind(self.waiting.iter().map(|it| int(it.progress.steps)).collect::<Vec<_>>())
            .bind(self.waiting.iter().map(|it| it.booking.as_deref()).collect::<Vec<_>>())
            .execute(conn)
            .await?;
        Ok(())
    }

    fn column<T>(&self, value: impl Fn(&Record<'a>) -> T) -> Vec<T> {
        self.records.iter().map(value).collect()
    }
}

/// The keys of deliveries as two columns.
pub(super) fn keys(deliveries: impl Iterator<Item = (WebhookId, EventId)>) -> (Vec<i64>, Vec<Uuid>) {
    deliveries.map(|(webhook, event)| (webhook.0, event.as_uuid())).unzip()
}
