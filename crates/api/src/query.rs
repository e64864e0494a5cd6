//! Query parameters: like members of a body, every wrong one is named, also unknown ones.

use stayhook_core::{ClientId, MAX_SAFE_INTEGER, PropertyId, WebhookId};
use url::form_urlencoded;

use crate::error::{FieldError, Problem, Subject};
use crate::fields::Wrong;
use crate::openapi::{Parameter, Schema};

/// Rows of a page unless `limit` says otherwise.
const PAGE: usize = 50;
/// The most that `limit` may ask for.
const LARGEST_PAGE: usize = 200;

/// How many rows a page may have.
pub(crate) const LIMIT: Parameter = Parameter {
    name: "limit",
    description: "How many rows the page may have.",
    schema: || Schema::whole(1, LARGEST_PAGE as i64).with("default", PAGE as i64),
};

/// Where a page starts.
pub(crate) const CURSOR: Parameter =
    Parameter { name: "cursor", description: "The `nextCursor` of the page before.", schema: cursor };

fn cursor() -> Schema {
    Schema::text().with("pattern", "^[A-Za-z0-9_-]+$")
}

/// A query that is being read.
pub(crate) struct Query {
    known: &'static [Parameter],
    parameters: Vec<(String, String)>,
    wrong: Vec<FieldError>,
}

impl Query {
    /// Starts to read the part of a URL behind `?`, which may hold these parameters.
    pub(crate) fn parse(known: &'static [Parameter], query: Option<&str>) -> Self {
        let parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { known, parameters, wrong: Vec::new() }
    }

    /// A parameter, where it is given. One that is not described is not known.
    pub(crate) fn take<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        self.known.iter().find(|parameter| parameter.name == name)?;
        let at = self.parameters.iter().position(|(own, _)| own == name)?;
        let (_, value) = self.parameters.remove(at);
        if self.parameters.iter().any(|(own, _)| own == name) {
            self.parameters.retain(|(own, _)| own != name);
            self.refuse(name, "is given more than once");
            return None;
        }
        read(&value).map_err(|detail| self.refuse(name, detail)).ok()
    }

    /// How many rows the page may have.
    pub(crate) fn limit(&mut self) -> usize {
        self.take("limit", |text| {
            let rows = whole(text).and_then(|rows| usize::try_from(rows).ok());
            rows.filter(|rows| (1..=LARGEST_PAGE).contains(rows))
                .ok_or_else(|| format!("must be a whole number from 1 to {LARGEST_PAGE}").into())
        })
        .unwrap_or(PAGE)
    }

    /// Ends the reading: whatever was not taken is a parameter that nobody knows.
    ///
    /// # Errors
    /// 422 with every wrong parameter.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.finish_for(Subject::Request)
    }

    /// The same where the body says what the request is about: its code is used.
    ///
    /// # Errors
    /// 422 with every wrong parameter.
    pub(crate) fn finish_for(mut self, subject: Subject) -> Result<(), Problem> {
        let unknown = self.parameters.iter().map(|(name, _)| FieldError::unknown("", name, "parameter"));
        self.wrong.extend(unknown);
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::invalid(subject, self.wrong)) }
    }

    fn refuse(&mut self, name: &str, detail: impl Into<Wrong>) {
        self.wrong.push(FieldError { pointer: format!("/{name}"), detail: detail.into() });
    }
}

/// A whole number in its one form: no sign in front, no leading zeros.
pub(crate) fn whole(text: &str) -> Option<i64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits { text.parse().ok() } else { None }
}

/// A property's id.
pub(crate) fn property(text: &str) -> Result<PropertyId, Wrong> {
    PropertyId::new(whole(text).unwrap_or(0)).map_err(|error| error.to_string().into())
}

/// A webhook's id.
pub(crate) fn webhook(text: &str) -> Result<WebhookId, Wrong> {
    let id = whole(text).filter(|id| *id <= MAX_SAFE_INTEGER);
    id.map(WebhookId).ok_or(Wrong::Borrowed("must be a whole number, at most 2^53 - 1"))
}

/// A client's id.
pub(crate) fn client(text: &str) -> Result<ClientId, Wrong> {
    ClientId::parse(text).map_err(|error| error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(query: &str) -> Option<usize> {
        let mut query = Query::parse(&[LIMIT], Some(query));
        let limit = query.limit();
        query.finish().ok().map(|()| limit)
    }

    #[test]
    fn pages_have_bounds() {
        assert_eq!(limit(""), Some(50));
        assert_eq!(limit("limit=1"), Some(1));
        assert_eq!(limit("limit=200"), Some(200));
        for bad in ["0", "201", "-1", "+5", "05", "ten", "", "1.0", "99999999999999999999"] {
            assert_eq!(limit(&format!("limit={bad}")), None, "{bad}");
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        assert_eq!(limit("limit=1&limit=1"), None);
        assert_eq!(limit("limits=1"), None);
        assert_eq!(limit("limit=1&"), Some(1));
        let mut query = Query::parse(&[LIMIT], Some("cursor=x"));
        assert_eq!(query.take("cursor", |text| Ok(text.to_owned())), None, "not described, thus not known");
        assert!(query.finish().is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = limit(&text);
            let _ = whole(&text);
        }

        #[test]
        fn whole_numbers_read_back(number in 0_i64..) {
            prop_assert_eq!(whole(&number.to_string()), Some(number));
        }
    }
}
