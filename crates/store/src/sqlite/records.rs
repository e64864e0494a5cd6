//! Appending to `attempts`.

use rusqlite::{Connection, params};

use super::{query, sql};
use crate::StoreError;
use crate::columns::final_columns;
use crate::records::Record;

impl Record<'_> {
    /// Writes the row; `false` if an attempt of that number is there already.
    pub(super) fn write(&self, conn: &Connection) -> Result<bool, StoreError> {
        let (state, reason) = self.end.map(final_columns).unzip();
        let touched = query::run(
            conn,
            sql::INSERT_ATTEMPT,
            params![
                self.webhook.0,
                self.event.to_bytes(),
                self.n,
                self.at.0,
                i64::try_from(self.duration.as_millis()).unwrap_or(i64::MAX),
                self.url_number,
                self.status,
                self.fault.map(|(class, _)| class.as_str()),
                self.fault.map(|(_, words)| words),
                (!self.body.is_empty()).then_some(self.body),
                self.next_at.map(|it| it.0),
                state,
                reason.flatten(),
            ],
        )?;
        Ok(touched == 1)
    }
}
