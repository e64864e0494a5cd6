//! `/public/v1/webhooks/{id}/deliveries`: what became of events.

mod filter;
mod list;
mod read;
mod retry;
mod schema;
mod turn;
mod view;

pub(crate) use self::filter::{BOOKING, EVENT_TYPE, SINCE, STATUS, UNTIL, filter};
pub(crate) use self::retry::Requeued;
pub(crate) use self::schema::{PAGE, WHOLE, state};
pub(crate) use self::turn::delivery as told_apart;
pub(crate) use self::view::{BookingView, DeliveryView};
use crate::openapi::Routes;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(&list::OPERATION, list::list)
        .add(&read::OPERATION, read::read)
        .add(&retry::OPERATION, retry::retry)
}
