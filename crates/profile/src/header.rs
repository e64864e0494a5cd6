//! The headers of a profile: names that may be set, values that are visible ASCII.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue};

use crate::ProfileError;
use crate::placeholder::{Piece, Slot, Template};
use crate::read::{Field, Section};

/// The most headers that a profile may set.
const MOST: usize = 64;
/// The longest text of one, in bytes.
const VALUE_MAX: usize = 1024;

/// Headers that say how a message is framed and routed, which a profile would break, and the one
/// that belongs to `auth`.
const OURS: &[(&str, &str)] = &[
    ("host", "comes from the URL"),
    ("content-length", "comes from the body"),
    ("connection", "belongs to the connection"),
    ("keep-alive", "belongs to the connection"),
    ("proxy-connection", "belongs to the connection"),
    ("proxy-authorization", "belongs to the connection"),
    ("transfer-encoding", "belongs to the connection"),
    ("content-encoding", "is not supported: bodies are sent as they are"),
    ("expect", "belongs to the connection"),
    ("te", "belongs to the connection"),
    ("trailer", "belongs to the connection"),
    ("upgrade", "belongs to the connection"),
    ("traceparent", "belongs to tracing"),
    ("authorization", "comes from `auth`"),
];

/// The header whose value is the attempt's own id. It goes out last.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of a profile, in the order in which they go out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Headers {
    /// Before `Authorization` and the signature.
    pub(crate) first: Vec<(HeaderName, Value)>,
    /// Behind them.
    pub(crate) last: Vec<(HeaderName, Value)>,
}

/// The value of a header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Fixed(HeaderValue),
    Filled(Template),
}

impl Headers {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ProfileError> {
        let mut seen = HashSet::new();
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (name, field) in section.fields() {
            if seen.len() == MOST {
                return Err(field.error(format!("is one header too many: a profile has at most {MOST}")));
            }
            let parsed = name_of(name, &field)?;
            if !seen.insert(parsed.clone()) {
                return Err(field.error("stands here twice, in two spellings: remove one"));
            }
            if field.is_removed() {
                continue;
            }
            let header = (parsed, Value::read(&field)?);
            if header.0 == REQUEST_ID { last.push(header) } else { first.push(header) }
        }
        Ok(Self { first, last })
    }

    /// Whether one of them is called that.
    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        self.first.iter().chain(&self.last).any(|(own, _)| own == name)
    }
}

impl Value {
    fn read(field: &Field<'_>) -> Result<Self, ProfileError> {
        let template = template(field, Slot::FACTS)?;
        let Some(text) = template.literal() else { return Ok(Self::Filled(template)) };
        HeaderValue::from_str(text).map(Self::Fixed).map_err(|_| field.error("is no value of a header"))
    }
}

/// The name of a header that a profile may set.
pub(crate) fn name_of(name: &str, field: &Field<'_>) -> Result<HeaderName, ProfileError> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        field.error("is no name of a header: use letters, digits and `-`, such as \"X-Partner-Id\"")
    })?;
    match OURS.iter().find(|(ours, _)| *ours == parsed.as_str()) {
        Some((_, why)) => Err(field.error(format!("cannot be set by a profile: {parsed} {why}; remove it"))),
        None => Ok(parsed),
    }
}

/// The text of a header, with these placeholders.
pub(crate) fn template(field: &Field<'_>, allowed: &[Slot]) -> Result<Template, ProfileError> {
    let text = field.text("the value of a header, or false for none")?;
    if text.len() > VALUE_MAX {
        return Err(field.error(format!("is longer than {VALUE_MAX} bytes: shorten it")));
    }
    let template = Template::parse(text, allowed).map_err(|reason| field.error(reason))?;
    let visible = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let fits = template.pieces().iter().all(|piece| match piece {
        Piece::Literal(text) => visible(text),
        Piece::Slot(_) => true,
    });
    // RFC 9110, section 5.5: a value neither begins nor ends with a space.
    if fits && text.trim() == text {
        Ok(template)
    } else {
        Err(field.error("must be visible ASCII characters, with spaces only between them"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Headers, String> {
        let table: toml::Table = text.parse().unwrap();
        Headers::read(&Section::root(&table)).map_err(|error| error.to_string())
    }

    #[test]
    fn headers_keep_their_order_but_for_the_request_id() {
        let headers =
            read("X-Request-Id = '{requestId}'\nX-B = 'b'\nX-A = '{eventId}'\nX-C = false").unwrap();
        let names: Vec<_> =
            headers.first.iter().chain(&headers.last).map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-b", "x-a", "x-request-id"]);
        assert!(
            matches!(headers.first[0].1, Value::Fixed(_)) && matches!(headers.first[1].1, Value::Filled(_))
        );
    }

    #[test]
    fn what_would_break_a_request_is_refused() {
        for (text, reason) in [
            ("Host = 'x'", "Host: cannot be set by a profile: host comes from the URL"),
            ("content-LENGTH = '1'", "content-LENGTH: cannot be set"),
            ("Transfer-Encoding = false", "Transfer-Encoding: cannot be set"),
            ("Authorization = 'Bearer x'", "comes from `auth`"),
            ("'X A' = 'x'", "\"X A\": is no name of a header"),
            ("'' = 'x'", "\"\": is no name"),
            ("X-A = \"a\\r\\nX-B: b\"", "X-A: must be visible ASCII"),
            ("X-A = 'é'", "visible ASCII"),
            ("X-A = ' a'", "visible ASCII"),
            ("X-A = ''", "is empty"),
            ("X-A = 1", "in quotes"),
            ("X-A = true", "in quotes"),
            ("X-A = '{body}'", "{body} is no placeholder here"),
            ("X-A = 'a'\nx-a = 'b'", "x-a: stands here twice"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason) && !error.contains('\n'), "{text}: {error}");
        }
        let many: String = (0..65).map(|n| format!("X-{n} = 'x'\n")).collect();
        assert!(read(&many).unwrap_err().contains("at most 64"));
    }
}
