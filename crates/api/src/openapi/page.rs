//! The document as a page for people: one HTML file without scripts or anything from elsewhere.

mod html;
mod node;
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use stayhook_core::Json;

use self::html::Html;
use self::node::Node;
use self::words::{constraints, kind, reference};

const STYLE: &str = include_str!("page/style.css");

/// The page, and the policy under which it may be shown.
pub(super) struct Page {
    pub(super) html: String,
    /// `Content-Security-Policy`: nothing but the page's own style.
    pub(super) policy: String,
}

impl Page {
    /// The page that shows an OpenAPI document of ours.
    pub(super) fn of(document: &Json) -> Self {
        let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self { html: render(Node::of(document)), policy }
    }
}

fn render(document: Node<'_>) -> String {
    let mut html = Html::default();
    let info = document.at("info");
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.element("title", &format!("{} API {}", info.at("title").words(), info.at("version").words()));
    html.raw("<style>").raw(STYLE).raw("</style></head><body>");
    contents(&mut html, document);
    html.raw("<main>").element("h1", &format!("{} API", info.at("title").words()));
    html.prose(info.at("description").words());
    html.raw("<p>For tools: <a href=\"openapi.json\">openapi.json</a> (OpenAPI 3.1)</p>");
    for tag in document.at("tags").items() {
        chapter(&mut html, document, tag);
    }
    html.raw("<h2 id=\"problems\">Problems</h2>");
    problems(&mut html, document.at("components").at("responses"));
    html.raw("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document.at("components").at("schemas").entries() {
        html.raw("<section>").heading("h3", &format!("schema-{name}"), name);
        members(&mut html, schema);
        html.raw("</section>");
    }
    html.raw("</main></body></html>").finish()
}

/// Every operation of a tag: path, method and what is said of it.
fn operations<'a>(document: Node<'a>, tag: &'a str) -> impl Iterator<Item = (&'a str, &'a str, Node<'a>)> {
    let methods = document.at("paths").entries().flat_map(|(path, methods)| {
        methods.entries().map(move |(method, operation)| (path, method, operation))
    });
    methods.filter(move |(_, _, operation)| operation.at("tags").items().any(|own| own.words() == tag))
}

fn contents(html: &mut Html, document: Node<'_>) {
    html.raw("<nav>");
    for tag in document.at("tags").items() {
        html.element("h2", tag.at("name").words()).raw("<ul>");
        for (_, _, operation) in operations(document, tag.at("name").words()) {
            html.raw("<li>")
                .link(operation.at("operationId").words(), operation.at("summary").words())
                .raw("</li>");
        }
        html.raw("</ul>");
    }
    html.raw("<p><a href=\"#problems\">Problems</a> · <a href=\"#schemas\">Schemas</a></p></nav>");
}

fn chapter(html: &mut Html, document: Node<'_>, tag: Node<'_>) {
    let name = tag.at("name").words();
    html.element("h2", name).prose(tag.at("description").words());
    for (path, method, operation) in operations(document, name) {
        html.raw("<section>").heading(
            "h3",
            operation.at("operationId").words(),
            operation.at("summary").words(),
        );
        html.raw("<p class=\"call\"><b>").text(&method.to_uppercase()).raw("</b> <code>").text(path);
        html.raw("</code></p>").prose(operation.at("description").words());
        parameters(html, operation);
        let body = operation.at("requestBody").at("content").at("application/json").at("schema");
        if !body.is_absent() {
            html.raw("<h4>Body</h4><p>").raw(&kind(body)).raw("</p>");
        }
        responses(html, operation);
        html.raw("</section>");
    }
}

fn parameters(html: &mut Html, operation: Node<'_>) {
    if operation.at("parameters").items().next().is_none() {
        return;
    }
    html.raw("<h4>Parameters</h4><table>");
    for parameter in operation.at("parameters").items() {
        let schema = parameter.at("schema");
        html.raw("<tr><th><code>").text(parameter.at("name").words()).raw("</code><td>");
        html.text(parameter.at("in").words()).raw("<td>").raw(&kind(schema)).raw("<td>");
        html.prose(parameter.at("description").words()).prose(&constraints(schema));
    }
    html.raw("</table>");
}

fn responses(html: &mut Html, operation: Node<'_>) {
    html.raw("<h4>Answers</h4><table>");
    for (status, response) in operation.at("responses").entries() {
        html.raw("<tr><th>").text(status).raw("<td>");
        if let Some(code) = reference(response) {
            html.link(&format!("problem-{code}"), code);
            continue;
        }
        html.prose(response.at("description").words());
        for (media_type, content) in response.at("content").entries() {
            html.raw("<p>")
                .raw(&kind(content.at("schema")))
                .raw(" as <code>")
                .text(media_type)
                .raw("</code></p>");
        }
    }
    html.raw("</table>");
}

fn problems(html: &mut Html, responses: Node<'_>) {
    html.raw("<table>");
    for (code, response) in responses.entries() {
        html.raw("<tr><th>").heading("code", &format!("problem-{code}"), code).raw("<td>");
        html.prose(response.at("description").words());
        for (header, _) in response.at("headers").entries().filter(|(header, _)| *header != "X-Request-Id") {
            html.raw("<p>with the header <code>").text(header).raw("</code></p>");
        }
    }
    html.raw("</table>");
}

fn members(html: &mut Html, schema: Node<'_>) {
    html.prose(schema.at("description").words());
    if schema.at("properties").is_absent() {
        html.raw("<p>").raw(&kind(schema)).raw("</p>").prose(&constraints(schema));
        return;
    }
    html.raw("<table>");
    for (name, member) in schema.at("properties").entries() {
        let required = schema.at("required").items().any(|it| it.words() == name);
        html.raw("<tr><th><code>").text(name).raw("</code><td>");
        html.text(if required { "always" } else { "optional" }).raw("<td>").raw(&kind(member)).raw("<td>");
        html.prose(member.at("description").words()).prose(&constraints(member));
    }
    html.raw("</table>");
}
