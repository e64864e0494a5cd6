//! `/admin/v1/webhooks`: the registry over all clients.

mod change;
mod list;
mod read;
mod view;

use crate::openapi::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .add(&list::OPERATION, list::list)
        .add(&read::OPERATION, read::read)
        .add(&change::OPERATION, change::change)
}
