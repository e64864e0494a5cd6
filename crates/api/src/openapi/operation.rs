//! An endpoint as it is described.

use axum::routing::MethodFilter;

use super::Schema;
use crate::auth::ScopeName;
use crate::error::{Code, Subject};

/// What can be done at a path with a method.
pub(crate) struct Operation {
    pub(crate) verb: Verb,
    /// The path, its parameters in braces.
    pub(crate) path: &'static str,
    pub(crate) tag: Tag,
    /// `operationId`: a name for programs.
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// What else is to be known.
    pub(crate) details: &'static str,
    /// The scopes that a caller needs; none means that no token is asked for.
    pub(crate) scopes: &'static [ScopeName],
    /// The parameters of the query; others are refused.
    pub(crate) query: &'static [Parameter],
    /// Headers that mean something here.
    pub(crate) headers: &'static [Parameter],
    pub(crate) body: Option<Body>,
    /// No body at all stands for `{}`.
    pub(crate) body_may_be_empty: bool,
    /// What comes back when all is well.
    pub(crate) answers: &'static [Answer],
    /// Problems besides those that follow from the rest.
    pub(crate) problems: &'static [Code],
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The chapter that an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Webhooks,
    Deliveries,
    EventTypes,
    Events,
    Entitlements,
    Administration,
    Service,
}

/// A parameter of the query, or a header.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) schema: fn() -> Schema,
}

/// A body that is asked for.
pub(crate) struct Body {
    pub(crate) schema: fn() -> Schema,
    /// Decides the code of what is wrong with it.
    pub(crate) subject: Subject,
}

/// An answer that is no problem.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) content: Content,
    pub(crate) headers: &'static [Header],
}

/// What an answer holds.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    Nothing,
    Json(fn() -> Schema),
    Text(&'static str),
}

/// A header of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    Location,
    ETag,
}

impl Operation {
    /// An operation of which the rest is to be said.
    pub(crate) const fn new(verb: Verb, path: &'static str, tag: Tag, name: &'static str) -> Self {
        Self {
            verb,
            path,
            tag,
            name,
            summary: "",
            details: "",
            scopes: &[],
            query: &[],
            headers: &[],
            body: None,
            body_may_be_empty: false,
            answers: &[],
            problems: &[],
        }
    }

    /// The names of the parameters in the path.
    pub(super) fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
    }

    /// Internal services are not held up, except that the events that they report are counted.
    fn is_rate_limited(&self) -> bool {
        match self.tag {
            Tag::Events => self.body.is_some(),
            Tag::Entitlements => false,
            _ => !self.scopes.is_empty(),
        }
    }

    /// Every problem that may come back, each code once, by status.
    pub(super) fn all_problems(&self) -> Vec<Code> {
        let mut codes = self.problems.to_vec();
        if !self.scopes.is_empty() {
            codes.extend([Code::Unauthenticated, Code::InsufficientScope, Code::Unavailable]);
        }
        if self.is_rate_limited() {
            codes.push(Code::RateLimited);
        }
        if self.path_parameters().next().is_some() {
            codes.push(Code::NotFound);
        }
        if !self.query.is_empty() {
            codes.push(Code::InvalidRequest);
        }
        if let Some(body) = &self.body {
            codes.extend([Code::InvalidJson, Code::PayloadTooLarge, Code::UnsupportedMediaType]);
            codes.push(body.subject.code());
        }
        codes.sort_by_key(|code| (code.status(), code.as_str()));
        codes.dedup();
        codes
    }
}

impl Answer {
    /// An answer with JSON.
    pub(crate) const fn json(status: u16, description: &'static str, schema: fn() -> Schema) -> Self {
        Self { status, description, content: Content::Json(schema), headers: &[] }
    }

    /// An answer with text of a media type.
    pub(crate) const fn text(status: u16, description: &'static str, media_type: &'static str) -> Self {
        Self { status, description, content: Content::Text(media_type), headers: &[] }
    }

    /// An answer without a body.
    pub(crate) const fn empty(status: u16, description: &'static str) -> Self {
        Self { status, description, content: Content::Nothing, headers: &[] }
    }

    /// The same with headers.
    pub(crate) const fn with(self, headers: &'static [Header]) -> Self {
        Self { headers, ..self }
    }
}

impl Verb {
    /// The key under a path of the document.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    pub(super) fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Tag {
    /// Every tag, in the order of chapters.
    pub(super) const ALL: [Self; 7] = [
        Self::Webhooks,
        Self::Deliveries,
        Self::EventTypes,
        Self::Events,
        Self::Entitlements,
        Self::Administration,
        Self::Service,
    ];

    /// Name and meaning.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Webhooks => ("Webhooks", "The registry: which events of a property go where."),
            Self::Deliveries => {
                ("Deliveries", "The log: what became of events at a webhook, attempt by attempt.")
            }
            Self::EventTypes => ("Event types", "What a webhook may subscribe to."),
            Self::Events => ("Events", "For internal services, which report what happened."),
            Self::Entitlements => {
                ("Entitlements", "For internal services, which say what properties are served.")
            }
            Self::Administration => {
                ("Administration", "Every client's webhooks and deliveries, figures, and who changed what.")
            }
            Self::Service => ("Service", "For whoever runs the service, and for tools. No token."),
        }
    }
}

impl Header {
    /// Name and meaning.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Location => ("Location", "The path of what was created."),
            Self::ETag => ("ETag", "The version of what was answered, for If-Match and If-None-Match."),
        }
    }
}
