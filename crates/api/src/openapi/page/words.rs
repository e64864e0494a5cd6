//! Schemas in words.

use super::html::Html;
use super::node::Node;

/// The last part of a reference.
pub(super) fn reference<'a>(node: Node<'a>) -> Option<&'a str> {
    node.at("$ref").words().rsplit_once('/').map(|(_, name)| name)
}

/// What kind of value a schema describes, as HTML.
pub(super) fn kind(schema: Node<'_>) -> String {
    let mut html = Html::default();
    if let Some(name) = reference(schema) {
        return html.link(&format!("schema-{name}"), name).finish();
    }
    let either: Vec<String> = schema.at("anyOf").items().map(kind).collect();
    if !either.is_empty() {
        return either.join(" or ");
    }
    let names: Vec<&str> = match schema.at("type").words() {
        "" => schema.at("type").items().map(Node::words).collect(),
        one => vec![one],
    };
    let items = schema.at("items");
    for (at, name) in names.iter().enumerate() {
        html.raw(if at == 0 { "" } else { " or " }).text(name);
        if *name == "array" && !items.is_absent() {
            html.raw(" of ").raw(&kind(items));
        }
    }
    html.finish()
}

/// What else a schema demands, in words with code between backticks.
pub(super) fn constraints(schema: Node<'_>) -> String {
    let mut words = Vec::new();
    let names: Vec<String> = schema.at("enum").items().map(|it| format!("`{}`", it.json())).collect();
    if !names.is_empty() {
        words.push(format!("One of {}.", names.join(", ")));
    }
    for (keyword, before, after) in [
        ("format", "Format ", ""),
        ("minimum", "At least ", ""),
        ("maximum", "At most ", ""),
        ("minLength", "At least ", " characters"),
        ("maxLength", "At most ", " characters"),
        ("minItems", "At least ", " items"),
        ("maxItems", "At most ", " items"),
        ("pattern", "Pattern `", "`"),
        ("default", "`", "` unless given"),
    ] {
        let value = schema.at(keyword);
        if !value.is_absent() {
            let value = if value.words().is_empty() { value.json() } else { value.words().to_owned() };
            words.push(format!("{before}{value}{after}."));
        }
    }
    let examples: Vec<String> = schema.at("examples").items().map(|it| format!("`{}`", it.json())).collect();
    if !examples.is_empty() {
        words.push(format!("Example: {}.", examples.join(", ")));
    }
    words.join(" ")
}
