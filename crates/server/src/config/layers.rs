//! The layers of the configuration: flags win over the environment, and that over the file.

use std::io;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Origin};
use super::keys::{self, EVENT_TYPES, KEYS, PROFILES};
use super::sources::{Setting, document, environment, pair, variables};
use super::{Config, Database, profiles, rules};

const DEFAULT_FILE: &str = "stayhook.toml";

/// Options of every command that needs the configuration.
#[derive(clap::Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file [default: stayhook.toml, where it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Database, instead of database.url: sqlite://PATH or postgres://…
    #[arg(long, value_name = "URL")]
    database: Option<String>,

    /// A setting, instead of the one in the file and the environment; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A flag that stands for a setting.
pub(crate) struct Flag {
    /// The flag, to be named in errors: `--listen`
    pub(crate) name: &'static str,
    /// The setting: `server.listen`
    pub(crate) key: &'static str,
    /// Its text.
    pub(crate) value: String,
}

impl ConfigArgs {
    /// Reads the file, the environment and the flags; `flags` are those that the command has
    /// besides these, and win over the environment but not over an explicit option.
    pub(crate) fn load(&self, flags: Vec<Flag>) -> Result<Config, ConfigError> {
        assemble(&self.settings(flags)?)
    }

    /// The same for a command that names databases of its own: what follows from `database.url`
    /// is not judged.
    pub(crate) fn load_apart_from_database(&self) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        for setting in self.settings(Vec::new())? {
            apply(&mut config, &setting)?;
        }
        Ok(config)
    }

    fn settings(&self, flags: Vec<Flag>) -> Result<Vec<Setting>, ConfigError> {
        let mut settings = self.file()?;
        settings.extend(variables(environment()?)?);
        settings.extend(flags.into_iter().map(from_flag).collect::<Result<Vec<_>, _>>()?);
        for pair in &self.set {
            settings.push(from_pair(pair)?);
        }
        if let Some(url) = &self.database {
            settings.push(from_flag(Flag { name: "--database", key: "database.url", value: url.clone() })?);
        }
        Ok(settings)
    }

    fn file(&self) -> Result<Vec<Setting>, ConfigError> {
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => document(path, &text),
            Err(error) if self.config.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(ConfigError::source(
                Origin::File(path.to_owned()),
                format!("the configuration file cannot be read (--config): {error}"),
            )),
        }
    }
}

impl Config {
    /// The database that a flag names: neither file nor environment is read.
    pub(crate) fn database_of(name: &'static str, url: String) -> Result<Database, ConfigError> {
        let mut config = Self::default();
        apply(&mut config, &from_flag(Flag { name, key: "database.url", value: url })?)?;
        Ok(config.database)
    }
}

/// The configuration that these settings make; later ones win.
fn assemble(settings: &[Setting]) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    for setting in settings {
        apply(&mut config, setting)?;
    }
    let broken = |key: String, what: String| {
        // The setting of this key, or the one that the key is in.
        let holds = |path: &str| key == path || key.strip_prefix(path).is_some_and(|it| it.starts_with('.'));
        let origin = settings.iter().rev().find(|setting| holds(&setting.path()));
        let origin = origin.or(settings.last()).map_or(Origin::Flag("configuration"), |it| it.origin.clone());
        ConfigError::key(origin, key, what)
    };
    rules::check(&config).map_err(|(key, what)| broken(key.to_owned(), what))?;
    config.wire_profiles().map_err(|(key, what)| broken(key, what))?;
    Ok(config)
}

fn apply(config: &mut Config, setting: &Setting) -> Result<(), ConfigError> {
    let path = setting.path();
    if let Some(key) = KEYS.iter().find(|key| key.name == path) {
        return (key.set)(config, &setting.given).map_err(|what| setting.wrong(what));
    }
    match setting.section.as_str() {
        EVENT_TYPES => {
            keys::set_event_type(config, &setting.key, &setting.given).map_err(|what| setting.wrong(what))
        }
        PROFILES => profiles::set(&mut config.profiles, &setting.key, &setting.given)
            .map_err(|what| setting.wrong(what)),
        _ => Err(ConfigError::unknown(setting.origin.clone(), &path)),
    }
}

fn from_flag(flag: Flag) -> Result<Setting, ConfigError> {
    pair(flag.key, flag.value, Origin::Flag(flag.name))
}

fn from_pair(text: &str) -> Result<Setting, ConfigError> {
    const SET: Origin = Origin::Flag("--set");
    let (key, value) =
        text.split_once('=').ok_or_else(|| ConfigError::source(SET, format!("{text:?} is not KEY=VALUE")))?;
    pair(key.trim(), value.to_owned(), SET)
}

#[cfg(test)]
impl Config {
    /// The configuration of a file's text and of variables alone.
    pub(super) fn of(text: &str, environment: &[(&str, &str)]) -> Result<Self, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut settings = document(Path::new("test.toml"), text).map_err(|error| error.to_string())?;
        let environment = environment.iter().map(owned).collect();
        settings.extend(variables(environment).map_err(|error| error.to_string())?);
        assemble(&settings).map_err(|error| error.to_string())
    }
}
