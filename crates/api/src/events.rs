//! `/internal/v1/events`: where internal services report what happened.

mod batch;
mod enqueue;
mod members;
mod read;
mod schema;
mod split;

use crate::openapi::Routes;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(&enqueue::OPERATION, enqueue::enqueue)
        .add(&batch::OPERATION, batch::batch)
        .add(&read::OPERATION, read::read)
}
