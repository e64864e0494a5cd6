//! One profile.

use http::Method;
use stayhook_core::{EventType, Json, Ordering, Span};
use toml::Table;

use crate::body::Body;
use crate::event_types::EventTypes;
use crate::header::Headers;
use crate::read::Section;
use crate::redaction::Redaction;
use crate::show;
use crate::signature::Scheme;
use crate::status::StatusPolicy;
use crate::url::UrlPolicy;
use crate::{
    AuthPolicy, Composed, EventFacts, Judged, KnownType, Meaning, ProfileError, Schedule, UrlTemplate,
    UrlTemplateError,
};

/// Every key at the top of a profile, `extends` left out: it is resolved before.
const KEYS: &[&str] = &[
    "method",
    "url",
    "body",
    "redaction",
    "headers",
    "signature",
    "auth",
    "status_policy",
    "schedule",
    "secret_visibility",
    "ordering",
    "test_type",
    "event_types",
];

/// Whether a webhook's owner can see its secret again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretVisibility {
    /// In the answers that create it alone.
    Once,
    /// Whenever the owner reads the webhook.
    Readable,
}

/// A wire profile: what requests look like and what answers mean, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    name: String,
    method: Method,
    url: UrlPolicy,
    body: Body,
    redaction: Redaction,
    headers: Headers,
    signature: Option<Scheme>,
    auth: AuthPolicy,
    status: StatusPolicy,
    schedule: Schedule,
    secret_visibility: SecretVisibility,
    ordering: Ordering,
    test_type: EventType,
    event_types: EventTypes,
    /// Everything that was said, with what the profile builds on.
    resolved: Table,
}

