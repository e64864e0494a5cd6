//! Holds every answer that a test gets against the description of the API: what is described
//! is what is.

use std::sync::OnceLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use jsonschema::Validator;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::house::Answer;

static DESCRIBED: OnceLock<Described> = OnceLock::new();

struct Described(Vec<Response>);

/// One status of one operation.
struct Response {
    method: String,
    path: String,
    status: u16,
    headers: Vec<String>,
    /// Media type and schema, where there is a body.
    content: Option<(String, Validator)>,
}

/// The document of a router.
pub(crate) async fn document(router: &Router) -> Value {
    let request = Request::builder().uri("/openapi.json").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

/// Learns the description from a router with everything.
pub(crate) async fn learn(router: &Router) {
    if DESCRIBED.get().is_none() {
        let read = Described::read(&document(router).await);
        // Another test may have been faster, with the same description.
        let _ = DESCRIBED.set(read);
    }
}

/// Asserts that an answer is one that is described.
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let described = DESCRIBED.get().unwrap();
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let exact = described.0.iter().any(|it| it.path == path);
    let here =
        |it: &&Response| it.method == method && if exact { it.path == path } else { fits(&it.path, path) };
    let mut of_operation = described.0.iter().filter(here).peekable();
    if of_operation.peek().is_none() {
        return;
    }
    let response = of_operation.find(|it| it.status == answer.status);
    let response = response.unwrap_or_else(|| panic!("{method} {path}: {} is not described", answer.status));
    for name in &response.headers {
        assert!(answer.headers.contains_key(name.as_str()), "{method} {path} {}: no {name}", answer.status);
    }
    match &response.content {
        None => assert!(answer.body.is_empty(), "{method} {path}: {}", answer.text()),
        Some(_) if answer.body.is_empty() => assert_eq!(method, "GET", "{path}: HEAD alone has no body"),
        Some((media_type, validator)) => {
            assert!(answer.header("content-type").starts_with(media_type.as_str()), "{method} {path}");
            let body = serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!(answer.text()));
            let wrong: Vec<String> = validator
                .iter_errors(&body)
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{method} {path} {}: {wrong:?}\n{body}", answer.status);
        }
    }
}

impl Described {
    fn read(document: &Value) -> Self {
        let mut all = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                for (status, response) in operation["responses"].as_object().unwrap() {
                    let (method, path) = (method.to_uppercase(), path.clone());
                    let response = resolve(document, response);
                    all.push(Response::read(document, method, path, status.parse().unwrap(), response));
                }
            }
        }
        Self(all)
    }
}

impl Response {
    fn read(document: &Value, method: String, path: String, status: u16, response: &Value) -> Self {
        let headers = response["headers"].as_object().unwrap().keys().cloned().collect();
        let content = response["content"].as_object().and_then(|content| content.iter().next());
        let content = content.map(|(media_type, content)| {
            let mut schema = content["schema"].clone();
            schema["components"] = document["components"].clone();
            (media_type.clone(), jsonschema::validator_for(&schema).unwrap())
        });
        Self { method, path, status, headers, content }
    }
}

/// What is described there, or what that refers to.
pub(crate) fn resolve<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    match node["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => node,
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(part, own)| (part.starts_with('{') && !own.is_empty()) || *part == own)
}
