//! Why a profile cannot be used.

use std::fmt;

/// What is wrong with a profile: in which file, at which key, and what to do about it, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{key}: {reason}", Behind(.file.as_deref()))]
pub struct ProfileError {
    file: Option<String>,
    key: String,
    reason: String,
}

impl ProfileError {
    /// An error at `key`.
    pub(crate) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: None, key: key.into(), reason: reason.into() }
    }

    /// The same error, found in `file`.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }

    /// The same error, its key below `path`.
    pub(crate) fn below(self, path: &str) -> Self {
        Self { key: format!("{path}.{}", self.key), ..self }
    }

    /// The key, from the top of the file: `profiles.mine.headers."X-Partner"`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong with it, and what to write instead.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

struct Behind<'a>(Option<&'a str>);

impl fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |file| write!(f, "{file}: "))
    }
}
