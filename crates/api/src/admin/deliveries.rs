//! `/admin/v1/deliveries`: the delivery log over all webhooks.

mod list;
mod read;
mod retry;

use crate::openapi::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .add(&list::OPERATION, list::list)
        .add(&read::OPERATION, read::read)
        .add(&retry::OPERATION, retry::retry)
}
