//! The catalogue of event types: `GET /public/v1/event-types` and `PUT /admin/v1/event-types/{name}`,
//! and the JSON Schemas that events are held against.

mod bounds;
mod list;
mod put;
mod schema;
mod validators;
mod view;

pub(crate) use self::list::routes;
pub(crate) use self::put::routes as admin_routes;
pub use self::schema::{DataSchema, SchemaError};
pub(crate) use self::validators::Validators;
