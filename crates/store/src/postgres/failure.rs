//! What PostgreSQL's errors mean: for this program, and for the one who must act.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::StoreError;

/// Why a transaction did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The database, or the way to it.
    Sql(sqlx::Error),
    /// Nothing came back in time: nobody knows whether it is there.
    Silence,
    /// Others took this node for dead, or it has left.
    Buried,
    /// What the caller has to know.
    Store(StoreError),
}

impl Failure {
    /// Two transactions stood in each other's way, and this one gave in: it can be repeated
    /// as it was.
    pub(super) fn is_collision(&self) -> bool {
        // Serialization failure, deadlock, and two that made the same partition at once.
        matches!(self.code().as_deref(), Some("40001" | "40P01" | "42P07"))
    }

    /// What was to be written once is there already.
    pub(super) fn is_repetition(&self) -> bool {
        self.code().as_deref() == Some("23505")
    }

    /// A row belongs to a day that has no partition.
    pub(super) fn lacks_partition(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return false };
        // A check violation of no constraint.
        error.code().as_deref() == Some("23514") && error.constraint().is_none()
    }

    /// Somebody else was faster to lock it.
    pub(super) fn is_locked_out(&self) -> bool {
        self.code().as_deref() == Some("55P03")
    }

    /// Somebody else is in the way, who is not waited for.
    pub(super) fn is_obstructed(&self) -> bool {
        self.is_locked_out() || matches!(self, Self::Store(StoreError::Busy(_)))
    }

    /// The connection is not to be used again.
    pub(super) fn breaks_connection(&self) -> bool {
        match self {
            // A server that takes no writes any more is a standby now: the address may lead to
            // the new primary.
            Self::Sql(sqlx::Error::Database(error)) => {
                is_fatal(error.as_ref()) || error.code().as_deref() == Some("25006")
            }
            Self::Sql(_) | Self::Silence => true,
            Self::Buried | Self::Store(_) => false,
        }
    }

    /// The connection was lost: what was asked may be asked again on another one.
    pub(super) fn is_lost_connection(&self) -> bool {
        self.breaks_connection() && !matches!(self, Self::Silence)
    }

    fn code(&self) -> Option<String> {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return None };
        error.code().map(std::borrow::Cow::into_owned)
    }
}

fn is_fatal(error: &dyn DatabaseError) -> bool {
    let severity = error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
    matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Silence => Self::Unavailable("no answer in time".to_owned()),
            Failure::Buried => Self::Unavailable(
                "this node is none of the database's any more: it has left, or was silent for too long"
                    .to_owned(),
            ),
            Failure::Sql(sqlx::Error::Database(error)) => refused(error.as_ref()),
            Failure::Sql(
                error @ (sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::ColumnIndexOutOfBounds { .. }
                | sqlx::Error::Encode(_)
                | sqlx::Error::Decode(_)
                | sqlx::Error::TypeNotFound { .. }
                | sqlx::Error::RowNotFound),
            ) => Self::Database(error.to_string()),
            Failure::Sql(error) => Self::Unavailable(error.to_string()),
        }
    }
}

fn is_poolers(words: &str) -> bool {
    words.contains("prepared statement") || words.contains("unsupported startup parameter")
}

/// By the class of the error's code (PostgreSQL documentation, appendix A).
fn refused(error: &dyn DatabaseError) -> StoreError {
    let words = error.message().to_owned();
    let code = error.code().unwrap_or_default();
    match (code.get(..2).unwrap_or_default(), &*code) {
        // Full, or a role that may not.
        (_, "53100" | "42501") => StoreError::NotWritable(words),
        (_, "25006") => StoreError::Unfit(format!(
            "{words}: it is a standby, or default_transaction_read_only is on; name the primary"
        )),
        // Ours, see the migration `operation`.
        (_, "57000") => StoreError::Busy(words),
        (_, "3D000") => StoreError::NoDatabase(words),
        // Startup parameters that a pooler does not take, statements that are gone, or there
        // already: they were prepared on another session than they are used on.
        (_, "26000" | "42P05") | ("08", _) if is_poolers(&words) => {
            StoreError::Address(format!("a pooler stands between, add pgbouncer=true ({words})"))
        }
        // Connections, authentication, collisions, resources, locks, operator intervention.
        ("08" | "28" | "40" | "53" | "55" | "57" | "58", _) => StoreError::Unavailable(words),
        _ => StoreError::Database(format!("{words} ({code})")),
    }
}
