//! What the server ends by itself, so that nothing goes on that nobody waits for any more: a
//! session that waits for somebody's lock would otherwise do so for as long as that is held, while
//! its node has long given up and made another.

use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

/// Within this the server has noticed that a connection was closed, also while it runs a statement
/// ([`CLOSED`] and some time to act on it).
pub(super) const NOTICE: Duration = Duration::from_millis(700);

/// How often a session that runs a statement looks whether its client is still there. Not every
/// system can tell: there only the limit of statements counts.
const CLOSED: &str = "DO $$ BEGIN PERFORM set_config('client_connection_check_interval', '500ms', false);
    EXCEPTION WHEN OTHERS THEN NULL; END $$";
/// A transaction in which nothing happens belongs to a process that was stopped, or to a machine
/// that is gone: what it has locked is let go.
const IDLE: &str = "idle_in_transaction_session_timeout = '10s'";

/// How long a statement may run: shorter than its caller waits, so that the caller learns that
/// nothing was done and keeps the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits(&'static str);

impl Limits {
    /// Where [`super::line::PATIENCE`] is the measure.
    pub(super) const PATIENT: Self = Self("18s");
    /// For migrations, which take what they take.
    pub(super) const NONE: Self = Self("0");
    /// Where [`super::line::PROMPT`] is.
    pub(super) const PROMPT: Self = Self("2500ms");

    /// Statements that set them for a session.
    pub(super) fn of_session(self) -> String {
        format!("SET statement_timeout = '{}'; SET {IDLE}; {CLOSED}", self.0)
    }

    /// A statement that begins a transaction in which they hold.
    pub(super) fn begin(self, begin: Option<&'static str>) -> SqlStr {
        let begin = begin.unwrap_or("BEGIN");
        let statement_timeout = self.0;
        let all = format!("{begin}; SET LOCAL statement_timeout = '{statement_timeout}'; SET LOCAL {IDLE}");
        AssertSqlSafe(all).into_sql_str()
    }
}
