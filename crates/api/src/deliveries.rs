//! `/public/v1/webhooks/{id}/deliveries`: what became of events.

mod filter;
mod list;
mod read;
mod schema;
mod view;

pub(crate) use self::filter::{BOOKING, EVENT_TYPE, SINCE, STATUS, UNTIL, filter};
pub(crate) use self::schema::{DELIVERY, PAGE, WHOLE, state};
pub(crate) use self::view::{BookingView, DeliveryView};
use crate::openapi::Routes;

pub(crate) fn routes() -> Routes {
    Routes::new().add(&list::OPERATION, list::list).add(&read::OPERATION, read::read)
}
