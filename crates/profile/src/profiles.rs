//! The profiles of a deployment: the built-in ones and its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::{Table, Value};

use crate::merge::merge;
use crate::nearest::did_you_mean;
use crate::read::{is_bare, join};
use crate::{Profile, ProfileError};

/// What every profile starts from.
const DEFAULTS: &str = include_str!("../profiles/defaults.toml");

/// The built-in profiles: files of the same form as those of a deployment.
const BUILT_IN: [(&str, &str); 6] = [
    ("nowistay", include_str!("../profiles/nowistay.toml")),
    ("standard-webhooks", include_str!("../profiles/standard-webhooks.toml")),
    ("bookingscheduler", include_str!("../profiles/bookingscheduler.toml")),
    ("bookingkit", include_str!("../profiles/bookingkit.toml")),
    ("nowbookit", include_str!("../profiles/nowbookit.toml")),
    ("ticketing", include_str!("../profiles/ticketing.toml")),
];

/// The most profiles that may build on one another.
const CHAIN_MAX: usize = 8;
/// The longest name of a profile, in characters.
const NAME_MAX: usize = 64;

/// All profiles, by name.
#[derive(Clone, Debug)]
pub struct Profiles(BTreeMap<String, Arc<Profile>>);

impl Profiles {
    /// The profile of webhooks that name none, unless `profiles.default` says otherwise.
    pub const DEFAULT: &str = "nowistay";

    /// The built-in profiles and the configured ones: the tables below `profiles` of the
    /// configuration, without the key `default`. A table with the name of a built-in profile
    /// builds on that one and takes its place.
    ///
    /// # Errors
    /// The first thing that is wrong with one; its key begins with `profiles.`.
    pub fn new(configured: BTreeMap<String, Table>) -> Result<Self, ProfileError> {
        let mut tables = Tables::built_in()?;
        let own: Vec<String> = configured.keys().cloned().collect();
        tables.configured = configured;
        let mut profiles = BTreeMap::new();
        for (name, _) in BUILT_IN {
            let profile = tables.profile(name).map_err(|error| error.below(&path(name)))?;
            profiles.insert(name.to_owned(), Arc::new(profile));
        }
        for name in own {
            check_name(&name).map_err(|reason| ProfileError::new(path(&name), reason))?;
            let profile = tables.profile(&name).map_err(|error| error.below(&path(&name)))?;
            profiles.insert(name, Arc::new(profile));
        }
        Ok(Self(profiles))
    }

    /// Reads a file: either one profile, or a configuration whose table `profiles` counts.
    /// `stem` names the one profile. Returns the built-in profiles with those of the file, and
    /// the names of the latter.
    ///
    /// # Errors
    /// The first thing that is wrong, with the name of the file.
    pub fn read_file(file: &str, stem: &str, text: &str) -> Result<(Self, Vec<String>), ProfileError> {
        let mut table = parse(text).map_err(|error| error.in_file(file))?;
        let Some(profiles) = table.remove("profiles") else {
            // The file is the profile: its keys stand at the top.
            let configured = BTreeMap::from([(stem.to_owned(), table)]);
            let whole = format!("{}.", path(stem));
            let at_top = |error: ProfileError| match error.key().strip_prefix(&whole) {
                Some(key) => ProfileError::new(key, error.reason()),
                None => error,
            };
            return Self::new(configured)
                .map(|profiles| (profiles, vec![stem.to_owned()]))
                .map_err(|error| at_top(error).in_file(file));
        };
        let configured = configured(profiles).map_err(|error| error.in_file(file))?;
        let names = configured.keys().cloned().collect();
        Self::new(configured).map(|profiles| (profiles, names)).map_err(|error| error.in_file(file))
    }

    /// The profile of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.0.get(name)
    }

    /// The profile of this name.
    ///
    /// # Errors
    /// What to say where there is none.
    pub fn find(&self, name: &str) -> Result<&Arc<Profile>, String> {
        self.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.names().collect();
            let meant = did_you_mean(name, self.names());
            format!("there is no profile {name:?}{meant} (there are {})", known.join(", "))
        })
    }

    /// All names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All profiles, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Profile>> {
        self.0.values()
    }
}

