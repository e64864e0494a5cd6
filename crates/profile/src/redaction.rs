//! What of an event's data leaves under a profile.

use std::borrow::Cow;

use stayhook_core::{AllowList, EventType, Json, redact, redact_names};

use crate::ProfileError;
use crate::read::Field;

/// So many paths a profile may name: each is looked for in every event.
const ALLOWED_MAX: usize = 1_000;

/// A profile's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redaction {
    /// Everything leaves.
    None,
    /// Everything but what bears a sensitive name, at any depth.
    SensitiveNames,
    /// Of bookings what the list names; of other events what bears no sensitive name.
    AllowList(AllowList),
}

impl Redaction {
    /// Reads `"none"`, `"sensitive_names"`, `"nowistay"` or `{ allow = […] }`.
    pub(crate) fn read(field: &Field<'_>) -> Result<Self, ProfileError> {
        const EXPECTED: &str = "\"none\", \"sensitive_names\", \"nowistay\" or { allow = [\"id\", …] }";
        if field.value().is_str() {
            let words = [("none", 0), ("sensitive_names", 1), ("nowistay", 2)];
            return Ok(match field.word(&words)? {
                0 => Self::None,
                1 => Self::SensitiveNames,
                _ => Self::AllowList(AllowList::default()),
            });
        }
        let section = field.section(EXPECTED)?.only(&["allow"])?;
        let list = section.need("allow", "a list, such as [\"id\", \"status\", \"guest.firstName\"]")?;
        let paths = list.list("a list, such as [\"id\", \"guest.firstName\"]")?;
        if paths.len() > ALLOWED_MAX {
            return Err(list.error(format!("names {} paths, at most {ALLOWED_MAX} may be", paths.len())));
        }
        let paths = paths.iter().map(|path| path.text("a path such as guest.firstName"));
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        AllowList::new(paths).map(Self::AllowList).map_err(|error| list.error(error.to_string()))
    }

    /// What is left of the data, and whether custom parameters were found in it.
    pub(crate) fn apply<'a>(&self, kind: &EventType, data: &'a Json, custom: bool) -> (Cow<'a, Json>, bool) {
        let redacted = match self {
            Self::None => return (Cow::Borrowed(data), false),
            Self::SensitiveNames => redact_names(data, custom),
            Self::AllowList(allowed) => redact(kind, data, custom, allowed),
        };
        (Cow::Owned(redacted.data), redacted.met_custom_parameters)
    }
}
