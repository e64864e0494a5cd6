//! What SQLite's errors mean for the one who must act.

use rusqlite::ErrorCode;

use crate::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let words = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::NotWritable(words)
            }
            Some(ErrorCode::NotADatabase) => Self::NotOurs("the file holds something else".to_owned()),
            Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
                Self::Unavailable(words)
            }
            _ => Self::Database(words),
        }
    }
}