impl Profile {
    /// Reads a profile of which everything that it builds on is part.
    pub(crate) fn read(name: &str, resolved: Table) -> Result<Self, ProfileError> {
        let top = Section::root(&resolved).only(KEYS)?;
        let section = |key: &str| top.need(key, "a table")?.section("a table");
        let (body, redaction) = read_body(&top)?;
        let headers = Headers::read(&section("headers")?)?;
        let profile = Self {
            name: name.to_owned(),
            method: read_method(&top)?,
            url: UrlPolicy::read(name, &section("url")?.only(&["placeholders", "example"])?)?,
            body,
            redaction,
            signature: read_signature(&top, &headers)?,
            headers,
            auth: AuthPolicy::read(&section("auth")?.only(&["kinds", "deployment"])?)?,
            status: StatusPolicy::read(&section("status_policy")?)?,
            schedule: Schedule::read(&section("schedule")?.only(&["base", "factor", "cap", "jitter"])?)?,
            secret_visibility: top
                .need("secret_visibility", "\"once\"")?
                .word(&[("once", SecretVisibility::Once), ("readable", SecretVisibility::Readable)])?,
            ordering: top.need("ordering", "\"none\"")?.word(&[
                (Ordering::None.as_str(), Ordering::None),
                (Ordering::Booking.as_str(), Ordering::Booking),
                (Ordering::Newest.as_str(), Ordering::Newest),
            ])?,
            test_type: read_test_type(&top)?,
            event_types: EventTypes::read(&section("event_types")?)?,
            resolved: Table::new(),
        };
        Ok(Self { resolved, ..profile })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The method of its requests: POST, PUT or PATCH.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Reads the URL of a webhook: placeholders may stand only where the profile allows them.
    /// The rules for URLs themselves are [`stayhook_core::WebhookUrl`]'s: judge what
    /// [`UrlTemplate::expand`] gives, at registration with any event type.
    ///
    /// # Errors
    /// When a brace stands where none may.
    pub fn url_template(&self, text: &str) -> Result<UrlTemplate, UrlTemplateError> {
        self.url.template(&self.name, text)
    }

    /// The URL of previews that name none.
    pub fn example_url(&self) -> &str {
        &self.url.example
    }

    /// Composes the body of an event for webhooks that want custom parameters, or for those
    /// that do not. `raw` is what the producer wrote, and `data` the same, parsed.
    pub fn compose(
        &self,
        facts: &EventFacts<'_>,
        data: &Json,
        raw: &[u8],
        include_custom_parameters: bool,
    ) -> Composed {
        let data = (data, raw);
        self.body.compose(&self.redaction, &self.event_types, facts, data, include_custom_parameters)
    }

    /// Whether bodies of the profile hold the producer's bytes, so that they must be kept until
    /// then; otherwise `raw` of [`Profile::compose`] may be empty.
    pub fn needs_raw_data(&self) -> bool {
        self.body.keeps_bytes()
    }

    /// Which credentials requests bear.
    pub fn auth(&self) -> &AuthPolicy {
        &self.auth
    }

    /// What a status means, in the words of the profile.
    pub fn meaning(&self, status: u16) -> Meaning {
        self.status.meaning(status)
    }

    /// What an answer means for the delivery. `retry_after` is the receiver's own wish, parsed and
    /// bounded, where its status is one that may express it.
    pub fn judge(&self, status: u16, retry_after: Option<Span>) -> Judged {
        self.meaning(status).judged(retry_after)
    }

    /// What the profile changes about the deployment's schedule.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Whether a webhook's owner can see its secret again.
    pub fn secret_visibility(&self) -> SecretVisibility {
        self.secret_visibility
    }

    /// The ordering of webhooks that name none.
    pub fn ordering(&self) -> Ordering {
        self.ordering
    }

    /// The type of test events that name none.
    pub fn test_type(&self) -> &EventType {
        &self.test_type
    }

    /// The platform's event types, by name.
    pub fn event_types(&self) -> impl ExactSizeIterator<Item = &KnownType> {
        self.event_types.iter()
    }

    /// What the catalogue says of a type.
    pub fn event_type(&self, name: &EventType) -> Option<&KnownType> {
        self.event_types.get(name)
    }

    /// Of events of this type with one key, those within so long are one: the newest.
    pub fn coalesce(&self, name: &EventType) -> Option<Span> {
        self.event_type(name)?.coalesce
    }

    /// Whether requests are signed. A webhook under a profile that does not sign has a secret
    /// all the same, so that it can change to one that does.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// The whole profile as TOML, with what it builds on and every default: a file of this text
    /// is the same profile.
    pub fn show(&self) -> String {
        show::write(&self.resolved)
    }

    pub(crate) fn headers(&self) -> &Headers {
        &self.headers
    }

    pub(crate) fn signature(&self) -> Option<&Scheme> {
        self.signature.as_ref()
    }
}

fn read_method(top: &Section<'_>) -> Result<Method, ProfileError> {
    let method = top.need("method", "\"POST\"")?.word(&[("POST", 0), ("PUT", 1), ("PATCH", 2)])?;
    Ok(match method {
        0 => Method::POST,
        1 => Method::PUT,
        _ => Method::PATCH,
    })
}

fn read_body(top: &Section<'_>) -> Result<(Body, Redaction), ProfileError> {
    let body = Body::read(&top.need("body", "\"verbatim\" or a table with an envelope")?)?;
    let field = top.need("redaction", "\"none\"")?;
    let redaction = Redaction::read(&field)?;
    if body.keeps_bytes() && redaction != Redaction::None {
        return Err(field.error(
            "takes members out, but the body keeps the producer's bytes: set it to \"none\", or give the body an envelope with stable = true",
        ));
    }
    Ok((body, redaction))
}

fn read_signature(top: &Section<'_>, headers: &Headers) -> Result<Option<Scheme>, ProfileError> {
    let field = top.need("signature", "a table with content and header, or \"none\" to send unsigned")?;
    let Some(scheme) = Scheme::read(&field)? else { return Ok(None) };
    match scheme.header_names().find(|name| headers.contains(name)) {
        Some(name) => {
            Err(field.error(format!("{name} stands among the headers as well: remove one of them")))
        }
        None => Ok(()),
    }?;
    Ok(Some(scheme))
}

fn read_test_type(top: &Section<'_>) -> Result<EventType, ProfileError> {
    let field = top.need("test_type", "an event type")?;
    EventType::parse(field.text("an event type")?).map_err(|error| field.error(error.to_string()))
}
