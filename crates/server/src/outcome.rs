//! How a command ends, and the only ways in which it speaks.

use std::fmt;
use std::io::{self, Write as _};

use crate::config::ConfigError;

/// What a command has to say, as an exit code: 0, 1, or 2 for [`Trouble`].
pub(crate) type Outcome = Result<Answer, Trouble>;

/// The answer to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, or yes: exit 0.
    Yes,
    /// No; the command has said why: exit 1.
    No,
}

/// Bad usage or configuration, in one line that names the key or the option: exit 2.
#[derive(Debug)]
pub(crate) struct Trouble(String);

impl Trouble {
    /// Trouble in these words.
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// One line, whatever others have put into it.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace('\n', " "))
    }
}

impl From<ConfigError> for Trouble {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

/// Prints a line to stdout at once. Whoever has closed it does not want to read it: that is
/// no reason to stop.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints a text to stdout as it is, without an end of line.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line to stderr.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
