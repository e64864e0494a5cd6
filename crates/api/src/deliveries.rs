//! `/public/v1/webhooks/{id}/deliveries`: what became of events.

mod list;
mod read;
mod view;

use axum::Router;
use axum::routing::get;

pub(crate) use self::view::BookingView;
use crate::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/public/v1/webhooks/{webhook}/deliveries", get(list::list))
        .route("/public/v1/webhooks/{webhook}/deliveries/{delivery}", get(read::read))
}
