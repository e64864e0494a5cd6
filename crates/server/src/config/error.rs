//! What is wrong with the configuration, and where it is written.

use std::fmt;
use std::path::PathBuf;

use super::keys::KEYS;
use super::nearest::nearest;

/// What is wrong with the configuration, where, and what to do about it: one line.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {problem}")]
pub(crate) struct ConfigError {
    origin: Origin,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{key}: {what}")]
    Key { key: String, what: String },
    #[error("unknown key `{0}`{1}")]
    Unknown(String, Meant),
    #[error("{0}")]
    Source(String),
}

#[derive(Debug)]
struct Meant(Option<&'static str>);

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |key| write!(f, ": did you mean `{key}`?"))
    }
}

/// Where a setting was written.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    File(PathBuf),
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

impl ConfigError {
    /// A setting has a value that it cannot have.
    pub(super) fn key(origin: Origin, key: impl Into<String>, what: String) -> Self {
        Self { origin, problem: Problem::Key { key: key.into(), what } }
    }

    /// There is no such setting; names the one that was most likely meant.
    pub(super) fn unknown(origin: Origin, path: &str) -> Self {
        let meant = nearest(path, KEYS.iter().map(|key| key.name));
        Self { origin, problem: Problem::Unknown(path.to_owned(), Meant(meant)) }
    }

    /// A file, variable or flag cannot be read at all.
    pub(super) fn source(origin: Origin, what: String) -> Self {
        Self { origin, problem: Problem::Source(what) }
    }
}
