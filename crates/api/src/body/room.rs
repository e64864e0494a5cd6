//! What all large bodies may take of a node's memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::PUBLIC_BYTES;
use crate::error::Problem;

/// A part of the room, given back when dropped.
pub(super) type Share = OwnedSemaphorePermit;

/// The room that a node has for large bodies: without it, many batches at once would take all of
/// its memory.
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// What all large bodies together may have, in bytes.
    const BYTES: usize = 64 * 1024 * 1024;
    /// Bodies up to this size need no room.
    const SMALL: usize = PUBLIC_BYTES;
    /// The unit in which room is given, in bytes.
    const UNIT: usize = 1_024;
    /// How long a body waits for room.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Room for bodies of [`Room::BYTES`].
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(Self::BYTES / Self::UNIT)))
    }

    /// The share of a body of so many bytes, as soon as it is there.
    ///
    /// # Errors
    /// 503 when other bodies take too long.
    pub(super) async fn take(&self, bytes: usize) -> Result<Option<Share>, Problem> {
        if bytes <= Self::SMALL {
            return Ok(None);
        }
        let units = u32::try_from(bytes.min(Self::BYTES).div_ceil(Self::UNIT)).unwrap_or(u32::MAX);
        let share = timeout(Self::PATIENCE, Arc::clone(&self.0).acquire_many_owned(units)).await;
        match share {
            Ok(Ok(share)) => Ok(Some(share)),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Problem::unavailable(
                "other large requests take all the room there is: try again in a moment, or send smaller batches",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;

    #[tokio::test]
    async fn large_bodies_share_a_bounded_room() {
        let room = Room::new();
        assert!(room.take(Room::SMALL).await.unwrap().is_none(), "small ones need none");
        let most = room.take(Room::BYTES - Room::SMALL).await.unwrap();
        let waits = room.take(Room::SMALL + 1);
        let ends = async {
            tokio::task::yield_now().await;
            drop(most);
        };
        let (share, ()) = tokio::join!(waits, ends);
        assert_eq!(share.unwrap().unwrap().num_permits(), 65, "rounded up");
        let all = room.take(usize::MAX).await.unwrap();
        let refused = room.take(Room::SMALL + 1).await.unwrap_err().into_response();
        assert_eq!(refused.status().as_u16(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        drop(all);
    }
}