/// What was written, before anything is resolved.
struct Tables {
    defaults: Table,
    built_in: BTreeMap<&'static str, Table>,
    configured: BTreeMap<String, Table>,
}

impl Tables {
    fn built_in() -> Result<Self, ProfileError> {
        let parsed = BUILT_IN.into_iter().map(|(name, text)| {
            parse(text).map(|table| (name, table)).map_err(|error| error.in_file(&format!("{name}.toml")))
        });
        Ok(Self {
            defaults: parse(DEFAULTS).map_err(|error| error.in_file("defaults.toml"))?,
            built_in: parsed.collect::<Result<_, _>>()?,
            configured: BTreeMap::new(),
        })
    }

    fn profile(&self, name: &str) -> Result<Profile, ProfileError> {
        let table = self.resolved(name, &mut Vec::new())?;
        Profile::read(name, table)
    }

    /// The table of a profile with everything that it builds on. `chain` holds the profiles that
    /// build on this one.
    fn resolved(&self, name: &str, chain: &mut Vec<String>) -> Result<Table, ProfileError> {
        let Some(own) = self.configured.get(name) else { return self.built_in_table(name) };
        chain.push(name.to_owned());
        let parent = match own.get("extends") {
            None if self.built_in.contains_key(name) => self.built_in_table(name)?,
            None => self.defaults.clone(),
            Some(Value::String(parent)) if parent == name && self.built_in.contains_key(name) => {
                self.built_in_table(name)?
            }
            Some(Value::String(parent)) if chain.contains(parent) => {
                return Err(extends(format!("leads back to {parent:?}: build on another profile")));
            }
            Some(Value::String(_)) if chain.len() == CHAIN_MAX => {
                return Err(extends(format!(
                    "more than {CHAIN_MAX} profiles build on one another: shorten the chain"
                )));
            }
            Some(Value::String(parent)) => self.resolved(parent, chain)?,
            Some(_) => return Err(extends("expected the name of a profile, in quotes".to_owned())),
        };
        let mut merged = merge(&parent, own);
        merged.remove("extends");
        Ok(merged)
    }

    fn built_in_table(&self, name: &str) -> Result<Table, ProfileError> {
        let own = self.built_in.get(name).ok_or_else(|| {
            let known = self.built_in.keys().copied().chain(self.configured.keys().map(String::as_str));
            extends(format!("there is no profile {name:?}{}", did_you_mean(name, known)))
        })?;
        Ok(merge(&self.defaults, own))
    }
}

fn extends(reason: String) -> ProfileError {
    ProfileError::new("extends", reason)
}

fn configured(profiles: Value) -> Result<BTreeMap<String, Table>, ProfileError> {
    let Value::Table(mut profiles) = profiles else {
        return Err(ProfileError::new("profiles", "expected tables, such as [profiles.mine]"));
    };
    profiles.remove("default");
    let tables = profiles.into_iter().map(|(name, value)| match value {
        Value::Table(table) => Ok((name, table)),
        _ => Err(ProfileError::new(path(&name), "expected a table, such as [profiles.mine]")),
    });
    tables.collect()
}

fn parse(text: &str) -> Result<Table, ProfileError> {
    text.parse::<Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let words = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        ProfileError::new(format!("line {line}"), format!("is no TOML: {words}"))
    })
}

fn check_name(name: &str) -> Result<(), String> {
    if name == "default" {
        Err("names the profile of webhooks that name none: choose another name for a profile".to_owned())
    } else if name.len() <= NAME_MAX && is_bare(name) {
        Ok(())
    } else {
        Err(format!("is no name of a profile: use 1 to {NAME_MAX} letters, digits, `-` and `_`"))
    }
}

fn path(name: &str) -> String {
    join("profiles", name)
}

#[cfg(test)]
mod tests;
