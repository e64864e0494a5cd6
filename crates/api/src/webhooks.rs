//! `/public/v1/webhooks`: the registry.

mod change;
mod create;
mod delete;
mod list;
mod members;
mod read;
mod view;

use axum::Router;
use axum::routing::get;

use crate::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/public/v1/webhooks", get(list::list).post(create::create))
        .route("/public/v1/webhooks/{webhook}", get(read::read).patch(change::change).delete(delete::delete))
}
