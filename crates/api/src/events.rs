//! `/internal/v1/events`: where internal services report what happened.

mod batch;
mod enqueue;
mod members;
mod read;
mod schema;
mod split;

use crate::openapi::Routes;

/// The texts of a batch's events.
#[cfg(fuzzing)]
pub(crate) fn items(body: &[u8]) -> Option<Vec<&str>> {
    split::items(body).ok()
}

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(&enqueue::OPERATION, enqueue::enqueue)
        .add(&batch::OPERATION, batch::batch)
        .add(&read::OPERATION, read::read)
}
