//! What a webhook looks like, and what may be said about one.

use stayhook_core::{Description, Json, MAX_URL_CHARS, Ordering};

use super::auth::MOST as MOST_CREDENTIAL;
use crate::openapi::{Component, Schema, shapes};

/// A webhook as it is read.
pub(super) const WEBHOOK: Component = Component { name: "Webhook", schema: read };
/// The same with its secret.
pub(super) const CREATED: Component = Component { name: "CreatedWebhook", schema: created };
/// What a webhook is created from.
pub(super) const NEW: Component = Component { name: "NewWebhook", schema: new };
/// What may be changed about one.
pub(super) const CHANGE: Component = Component { name: "WebhookChange", schema: change };
/// A page of webhooks.
pub(super) const PAGE: Component =
    Component { name: "WebhookPage", schema: || shapes::page(Schema::of(&WEBHOOK)) };

/// A webhook as it is read.
pub(crate) fn webhook() -> Schema {
    let time = || Schema::time().example("2026-05-27T16:40:00Z");
    let schema = Schema::object()
        .required("id", shapes::webhook_id())
        .required("propertyId", shapes::property_id())
        .required("url", url())
        .required("events", events())
        .required("description", description().or_null())
        .required("status", status().says("Whether it is sent to."))
        .required("createdAt", time())
        .required("updatedAt", time().says("When its configuration or status last changed."));
    options(schema, Shown::WhereChosen)
        .optional(
            "failingSince",
            time().says("The first failed attempt since the last success, while it fails."),
        )
        .optional("disabledAt", time())
        .optional(
            "disabledReason",
            Schema::text()
                .says("`failing`, `gone` (the receiver wants nothing more), or an administrator's words.")
                .example("failing"),
        )
}

fn read() -> Schema {
    let words = "Where the webhook is read by itself, and its profile lets its owner read the secret again.";
    webhook().optional("signingSecret", secret().says(words))
}

fn created() -> Schema {
    webhook().required("signingSecret", secret())
}

fn new() -> Schema {
    let schema = Schema::object()
        .required("propertyId", shapes::property_id())
        .required("url", url())
        .required("events", events())
        .optional("description", description().or_null());
    options(schema, Shown::Asked { or_null: true }).optional("auth", auth())
}

fn change() -> Schema {
    let schema = Schema::object()
        .optional("url", url())
        .optional("events", events())
        .optional("description", description().or_null())
        .optional("status", Schema::one_of(["active", "paused"]).says("`paused` holds deliveries back."));
    let held_needs = Json::object([("held", Json::Array(vec!["status".into()]))]);
    options(schema, Shown::Asked { or_null: false })
        .optional("held", held())
        .optional("auth", auth())
        .with("dependentRequired", held_needs)
}

/// How the options of a webhook appear.
#[derive(Clone, Copy)]
enum Shown {
    /// In answers: only where they are other than the default.
    WhereChosen,
    /// In requests: where wanted; `null` may stand for the default.
    Asked { or_null: bool },
}

fn options(schema: Schema, shown: Shown) -> Schema {
    let may_be_null = |schema: Schema| match shown {
        Shown::Asked { or_null: true } => schema.or_null(),
        _ => schema,
    };
    let profile = || match shown {
        Shown::WhereChosen => Schema::text(),
        Shown::Asked { .. } => Schema::text_of(1, 64).or_null(),
    };
    let orderings = [Ordering::None, Ordering::Booking, Ordering::Newest].map(Ordering::as_str);
    schema
        .optional(
            "includeCustomParameters",
            may_be_null(Schema::boolean()).says("Whether `customParameters` are sent along."),
        )
        .optional(
            "skipOwn",
            may_be_null(Schema::boolean()).says("Whether events that the webhook's own client caused are left out."),
        )
        .optional(
            "ordering",
            may_be_null(Schema::one_of(orderings)).says(
                "How events of one booking follow each other: `none` does not let a retry hold up newer ones, \
                 `booking` does, `newest` drops older ones that still wait.",
            ),
        )
        .optional("profile", profile().says("How requests look on the wire: the name of a profile of the deployment."))
        .optional("shadowProfile", profile().says("A second profile whose headers are sent along."))
}

fn url() -> Schema {
    Schema::text_of(1, MAX_URL_CHARS)
        .says(
            "Where events are sent: absolute, public, without user info and fragment; https unless configured. \
             Path and query may hold `{eventType}` and `{propertyId}` where the webhook's profile has them.",
        )
        .example("https://partner.example.com/nowistay/webhooks")
}

fn events() -> Schema {
    Schema::array(shapes::event_pattern())
        .with("minItems", 1)
        .says("Known event types, or all of a resource: `booking.*`. Duplicates fold.")
}

fn description() -> Schema {
    Schema::text()
        .with("maxLength", Description::MOST as i64)
        .says("A note of the owner's.")
        .example("PMS sync")
}

/// What may become of held deliveries.
pub(crate) fn held() -> Schema {
    Schema::one_of(["deliver", "latest", "discard"]).says(
        "What becomes of held deliveries, together with `status: active`: all are sent (the default), the newest \
         of each booking, or none.",
    )
}

/// The states of a webhook.
pub(crate) fn status() -> Schema {
    Schema::one_of(["active", "paused", "disabled"])
}

/// What a profile may take besides.
fn auth() -> Schema {
    let of = |kind| Schema::object().required("type", Schema::one_of([kind]));
    let text = || Schema::text_of(1, MOST_CREDENTIAL);
    let oauth2 = of("oauth2_client_credentials")
        .required("tokenUrl", Schema::text_of(1, MAX_URL_CHARS).with("format", "uri"))
        .required("clientId", text())
        .required("clientSecret", text())
        .optional("scope", text().or_null());
    let basic = of("basic").required("username", text()).required("password", text());
    let bearer = of("bearer").required("token", text());
    let none = Schema::default().with("type", "null");
    Schema::any_of([oauth2, basic, bearer, none]).says(
        "Credentials for the receiver, where the webhook's profile takes any, as `bookingkit` does. They are \
         never shown; `null` removes them.",
    )
}

pub(super) fn secret() -> Schema {
    Schema::text()
        .with("pattern", "^whsec_[A-Za-z0-9+/]{43}=$")
        .says("The key of the signatures. Shown here and never again.")
}
