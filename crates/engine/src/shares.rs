//! Who may start an attempt when the node is busy: no webhook, and no number of webhooks that
//! hang, may take all of it (CONTRACT, section 7, rule 10).

use std::time::Duration;

/// A receiver that ends an attempt within this time, in whatever way, does not hang.
pub(crate) const QUICK: Duration = Duration::from_secs(1);

/// What is known of a webhook's receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nothing yet.
    Unknown,
    /// Its last attempt ended quickly.
    Proven,
    /// Its last attempt took long, or it has been failing since before this process started.
    Suspect,
}

/// The parts of the attempts that a node may have in flight. As the node fills up, a webhook
/// may have ever fewer, so that the last part belongs to those that have none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// From here on nobody starts more than [`Shares::MODEST`].
    modest: usize,
    /// From here on only who has none in flight starts one, and no suspect.
    single: usize,
    /// From here on only who has proven to be quick starts one.
    proven: usize,
    /// All suspects together.
    suspects: usize,
}

impl Shares {
    /// What a webhook may have in flight on a node that is half full.
    const MODEST: usize = 4;
    /// Below so many attempts there is nothing to share out.
    const WORTHWHILE: usize = 16;

    /// The parts of so many attempts in flight.
    pub(crate) fn of(in_flight: usize) -> Self {
        if in_flight < Self::WORTHWHILE {
            return Self { modest: in_flight, single: in_flight, proven: in_flight, suspects: in_flight };
        }
        Self {
            modest: in_flight / 2,
            single: in_flight / 4 * 3,
            proven: in_flight / 8 * 7,
            suspects: in_flight / 4,
        }
    }

    /// Whether a webhook with `own` attempts in flight may start another, while the node has
    /// `all` in flight and `suspects` of them are to suspects.
    pub(crate) fn allow(&self, trust: Trust, own: usize, all: usize, suspects: usize) -> bool {
        match trust {
            Trust::Suspect => {
                self.suspects_may_start(all, suspects) && (all < self.modest || own < Self::MODEST)
            }
            Trust::Unknown if all >= self.proven => false,
            Trust::Unknown | Trust::Proven if all >= self.single => own == 0,
            Trust::Unknown | Trust::Proven => all < self.modest || own < Self::MODEST,
        }
    }

    /// Whether any suspect may start.
    pub(crate) fn suspects_may_start(&self, all: usize, suspects: usize) -> bool {
        suspects < self.suspects && all < self.single
    }
}
