//! The description of the API: complete, true, and shown to people without help from elsewhere.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stayhook_api::Surface;

use crate::access::ENDPOINTS;
use crate::described::resolve;
use crate::house::{Answer, House};

async fn open(house: &House, path: &str) -> Answer {
    house.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

async fn document(house: &House) -> Value {
    let answer = open(house, "/openapi.json").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// Method, path and operation.
fn operations(document: &Value) -> Vec<(String, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    });
    all.collect()
}

/// `docs/openapi.json` is the document as it was last looked at by somebody.
#[tokio::test]
async fn the_document_changes_only_on_purpose() {
    let house = House::new().await;
    let document = document(&house).await;
    let kept: Value = serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap();
    if document != kept {
        let new = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.json");
        std::fs::write(new, serde_json::to_string_pretty(&document).unwrap() + "\n").unwrap();
        panic!("the description has changed: if that is meant, `cp {new} docs/openapi.json`");
    }
}

#[tokio::test]
async fn every_endpoint_is_described_with_its_scopes() {
    let house = House::new().await;
    let document = document(&house).await;
    let names: BTreeSet<&str> = operations(&document)
        .iter()
        .map(|(.., operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), operations(&document).len(), "every name once");
    let mut described = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{path}");
        if let Some(scopes) = operation["security"][0]["bearer"].as_array() {
            let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str().unwrap()).collect();
            described.insert((method, path.split('/').count(), scopes.join(" ")));
        } else {
            assert!(["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"].contains(&path), "{path}");
        }
    }
    // The table that proves who may do what covers every described endpoint.
    let proved = ENDPOINTS
        .iter()
        .map(|(method, path, scopes)| ((*method).to_owned(), path.split('/').count(), scopes[0].to_owned()));
    assert_eq!(described, proved.collect());
}

/// A member that is described is read, and one that is not described is refused.
#[tokio::test]
async fn bodies_are_read_as_they_are_described() {
    let house = House::new().await;
    let document = document(&house).await;
    let id = house.webhook(101).await;
    for (method, path, operation) in operations(&document) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else {
            continue;
        };
        let members = resolve(&document, schema)["properties"].as_object().unwrap();
        let mut body: Value = members.keys().map(|name| (name.clone(), json!([[]]))).collect();
        body["notDescribed"] = json!(1);
        let token = house.key(path);
        let path = filled(path, id);
        let answer = house.write(&method, token, &path, body.to_string()).await;
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], 422, "{problem}");
        let unknown = problem["errors"].as_array().unwrap().iter();
        let unknown =
            unknown.filter(|error| error["detail"].as_str().unwrap().contains("not a known member"));
        let unknown: Vec<&str> = unknown.map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(unknown, ["/notDescribed"], "{method} {path}");
        let required = resolve(&document, schema)["required"].as_array().cloned().unwrap_or_default();
        let missing = house.write(&method, token, &path, "{}").await;
        assert_eq!(missing.status == 422, !required.is_empty(), "{method} {path}");
        for name in required {
            let pointer = format!("/{}", name.as_str().unwrap());
            let problem: Value = serde_json::from_slice(&missing.body).unwrap();
            let named = problem["errors"].as_array().unwrap().iter().any(|error| error["pointer"] == pointer);
            assert!(named, "{method} {path}: {pointer}");
        }
    }
}

/// A path of the document with something in the places of its parameters.
fn filled(path: &str, webhook: i64) -> String {
    let path = path.replace("{webhook}", &webhook.to_string());
    path.replace("{property}", "101").replace("{type}", "room.cleaned")
}

#[tokio::test]
async fn queries_are_read_as_they_are_described() {
    let house = House::new().await;
    let document = document(&house).await;
    let id = house.webhook(101).await;
    for (method, path, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let names = parameters.iter().filter(|it| it["in"] == "query").map(|it| it["name"].as_str().unwrap());
        let (token, path) = (house.key(path), filled(path, id));
        for name in names {
            let answer = house.write(&method, token, &format!("{path}?{name}=%00&{name}x=1"), "").await;
            let wrong = answer.wrong("invalid_request");
            let unknown: Vec<&str> = wrong
                .iter()
                .filter(|(_, detail)| detail.contains("not a known parameter"))
                .map(|(pointer, _)| pointer.as_str())
                .collect();
            assert_eq!(unknown, [format!("/{name}x")], "{method} {path}");
        }
    }
}

#[tokio::test]
async fn each_surface_describes_itself() {
    let mut house = House::new().await;
    for (surface, has, lacks) in
        [(Surface::Public, "/public/", "/internal/"), (Surface::Internal, "/internal/", "/public/")]
    {
        house.surface(surface);
        let document = document(&house).await;
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.keys().any(|path| path.starts_with(has)), "{surface:?}");
        assert!(!paths.keys().any(|path| path.starts_with(lacks)), "{surface:?}");
        assert!(paths.contains_key("/openapi.json"));
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let house = House::new().await;
    let answer = open(&house, "/docs").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
    let page = answer.text();
    let (_, style) = page.split_once("<style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style.split_once("</style>").unwrap().0.as_bytes()));
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{hash}';")), "{policy}");
    for foreign in ["<script", "<img", "<link", "<iframe", " src=", " style=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let targets: Vec<&str> =
        page.split("href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    assert!(targets.len() > 30);
    for target in targets {
        match target.strip_prefix('#') {
            Some(id) => assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}"),
            None => assert_eq!(target, "openapi.json"),
        }
    }
}

#[tokio::test]
async fn the_page_and_the_guide_show_every_endpoint_and_code() {
    let house = House::new().await;
    let document = document(&house).await;
    let page = open(&house, "/docs").await.text();
    let guide = include_str!("../../../../docs/api.md");
    for (method, path, operation) in operations(&document) {
        assert!(page.contains(&format!("<b>{method}</b> <code>{path}</code>")), "{method} {path}");
        assert!(page.contains(operation["summary"].as_str().unwrap()));
        assert!(guide.contains(&format!("`{method} {path}`")), "docs/api.md lacks `{method} {path}`");
    }
    let codes = document.pointer("/components/schemas/Problem/properties/code/enum").unwrap();
    for code in codes.as_array().unwrap() {
        let code = code.as_str().unwrap();
        assert!(guide.contains(&format!("`{code}`")), "docs/api.md lacks `{code}`");
    }
}
