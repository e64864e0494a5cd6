//! Which members of a booking subscribers may see.

use crate::sensitive::is_sensitive;

/// What of `data.booking` may leave unless the configuration says otherwise: the set that the
/// reference document includes (dates, channel, status, amounts, guest's first and last name,
/// adults and children, custom parameters) and the identifiers of its example. Dates are those
/// of the stay and of the booking itself.
pub const DEFAULT_ALLOWED: &[&str] = &[
    "id",
    "propertyId",
    "reservationNumber",
    "channel",
    "status",
    "arrival",
    "departure",
    "arrivalTime",
    "departureTime",
    "checkIn",
    "checkOut",
    "checkInTime",
    "checkOutTime",
    "nights",
    "createdAt",
    "updatedAt",
    "confirmedAt",
    "cancelledAt",
    "adults",
    "children",
    "infants",
    "guest.firstName",
    "guest.lastName",
    "guests.adults",
    "guests.children",
    "guests.infants",
    "amounts",
    "identity.status",
    "customParameters",
];

/// Why a list of paths is no allow-list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowListError {
    /// An empty name between dots.
    #[error("`{path}` is no path: write names of members joined by dots, such as guest.firstName")]
    Malformed {
        /// The path.
        path: String,
    },
    /// A name that never leaves.
    #[error(
        "`{path}` names what is never sent (e-mail, phone, address, city, postal code, country, language, lock code, card, passport): remove it"
    )]
    Sensitive {
        /// The path.
        path: String,
    },
}

/// What of `data.booking` may leave: paths of member names. A path stands for everything
/// below it, and passes through arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList(Branch);

impl AllowList {
    /// A list of paths such as `guest.firstName`.
    ///
    /// # Errors
    /// When one is malformed, or names what never leaves.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, AllowListError> {
        let mut root = Branch::default();
        for path in paths {
            let names: Vec<&str> = path.split('.').collect();
            if names.iter().any(|name| name.is_empty()) {
                return Err(AllowListError::Malformed { path: path.to_owned() });
            }
            if names.iter().any(|name| is_sensitive(name)) {
                return Err(AllowListError::Sensitive { path: path.to_owned() });
            }
            root.add(&names);
        }
        Ok(Self(root))
    }

    /// What is allowed of the booking itself.
    pub(crate) fn root(&self) -> &Branch {
        &self.0
    }
}

/// [`DEFAULT_ALLOWED`].
impl Default for AllowList {
    fn default() -> Self {
        let mut root = Branch::default();
        for path in DEFAULT_ALLOWED {
            root.add(&path.split('.').collect::<Vec<_>>());
        }
        Self(root)
    }
}

/// The members allowed of one object: `None` beside a name allows all below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Branch(Vec<(String, Option<Branch>)>);

impl Branch {
    fn add(&mut self, names: &[&str]) {
        let Some((first, rest)) = names.split_first() else { return };
        let at = self.0.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
            self.0.push(((*first).to_owned(), Some(Self::default())));
            self.0.len() - 1
        });
        let below = &mut self.0[at].1;
        if rest.is_empty() {
            *below = None;
        } else if let Some(branch) = below {
            branch.add(rest);
        }
    }

    /// What is allowed below a name; `None` where the name is not listed.
    pub(crate) fn get(&self, name: &str) -> Option<&Option<Self>> {
        self.0.iter().find_map(|(own, below)| (own == name).then_some(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_checked_when_they_are_made() {
        assert_eq!(AllowList::new(DEFAULT_ALLOWED.iter().copied()), Ok(AllowList::default()));
        let error = |path| AllowList::new([path]).unwrap_err();
        assert_eq!(error("guest..x"), AllowListError::Malformed { path: "guest..x".into() });
        assert_eq!(error("guest.Email"), AllowListError::Sensitive { path: "guest.Email".into() });
        let wider = AllowList::new(["guest.firstName", "guest", "guest.lastName"]);
        assert_eq!(wider, AllowList::new(["guest"]));
    }
}
