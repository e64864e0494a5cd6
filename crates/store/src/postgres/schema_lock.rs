//! The lock under which the schema changes: whoever migrates, and makes or drops partitions, does
//! so alone.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::sleep;

use super::failure::Failure;
use super::sql;
use crate::StoreError;

/// How long it is waited for where nothing can go on without it. Nobody of us holds it for long.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The same where somebody waits who is better told soon.
pub(super) const PROMPT: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// So many tries later it is said what is being waited for.
const TELL: u32 = 20;

/// Takes it until the end of the transaction; waits for so long at most, then says for whom.
pub(super) async fn take(conn: &mut PgConnection, patience: Duration) -> Result<(), Failure> {
    let mut tries: u32 = 0;
    loop {
        if sqlx::query_scalar(sql::TRY_LOCK_SCHEMA).fetch_one(&mut *conn).await? {
            return Ok(());
        }
        tries += 1;
        if PAUSE * tries > patience {
            return Err(StoreError::Busy(holder(conn).await?).into());
        }
        if tries == TELL {
            let holder = holder(conn).await?;
            tracing::info!(%holder, "waiting for the lock of the schema");
        }
        sleep(PAUSE).await;
    }
}

async fn holder(conn: &mut PgConnection) -> Result<String, Failure> {
    let who: Option<String> = sqlx::query_scalar(sql::SCHEMA_LOCKED_BY).fetch_one(conn).await?;
    let who = who.unwrap_or_else(|| "somebody".to_owned());
    Ok(format!("{who} holds the advisory lock of its schema"))
}
