//! A look into the document, at whatever may or may not be there.

use stayhook_core::Json;

/// A place in the document.
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(Option<&'a Json>);

impl<'a> Node<'a> {
    pub(super) fn of(json: &'a Json) -> Self {
        Self(Some(json))
    }

    /// The member of that name.
    pub(super) fn at(self, name: &str) -> Self {
        Self(self.0.and_then(|json| json.get(name)))
    }

    pub(super) fn is_absent(self) -> bool {
        self.0.is_none()
    }

    /// The string here, or an empty one.
    pub(super) fn words(self) -> &'a str {
        self.0.and_then(Json::as_str).unwrap_or_default()
    }

    /// The items here.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        self.0.and_then(Json::as_array).unwrap_or_default().iter().map(Self::of)
    }

    /// The members here.
    pub(super) fn entries(self) -> impl Iterator<Item = (&'a str, Self)> {
        let members = self.0.and_then(Json::as_object);
        members.into_iter().flat_map(|members| members.iter().map(|(name, json)| (name, Self::of(json))))
    }

    /// What is here as JSON.
    pub(super) fn json(self) -> String {
        self.0.map_or_else(String::new, |json| String::from_utf8_lossy(&json.to_stable_bytes()).into_owned())
    }
}
