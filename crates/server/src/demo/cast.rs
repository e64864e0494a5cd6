//! Who plays: properties, and the webhooks that partners register for them.

use std::time::Duration;

/// The events of a booking that the demo's producer reports.
pub(crate) const CREATED: &str = "booking.created";
/// See [`CREATED`].
pub(crate) const UPDATED: &str = "booking.updated";

/// Where the redirecting receiver points to, and where nothing may ever arrive.
pub(crate) const REDIRECT_TARGET: &str = "/moved-here";

/// A webhook and the receiver behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// Whose bookings it gets.
    pub(crate) property: i64,
    /// Its description.
    pub(crate) name: &'static str,
    /// Where its receiver listens.
    pub(crate) path: &'static str,
    /// What it subscribes to.
    pub(crate) events: &'static [&'static str],
    /// Whether it asks for custom booking parameters.
    pub(crate) custom_parameters: bool,
    /// How its receiver behaves.
    pub(crate) temper: Temper,
}

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    /// Accepts at once.
    Prompt,
    /// Accepts after a while.
    Slow(Duration),
    /// Answers 503 to its first requests, then lets some run out of time, then is well.
    Recovers {
        /// So many requests are answered 503.
        refuses: usize,
        /// So many get no answer.
        hangs: usize,
    },
    /// Redirects every request.
    Redirects,
}

/// Everyone whose registration is accepted.
pub(crate) const CAST: &[Role] = &[
    Role {
        property: 101,
        name: "PMS sync",
        path: "/pms",
        events: &[CREATED, UPDATED],
        custom_parameters: false,
        temper: Temper::Prompt,
    },
    Role {
        property: 101,
        name: "Cleaning team",
        path: "/cleaning",
        events: &["booking.*"],
        custom_parameters: true,
        temper: Temper::Prompt,
    },
    Role {
        property: 102,
        name: "Channel manager",
        path: "/channels",
        events: &[CREATED, UPDATED],
        custom_parameters: false,
        temper: Temper::Recovers { refuses: 60, hangs: 8 },
    },
    Role {
        property: 102,
        name: "Accounting",
        path: "/ledger",
        events: &[CREATED],
        custom_parameters: false,
        temper: Temper::Prompt,
    },
    Role {
        property: 103,
        name: "Guest guide",
        path: "/guide",
        events: &[CREATED, UPDATED],
        custom_parameters: false,
        temper: Temper::Slow(Duration::from_millis(150)),
    },
    Role {
        property: 104,
        name: "Price advisor",
        path: "/prices",
        events: &[CREATED, UPDATED],
        custom_parameters: false,
        temper: Temper::Prompt,
    },
    Role {
        property: 104,
        name: "Old website",
        path: "/old-website",
        events: &[CREATED],
        custom_parameters: false,
        temper: Temper::Redirects,
    },
];

/// A registration that must be refused: an address inside somebody's office.
pub(crate) const INTRUDER: Role = Role {
    property: 103,
    name: "Office printer",
    path: "http://192.168.1.20:8080/print",
    events: &[CREATED],
    custom_parameters: false,
    temper: Temper::Prompt,
};

impl Role {
    /// Whether it is to get events of this type. Judged here from what was asked for, so that
    /// what arrives is not measured by the engine's own opinion.
    pub(crate) fn wants(&self, property: i64, kind: &str) -> bool {
        self.property == property
            && self.events.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(start) => kind.starts_with(start),
                None => kind == *wanted,
            })
    }

    /// Whether what it is sent ever arrives.
    pub(crate) fn accepts(&self) -> bool {
        self.temper != Temper::Redirects
    }

    /// `102 Channel manager`
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.property, self.name)
    }
}

/// The part that listens at a path.
pub(crate) fn at(path: &str) -> Option<usize> {
    CAST.iter().position(|role| role.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_path_of_its_own_and_no_property_more_than_three() {
        for (part, role) in CAST.iter().enumerate() {
            assert_eq!(at(role.path), Some(part));
            assert!(CAST.iter().filter(|other| other.property == role.property).count() <= 3);
        }
        assert_eq!(at(REDIRECT_TARGET), None);
    }

    #[test]
    fn parts_want_what_they_subscribed_to() {
        let wants = |part: usize, property, kind| CAST[part].wants(property, kind);
        assert!(wants(1, 101, UPDATED) && wants(3, 102, CREATED));
        assert!(!wants(3, 102, UPDATED) && !wants(0, 102, CREATED) && !wants(1, 101, "order.created"));
    }
}
