//! The settings that a file, the environment or a flag holds, not yet read.

use std::ffi::OsString;
use std::path::Path;

use super::error::{ConfigError, Origin};
use super::keys::{EVENT_TYPES, KEYS};
use super::read::{self, Given};

const PREFIX: &str = "STAYHOOK_";
/// Variables with our prefix that are options of commands and no settings.
const OPTIONS: [&str; 4] = ["STAYHOOK_URL", "STAYHOOK_TOKEN", "STAYHOOK_LOG", "STAYHOOK_LOG_FORMAT"];

/// A setting as it was written, and where.
pub(super) struct Setting {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) given: Given,
    pub(super) origin: Origin,
}

impl Setting {
    /// `section.key`
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The setting has a value that it cannot have.
    pub(super) fn wrong(&self, what: String) -> ConfigError {
        ConfigError::key(self.origin.clone(), self.path(), what)
    }
}

/// The environment, as far as it is ours.
pub(super) fn environment() -> Result<Vec<(String, String)>, ConfigError> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(PREFIX).then_some((name, value))
    });
    ours.map(|(name, value): (String, OsString)| match value.into_string() {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(ConfigError::source(Origin::Variable(name), "is not valid UTF-8".to_owned())),
    })
    .collect()
}

/// The settings of a file.
pub(super) fn document(path: &Path, text: &str) -> Result<Vec<Setting>, ConfigError> {
    let origin = Origin::File(path.to_owned());
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        ConfigError::source(origin.clone(), format!("line {line} is not valid TOML: {what}"))
    })?;
    let mut settings = Vec::new();
    for (section, value) in table {
        settings.extend(entries(&section, value, &origin)?);
    }
    Ok(settings)
}

/// The settings of environment variables: `STAYHOOK_SECTION__KEY`, or a whole section as a
/// table in `STAYHOOK_SECTION`.
pub(super) fn variables(mut variables: Vec<(String, String)>) -> Result<Vec<Setting>, ConfigError> {
    variables.sort();
    let mut settings = Vec::new();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if OPTIONS.contains(&name.as_str()) || is_service_link(rest, &value) {
            continue;
        }
        let origin = Origin::Variable(name.clone());
        match rest.to_ascii_lowercase().split_once("__") {
            Some((section, key)) => settings.push(Setting {
                section: section.to_owned(),
                key: key.to_owned(),
                given: Given::Text(value),
                origin,
            }),
            None => {
                let section = rest.to_ascii_lowercase();
                if !is_section(&section) {
                    return Err(ConfigError::unknown(origin, &section.replacen('_', ".", 1)));
                }
                let expected = "expected a table of the section's keys, such as { key = \"value\" }";
                let table = read::literal(&Given::Text(value), expected)
                    .map_err(|what| ConfigError::source(origin.clone(), what))?;
                settings.extend(entries(&section, table, &origin)?);
            }
        }
    }
    Ok(settings)
}

/// Kubernetes describes a service named `stayhook` to every pod in variables of our prefix.
fn is_service_link(rest: &str, value: &str) -> bool {
    rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
        || rest.starts_with("PORT") && (value.starts_with("tcp://") || rest.starts_with("PORT_"))
}

/// The setting that a flag stands for.
pub(super) fn pair(path: &str, value: String, origin: Origin) -> Result<Setting, ConfigError> {
    let Some((section, key)) = path.split_once('.') else { return Err(ConfigError::unknown(origin, path)) };
    Ok(Setting { section: section.to_owned(), key: key.to_owned(), given: Given::Text(value), origin })
}

/// The settings of a section; a section that is not known is an error also where it is empty.
fn entries(section: &str, value: toml::Value, origin: &Origin) -> Result<Vec<Setting>, ConfigError> {
    let toml::Value::Table(table) = value else {
        return Err(match is_section(section) {
            true => ConfigError::source(
                origin.clone(),
                format!("{section}: expected a section, such as [{section}]"),
            ),
            false => ConfigError::unknown(origin.clone(), section),
        });
    };
    if !is_section(section) {
        let path = table.keys().next().map_or(section.to_owned(), |key| format!("{section}.{key}"));
        return Err(ConfigError::unknown(origin.clone(), &path));
    }
    let setting = |(key, value)| Setting {
        section: section.to_owned(),
        key,
        given: Given::Toml(value),
        origin: origin.clone(),
    };
    Ok(table.into_iter().map(setting).collect())
}

fn is_section(name: &str) -> bool {
    name == EVENT_TYPES || KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(it, _)| it == name))
}
