//! `/public/v1/webhooks/{id}/deliveries`: what became of events.

mod list;
mod read;
mod retry;
mod schema;
mod turn;
mod view;

pub(crate) use self::schema::state;
pub(crate) use self::view::BookingView;
use crate::openapi::Routes;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(&list::OPERATION, list::list)
        .add(&read::OPERATION, read::read)
        .add(&retry::OPERATION, retry::retry)
}
