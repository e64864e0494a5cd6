//! `/public/v1/webhooks`: the registry, and what is done with one of it.

mod auth;
mod change;
mod create;
mod delete;
mod list;
mod members;
mod read;
mod recover;
mod rotate;
mod schema;
mod test;
mod view;
mod wiring;

use axum::http::HeaderMap;
use stayhook_engine::By;
use stayhook_store::Author;

pub(crate) use self::change::read_held;
pub(crate) use self::list::status as read_status;
pub(crate) use self::schema::{held, status, webhook};
pub(crate) use self::view::WebhookView;
use crate::auth::Caller;
use crate::etag;
use crate::openapi::Routes;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add(&create::OPERATION, create::create)
        .add(&list::OPERATION, list::list)
        .add(&read::OPERATION, read::read)
        .add(&change::OPERATION, change::change)
        .add(&delete::OPERATION, delete::delete)
        .add(&test::OPERATION, test::test)
        .add(&rotate::OPERATION, rotate::rotate)
        .add(&recover::OPERATION, recover::recover)
}

/// In whose name a webhook is changed, and which versions of it are meant (`If-Match`).
fn by(caller: &Caller, headers: &HeaderMap) -> By {
    By { author: Author::Client(caller.client().clone()), versions: etag::versions(headers) }
}

/// In whose name something is done with a webhook, whatever its version.
pub(crate) fn by_caller(caller: &Caller) -> By {
    By::new(Author::Client(caller.client().clone()))
}
