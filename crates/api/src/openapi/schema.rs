//! JSON Schemas (2020-12) of what goes in and out, kept beside the code that reads or writes it.

use stayhook_core::{Json, Members};

/// A schema with a name of its own, which others refer to.
#[derive(Debug)]
pub(crate) struct Component {
    /// The name under `#/components/schemas`.
    pub(crate) name: &'static str,
    /// The schema.
    pub(crate) schema: fn() -> Schema,
}

/// A schema.
#[derive(Clone, Default)]
pub(crate) struct Schema {
    keywords: Members,
    /// The components that it refers to.
    uses: Vec<&'static Component>,
}

impl Schema {
    fn of_type(name: &str) -> Self {
        Self::default().with("type", name)
    }

    /// A string.
    pub(crate) fn text() -> Self {
        Self::of_type("string")
    }

    /// A string of at least one and at most so many characters.
    pub(crate) fn text_of(least: usize, most: usize) -> Self {
        Self::text().with("minLength", count(least)).with("maxLength", count(most))
    }

    /// A point in time.
    pub(crate) fn time() -> Self {
        Self::text().with("format", "date-time")
    }

    /// One of these strings.
    pub(crate) fn one_of(names: impl IntoIterator<Item = &'static str>) -> Self {
        Self::text().with("enum", Json::Array(names.into_iter().map(Json::from).collect()))
    }

    /// A whole number in a range.
    pub(crate) fn whole(least: i64, most: i64) -> Self {
        Self::of_type("integer").with("minimum", least).with("maximum", most)
    }

    /// A whole number of at least zero.
    pub(crate) fn count() -> Self {
        Self::of_type("integer").with("minimum", 0)
    }

    /// `true` or `false`.
    pub(crate) fn boolean() -> Self {
        Self::of_type("boolean")
    }

    /// An array of such items.
    pub(crate) fn array(items: Self) -> Self {
        let mut array = Self::of_type("array");
        array.uses.extend(&items.uses);
        array.with("items", Json::Object(items.keywords))
    }

    /// An object of the members that are named next, and no others.
    pub(crate) fn object() -> Self {
        Self::of_type("object").with("additionalProperties", false)
    }

    /// An object of any members.
    pub(crate) fn any_object() -> Self {
        Self::of_type("object")
    }

    /// What a component describes.
    pub(crate) fn of(component: &'static Component) -> Self {
        let mut schema = Self::default().with("$ref", format!("#/components/schemas/{}", component.name));
        schema.uses.push(component);
        schema
    }

    /// Any of these.
    pub(crate) fn any_of(schemas: impl IntoIterator<Item = Self>) -> Self {
        let mut either = Self::default();
        let mut list = Vec::new();
        for schema in schemas {
            either.uses.extend(&schema.uses);
            list.push(Json::Object(schema.keywords));
        }
        either.with("anyOf", Json::Array(list))
    }

    /// This or `null`.
    pub(crate) fn or_null(mut self) -> Self {
        let Some(Json::Text(name)) = self.keywords.get("type").cloned() else {
            return Self::any_of([self, Self::of_type("null")]);
        };
        self.keywords.insert("type".to_owned(), Json::Array(vec![name.into(), "null".into()]));
        if let Some(Json::Array(mut names)) = self.keywords.take("enum") {
            names.push(Json::Null);
            self.keywords.insert("enum".to_owned(), Json::Array(names));
        }
        self
    }

    /// A keyword of this schema.
    pub(crate) fn with(mut self, keyword: &str, value: impl Into<Json>) -> Self {
        self.keywords.insert(keyword.to_owned(), value.into());
        self
    }

    /// What it means, for people.
    pub(crate) fn says(self, description: impl Into<String>) -> Self {
        self.with("description", description.into())
    }

    /// What it may look like.
    pub(crate) fn example(self, example: impl Into<Json>) -> Self {
        self.with("examples", Json::Array(vec![example.into()]))
    }

    /// A member that is always there.
    pub(crate) fn required(mut self, name: &str, schema: Self) -> Self {
        let mut required = match self.keywords.take("required") {
            Some(Json::Array(names)) => names,
            _ => Vec::new(),
        };
        required.push(name.into());
        self.keywords.insert("required".to_owned(), Json::Array(required));
        self.optional(name, schema)
    }

    /// A member that may be left out.
    pub(crate) fn optional(mut self, name: &str, schema: Self) -> Self {
        let mut members = match self.keywords.take("properties") {
            Some(Json::Object(members)) => members,
            _ => Members::default(),
        };
        self.uses.extend(&schema.uses);
        members.insert(name.to_owned(), Json::Object(schema.keywords));
        self.keywords.insert("properties".to_owned(), Json::Object(members));
        self
    }

    /// The schema as JSON, and the components that it refers to.
    pub(super) fn into_parts(self) -> (Json, Vec<&'static Component>) {
        (Json::Object(self.keywords), self.uses)
    }
}

fn count(number: usize) -> Json {
    Json::from(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Component = Component { name: "Name", schema: Schema::text };

    fn text(schema: Schema) -> String {
        String::from_utf8(schema.into_parts().0.to_stable_bytes()).unwrap()
    }

    #[test]
    fn objects_name_their_members_in_order() {
        let schema = Schema::object()
            .required("b", Schema::one_of(["x"]).or_null())
            .optional("a", Schema::array(Schema::of(&NAME)));
        assert_eq!(schema.uses.len(), 1);
        let expected = concat!(
            r##"{"type":"object","additionalProperties":false,"required":["b"],"properties":{"##,
            r##""b":{"type":["string","null"],"enum":["x",null]},"##,
            r##""a":{"type":"array","items":{"$ref":"#/components/schemas/Name"}}}}"##,
        );
        assert_eq!(text(schema), expected);
    }

    #[test]
    fn what_is_referred_to_may_be_null_too() {
        let expected = r##"{"anyOf":[{"$ref":"#/components/schemas/Name"},{"type":"null"}]}"##;
        assert_eq!(text(Schema::of(&NAME).or_null()), expected);
    }
}
