//! A request as text, for people.

use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_LENGTH, HOST};
use http::{HeaderName, HeaderValue, Method};
use stayhook_core::{DeliveryId, Json, SigningSecret, UnixMs, UrlError, UrlRules, WebhookId, WebhookUrl};

use crate::{Attempt, EventFacts, Profile, Secrets, UrlTemplateError, Wire};

/// What a preview shows.
#[derive(Clone, Copy)]
pub struct Preview<'a> {
    /// The URL of the webhook; the profile's example where there is none.
    pub url: Option<&'a str>,
    /// By which rules it is judged.
    pub rules: &'a UrlRules,
    /// The number of the webhook.
    pub webhook: WebhookId,
    /// Its secret; a throw-away one will do.
    pub secret: &'a SigningSecret,
    /// When the attempt is made.
    pub now: UnixMs,
    /// The event.
    pub facts: EventFacts<'a>,
    /// Its data.
    pub data: &'a Json,
    /// Its data as the producer wrote it.
    pub raw: &'a [u8],
    /// Whether the webhook wants custom parameters.
    pub include_custom_parameters: bool,
    /// The value of `Authorization`, where there are credentials.
    pub authorization: Option<&'a HeaderValue>,
}

/// Why there is nothing to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The URL has a brace where none may stand.
    #[error(transparent)]
    Template(#[from] UrlTemplateError),
    /// The URL would be refused.
    #[error(transparent)]
    Url(#[from] UrlError),
}

impl Profile {
    /// The exact HTTP/1.1 request (RFC 9112) of the first attempt at an event.
    ///
    /// # Errors
    /// When the URL would be refused.
    pub fn preview(self: &Arc<Self>, preview: &Preview<'_>) -> Result<String, PreviewError> {
        let facts = &preview.facts;
        let composed = self.compose(facts, preview.data, preview.raw, preview.include_custom_parameters);
        let template = self.url_template(preview.url.unwrap_or(self.example_url()))?;
        let wire = Wire::new(self, None, Secrets { current: preview.secret, next: None });
        let attempt = Attempt {
            delivery: DeliveryId { event: facts.id, webhook: preview.webhook },
            number: 1,
            kind: facts.kind,
            property: facts.property,
            now: preview.now,
            body: &composed.body,
            authorization: preview.authorization,
        };
        let request = wire.request(&template, &attempt);
        let url = WebhookUrl::parse(&request.url, preview.rules)?;
        Ok(request_text(&request.method, &url, &request.headers, &composed.body))
    }
}

/// The text of a request as it goes on the wire: `Host`, the headers in order, and what the
/// connection adds. Bytes that are no UTF-8 show as replacement characters.
pub fn request_text(
    method: &Method,
    url: &WebhookUrl,
    headers: &[(HeaderName, HeaderValue)],
    body: &[u8],
) -> String {
    let mut text = format!("{method} {} HTTP/1.1\r\n", url.path_and_query());
    push_header(&mut text, &HOST, url.authority().as_bytes());
    for (name, value) in headers {
        push_header(&mut text, name, value.as_bytes());
    }
    if !headers.iter().any(|(name, _)| name == ACCEPT) {
        push_header(&mut text, &ACCEPT, b"*/*");
    }
    push_header(&mut text, &CONTENT_LENGTH, body.len().to_string().as_bytes());
    text.push_str("\r\n");
    text.push_str(&String::from_utf8_lossy(body));
    text
}

fn push_header(text: &mut String, name: &HeaderName, value: &[u8]) {
    // Names go out in title case: their letters at the beginning and behind each `-`.
    let mut capital = true;
    for letter in name.as_str().chars() {
        text.push(if capital { letter.to_ascii_uppercase() } else { letter });
        capital = letter == '-';
    }
    text.push_str(": ");
    text.push_str(&String::from_utf8_lossy(value));
    text.push_str("\r\n");
}
