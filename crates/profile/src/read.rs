//! Reading TOML values, each with the path of keys that leads to it.

use std::ops::RangeInclusive;

use stayhook_core::{Ratio, Span};
use toml::{Table, Value};

use crate::ProfileError;
use crate::nearest::did_you_mean;

type Read<T> = Result<T, ProfileError>;

/// The longest text that a profile may hold, in bytes.
const TEXT_MAX: usize = 4096;

/// A table, and where it stands.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    path: String,
    table: &'a Table,
}

/// A value, and where it stands.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Section<'a> {
    /// The table at the top of a profile.
    pub(crate) fn root(table: &'a Table) -> Self {
        Self { path: String::new(), table }
    }

    /// Refuses every key that is not among `known`.
    pub(crate) fn only(self, known: &[&str]) -> Read<Self> {
        match self.table.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(self),
            Some(key) => {
                let meant = did_you_mean(key, known.iter().copied());
                Err(ProfileError::new(join(&self.path, key), format!("unknown key{meant}")))
            }
        }
    }

    /// The value of a key, where there is one.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'a>> {
        self.table.get(key).map(|value| Field { path: join(&self.path, key), value })
    }

    /// The value of a key that there must be.
    pub(crate) fn need(&self, key: &str, example: &str) -> Read<Field<'a>> {
        self.get(key)
            .ok_or_else(|| ProfileError::new(join(&self.path, key), format!("is missing: write {example}")))
    }

    /// All keys with their values, in order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        self.table.iter().map(|(key, value)| (key.as_str(), Field { path: join(&self.path, key), value }))
    }
}

impl<'a> Field<'a> {
    /// An error at this key.
    pub(crate) fn error(&self, reason: impl Into<String>) -> ProfileError {
        ProfileError::new(self.path.clone(), reason)
    }

    /// The value as it is.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// An item or a member of this value, named for errors.
    pub(crate) fn inner(&self, key: &str, value: &'a Value) -> Self {
        Self { path: join(&self.path, key), value }
    }

    /// Whether this is `false`, which takes away what the profile builds on.
    pub(crate) fn is_removed(&self) -> bool {
        self.value.as_bool() == Some(false)
    }

    /// A table.
    pub(crate) fn section(&self, expected: &str) -> Read<Section<'a>> {
        let table = self.value.as_table().ok_or_else(|| self.error(format!("expected {expected}")))?;
        Ok(Section { path: self.path.clone(), table })
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, expected: &str) -> Read<&'a str> {
        match self.value.as_str() {
            None => Err(self.error(format!("expected {expected}, in quotes"))),
            Some("") => Err(self.error(format!("is empty: expected {expected}"))),
            Some(text) if text.len() > TEXT_MAX => {
                Err(self.error(format!("is longer than {TEXT_MAX} bytes: shorten it")))
            }
            Some(text) => Ok(text),
        }
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Read<T> {
        let expected = || {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            format!("one of {}", names.join(", "))
        };
        let text = self.value.as_str().ok_or_else(|| self.error(format!("expected {}", expected())))?;
        words.iter().find_map(|(word, meaning)| (*word == text).then_some(*meaning)).ok_or_else(|| {
            let meant = did_you_mean(text, words.iter().map(|(word, _)| *word));
            self.error(format!("{text:?} is not {}{meant}", expected()))
        })
    }

    /// A list.
    pub(crate) fn list(&self, expected: &str) -> Read<Vec<Self>> {
        let items = self.value.as_array().ok_or_else(|| self.error(format!("expected {expected}")))?;
        Ok(items.iter().enumerate().map(|(at, item)| self.inner(&at.to_string(), item)).collect())
    }

    /// `true` or `false`.
    pub(crate) fn yes_or_no(&self) -> Read<bool> {
        self.value.as_bool().ok_or_else(|| self.error("expected true or false"))
    }

    /// A length of time from `least` to `most`.
    pub(crate) fn span(&self, least: Span, most: Span) -> Read<Span> {
        let text = self.text("a duration such as 500ms, 10s, 1m or 6h")?;
        let span = Span::parse(text).map_err(|error| self.error(error.to_string()))?;
        if (least..=most).contains(&span) {
            Ok(span)
        } else {
            Err(self.error(format!("{span} is out of bounds: expected {least} to {most}")))
        }
    }

    /// A decimal number with at most three decimals, within a range of thousandths.
    pub(crate) fn ratio(&self, range: RangeInclusive<u32>) -> Read<Ratio> {
        let [low, high] = [range.start(), range.end()].map(|bound| f64::from(*bound) / 1_000.0);
        let error =
            || self.error(format!("expected a number from {low} to {high} with at most three decimals"));
        let number = match self.value {
            Value::Float(number) => *number,
            // Beyond 32 bits it is out of range anyway.
            Value::Integer(number) => f64::from(i32::try_from(*number).map_err(|_| error())?),
            _ => return Err(error()),
        };
        let thousandths = (number * 1_000.0).round();
        let exact = (number * 1_000.0 - thousandths).abs() < 1e-6;
        // Not a number is in no range.
        let fits = (f64::from(*range.start())..=f64::from(*range.end())).contains(&thousandths);
        if exact && fits { Ok(Ratio(thousandths as u32)) } else { Err(error()) }
    }
}

/// A path of keys; a key that TOML wants in quotes gets them.
pub(crate) fn join(path: &str, key: &str) -> String {
    let key = if is_bare(key) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Whether a key needs no quotes in TOML.
pub(crate) fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
