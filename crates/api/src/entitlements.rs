//! `PUT /internal/v1/properties/{id}/entitlement`: whether a property is served.

use axum::extract::{Request, State};
use axum::response::Response;
use stayhook_core::JSON_DEPTH_LIMIT;
use stayhook_engine::By;
use stayhook_store::Author;

use crate::auth::{Internal, ScopeName};
use crate::error::{Problem, Subject};
use crate::fields::{Fields, boolean};
use crate::openapi::{Answer, Body, Component, Operation, Routes, Schema, Tag, Verb};
use crate::path::Path;
use crate::{Shared, answer, body};

const OPERATION: Operation = Operation {
    summary: "Say whether a property is served",
    details: "Events of a property that is not are skipped (`not_entitled`), and its deliveries that wait are \
        cancelled when their turn comes. Setting what is set already does nothing.",
    scopes: &[ScopeName::EntitlementsWrite],
    body: Some(Body { schema: || Schema::of(&ENTITLEMENT), subject: Subject::Request }),
    answers: &[Answer::empty(204, "It holds from now on.")],
    ..Operation::new(
        Verb::Put,
        "/internal/v1/properties/{property}/entitlement",
        Tag::Entitlements,
        "setEntitlement",
    )
};

const ENTITLEMENT: Component = Component { name: "Entitlement", schema: entitlement };

fn entitlement() -> Schema {
    Schema::object()
        .required("entitled", Schema::boolean().says("Whether the property's webhooks are sent to."))
}

pub(crate) fn routes() -> Routes {
    Routes::new().add(&OPERATION, set)
}

async fn set(
    State(api): State<Shared>,
    internal: Internal,
    path: Path,
    request: Request,
) -> Result<Response, Problem> {
    let caller = internal.caller();
    caller.needs(OPERATION.scopes)?;
    let property = path.property()?;
    if !caller.may_touch(property) {
        return Err(Problem::no_such("property"));
    }
    let json = body::json(request, body::PUBLIC_BYTES, JSON_DEPTH_LIMIT).await?;
    let invalid = |errors| Problem::invalid(Subject::Request, errors);
    let mut fields = Fields::of(json, String::new()).map_err(invalid)?;
    let entitled = fields.required("entitled", boolean);
    let wrong = fields.finish();
    let entitled = entitled.filter(|_| wrong.is_empty()).ok_or_else(|| invalid(wrong))?;
    let by = By::new(Author::Client(caller.client().clone()));
    api.state.engine.set_entitlement(property, entitled, by).await?;
    Ok(answer::no_content())
}
