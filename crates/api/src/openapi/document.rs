//! The OpenAPI document, put together from operations.

use stayhook_core::{Json, Members};

use super::operation::{Answer, Content, Header, Operation, Parameter, Tag};
use super::schema::{Component, Schema};
use crate::error::{self, Code};
use crate::path;

/// The version of the API, as in its paths.
const VERSION: &str = "1";
const DESCRIPTION: &str = "Registers webhooks, takes events in, and shows what became of them. \
    Errors are problems by RFC 9457 with a `code`; one answer names every wrong field. Every answer bears \
    `X-Request-Id`, which may be sent along. Times are RFC 3339 in UTC. Unknown members and parameters are refused.";
const TOKEN: &str = "bearer";

/// Puts the document together.
pub(super) struct Writer {
    components: Vec<&'static Component>,
    problems: Vec<Code>,
    headers: Vec<Header>,
}

/// The document that describes these operations.
pub(super) fn document(operations: &[&'static Operation]) -> Json {
    let mut writer = Writer { components: Vec::new(), problems: Vec::new(), headers: Vec::new() };
    let mut paths = Members::default();
    for operation in operations {
        let mut methods = match paths.get(operation.path) {
            Some(Json::Object(methods)) => methods.clone(),
            _ => Members::default(),
        };
        methods.insert(operation.verb.key().to_owned(), writer.operation(operation));
        paths.insert(operation.path.to_owned(), Json::Object(methods));
    }
    let tags = Tag::ALL.into_iter().filter(|tag| operations.iter().any(|it| it.tag == *tag));
    Json::object([
        ("openapi", Json::from("3.1.0")),
        ("info", info()),
        ("servers", Json::Array(vec![Json::object([("url", Json::from("/"))])])),
        ("tags", Json::Array(tags.map(tag).collect())),
        ("paths", Json::Object(paths)),
        ("components", writer.components()),
    ])
}

fn info() -> Json {
    let license = [("name", "Apache-2.0 OR MIT"), ("identifier", "Apache-2.0 OR MIT")];
    Json::object([
        ("title", Json::from("Stayhook")),
        ("version", Json::from(VERSION)),
        ("description", Json::from(DESCRIPTION)),
        ("license", Json::object(license.map(|(name, text)| (name, Json::from(text))))),
    ])
}

fn tag(tag: Tag) -> Json {
    let (name, description) = tag.words();
    Json::object([("name", Json::from(name)), ("description", Json::from(description))])
}

impl Writer {
    fn operation(&mut self, operation: &'static Operation) -> Json {
        let mut members = vec![
            ("operationId", Json::from(operation.name)),
            ("tags", Json::Array(vec![operation.tag.words().0.into()])),
            ("summary", Json::from(operation.summary)),
        ];
        let details = details(operation);
        if !details.is_empty() {
            members.push(("description", Json::from(details)));
        }
        members.push(("security", security(operation)));
        let parameters = self.parameters(operation);
        if !parameters.is_empty() {
            members.push(("parameters", Json::Array(parameters)));
        }
        if let Some(body) = &operation.body {
            let content = self.content("application/json", (body.schema)());
            let required = Json::from(!operation.body_may_be_empty);
            members.push(("requestBody", Json::object([("required", required), ("content", content)])));
        }
        members.push(("responses", self.responses(operation)));
        Json::object(members)
    }

    fn parameters(&mut self, operation: &'static Operation) -> Vec<Json> {
        let of_path = operation.path_parameters().filter_map(path::parameter);
        let all = of_path.map(|it| ("path", it));
        let all = all.chain(operation.query.iter().map(|it| ("query", it)));
        let all: Vec<_> = all.chain(operation.headers.iter().map(|it| ("header", it))).collect();
        all.into_iter().map(|(place, parameter)| self.parameter(place, parameter)).collect()
    }

    fn parameter(&mut self, place: &str, parameter: &Parameter) -> Json {
        Json::object([
            ("name", Json::from(parameter.name)),
            ("in", Json::from(place)),
            ("description", Json::from(parameter.description)),
            ("required", Json::from(place == "path")),
            ("schema", self.schema((parameter.schema)())),
        ])
    }

    fn responses(&mut self, operation: &'static Operation) -> Json {
        let mut responses: Vec<(String, Json)> = Vec::new();
        for answer in operation.answers {
            responses.push((answer.status.to_string(), self.answer(answer)));
        }
        for code in operation.all_problems() {
            if !self.problems.contains(&code) {
                self.problems.push(code);
            }
            let reference = format!("#/components/responses/{}", code.as_str());
            responses
                .push((code.status().as_u16().to_string(), Json::object([("$ref", Json::from(reference))])));
        }
        Json::object(responses)
    }

    fn answer(&mut self, answer: &'static Answer) -> Json {
        let mut members = vec![("description", Json::from(answer.description))];
        let mut headers = Members::default();
        headers.insert("X-Request-Id".to_owned(), header_reference("X-Request-Id"));
        for header in answer.headers {
            if !self.headers.contains(header) {
                self.headers.push(*header);
            }
            headers.insert(header.words().0.to_owned(), header_reference(header.words().0));
        }
        members.push(("headers", Json::Object(headers)));
        match answer.content {
            Content::Nothing => {}
            Content::Json(schema) => {
                members.push(("content", self.content("application/json", schema())));
            }
            Content::Text(media_type) => members.push(("content", self.content(media_type, Schema::text()))),
        }
        Json::object(members)
    }

    fn content(&mut self, media_type: &str, schema: Schema) -> Json {
        let schema = self.schema(schema);
        Json::object([(media_type, Json::object([("schema", schema)]))])
    }

    /// The schema as JSON; the components that it uses, and those that they use, are noted.
    fn schema(&mut self, schema: Schema) -> Json {
        let (json, uses) = schema.into_parts();
        for component in uses {
            if self.components.iter().all(|known| known.name != component.name) {
                self.components.push(component);
                self.schema((component.schema)());
            }
        }
        json
    }

    fn components(mut self) -> Json {
        let problem = self.schema(Schema::of(&error::PROBLEM));
        let responses = self.problems.clone();
        let responses = responses.into_iter().map(|code| (code.as_str(), problem_response(code, &problem)));
        let responses = Json::object(responses.collect::<Vec<_>>());
        let mut schemas: Vec<_> = self.components.clone();
        schemas.sort_by_key(|component| component.name);
        let schemas =
            schemas.into_iter().map(|component| (component.name, (component.schema)().into_parts().0));
        let schemas = Json::object(schemas.collect::<Vec<_>>());
        Json::object([
            ("schemas", schemas),
            ("responses", responses),
            ("headers", self.headers()),
            ("securitySchemes", Json::object([(TOKEN, bearer())])),
        ])
    }

    fn headers(&self) -> Json {
        let id =
            ("X-Request-Id", "The id of this request in logs: the one that was sent along, or a new one.");
        let problems = [
            ("WWW-Authenticate", "What is missing (RFC 6750)."),
            ("Retry-After", "Seconds after which it may be tried again."),
        ];
        let answers = self.headers.iter().map(|header| header.words());
        let all = [id].into_iter().chain(answers).chain(problems);
        Json::object(all.map(|(name, description)| {
            let schema = ("schema", Json::object([("type", Json::from("string"))]));
            (name, Json::object([("description", Json::from(description)), schema]))
        }))
    }
}

fn problem_response(code: Code, problem: &Json) -> Json {
    let named = Json::object([("const", Json::from(code.as_str()))]);
    let named = Json::object([("properties", Json::object([("code", named)]))]);
    let schema = Json::object([("allOf", Json::Array(vec![problem.clone(), named]))]);
    let content = Json::object([("application/problem+json", Json::object([("schema", schema)]))]);
    let own = match code {
        Code::Unauthenticated | Code::InsufficientScope => Some("WWW-Authenticate"),
        Code::RateLimited | Code::Unavailable => Some("Retry-After"),
        _ => None,
    };
    let headers = ["X-Request-Id"].into_iter().chain(own);
    Json::object([
        ("description", Json::from(format!("{} (`{}`).", code.title(), code.as_str()))),
        ("headers", Json::object(headers.map(|name| (name, header_reference(name))))),
        ("content", content),
    ])
}

fn header_reference(name: &str) -> Json {
    Json::object([("$ref", Json::from(format!("#/components/headers/{name}")))])
}

fn details(operation: &Operation) -> String {
    let scopes: Vec<String> = operation.scopes.iter().map(|scope| format!("`{scope}`")).collect();
    let needs = match scopes.as_slice() {
        [] => String::new(),
        [only] => format!("Needs the scope {only}."),
        several => format!("Needs the scopes {}.", several.join(" and ")),
    };
    [operation.details, &needs].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// OpenAPI 3.1 lets any scheme name the scopes or roles that are needed.
fn security(operation: &Operation) -> Json {
    if operation.scopes.is_empty() {
        return Json::Array(Vec::new());
    }
    let scopes = operation.scopes.iter().map(|scope| Json::from(scope.as_str())).collect();
    Json::Array(vec![Json::object([(TOKEN, Json::Array(scopes))])])
}

fn bearer() -> Json {
    let words = "An API token of `stayhook token create`, or an access token of a trusted issuer. \
        `webhooks.write` implies `webhooks.read`.";
    Json::object(
        [("type", "http"), ("scheme", "bearer"), ("description", words)].map(|(k, v)| (k, Json::from(v))),
    )
}
