//! The deployment's wire profiles.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use stayhook_core::Span;
use stayhook_engine::ProfileSet;
use stayhook_profile::Profiles;

/// The default profile, but that of several updates of a booking the newest is sent, and that a
/// receiver says by 410 that it wants nothing more.
pub(crate) const GATHERING: &str = "gathering";
/// The type of which the newest is sent.
pub(crate) const GATHERED: &str = "booking.updated";
/// How long the first one waits for others.
pub(crate) const WINDOW: Span = Span::seconds(5);
/// What a receiver answers that wants nothing more.
pub(crate) const GONE: u16 = 410;

/// Read once: every node of every seed has the same.
pub(crate) fn profiles() -> ProfileSet {
    static READ: LazyLock<ProfileSet> = LazyLock::new(read);
    READ.clone()
}

fn read() -> ProfileSet {
    let text = format!(
        "extends = 'nowistay'\nstatus_policy = {{ {GONE} = 'disable' }}\n\
         [event_types]\n'{GATHERED}' = {{ resource = 'Booking', trigger = 'On change', coalesce = '5s' }}"
    );
    let profiles = Profiles::new(BTreeMap::from([(GATHERING.to_owned(), text.parse().unwrap())])).unwrap();
    ProfileSet::new(profiles, Profiles::DEFAULT.to_owned(), BTreeMap::new())
}
