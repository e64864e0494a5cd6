//! Whether it is our own network that is gone, and not so many receivers at once.
//!
//! One receiver that cannot be reached is at fault itself. When most of those that were fine a
//! moment ago stop to be reachable within a minute, what they have in common is us: then their
//! failures count as faults of the engine (CONTRACT, section 7, rule 4).

use std::collections::{HashMap, HashSet};

use crate::{FaultClass, Span, UnixMs};

/// What an attempt says about the way to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Something answered there.
    Reached,
    /// Nothing did: no name, no connection, no time left; or this engine could not even ask.
    Lost,
}

impl Reach {
    /// What an attempt without an answer says; `None` where it says nothing about the way.
    pub const fn of(fault: FaultClass) -> Option<Self> {
        match fault {
            FaultClass::Dns | FaultClass::Connect | FaultClass::Timeout | FaultClass::Interrupted => {
                Some(Self::Lost)
            }
            FaultClass::Status
            | FaultClass::Redirect
            | FaultClass::Protocol
            | FaultClass::TooLarge
            | FaultClass::WebPage
            | FaultClass::Postponed => Some(Self::Reached),
            FaultClass::BlockedAddress | FaultClass::Tls | FaultClass::Config | FaultClass::Token => None,
        }
    }
}

/// When so many failures at once are our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutageRule {
    /// At least so many distinct hosts, and more than half of those that were tried.
    pub hosts: usize,
    /// Within this time of one another.
    pub within: Span,
    /// Each of which was reached no longer ago than this.
    pub lately: Span,
}

impl Default for OutageRule {
    fn default() -> Self {
        Self { hosts: 5, within: Span::minutes(1), lately: Span::hours(6) }
    }
}

/// What a sign changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageChange {
    /// Most hosts cannot be reached, since this moment.
    Began(UnixMs),
    /// Hosts are reached again, after an outage since this moment.
    Ended(UnixMs),
}

/// The hosts that attempts went to lately, and whether most of them are out of reach.
#[derive(Debug, Default)]
pub struct Outages {
    rule: OutageRule,
    hosts: HashMap<String, Seen>,
    /// When the hosts were counted, and when those were forgotten that say nothing any more.
    looked_at: Option<UnixMs>,
    tidied_at: Option<UnixMs>,
    outage: Option<Outage>,
}

/// How many hosts are remembered: enough to tell most from few.
const MOST_HOSTS: usize = 4_096;
/// All hosts are looked at no more often than this, unless one was lost just now.
const LOOK_EVERY: Span = Span::seconds(1);
/// An outage is over when one host is reached for so many that are lost, although none of these is
/// back: it was theirs.
const LOST_PER_REACHED: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The last attempt reached it, at this moment.
    Fine(UnixMs),
    /// The first attempt that did not, at this moment, came soon enough after one that did.
    Lost(UnixMs),
}

#[derive(Debug)]
struct Outage {
    since: UnixMs,
    reached: HashSet<String>,
}

impl Outages {
    /// Nothing known yet.
    pub fn new(rule: OutageRule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Since when most hosts are out of reach, if they are.
    pub fn since(&self) -> Option<UnixMs> {
        self.outage.as_ref().map(|it| it.since)
    }

    /// Takes one attempt at a host into account.
    pub fn learn(&mut self, host: &str, reach: Reach, now: UnixMs) -> Option<OutageChange> {
        match reach {
            Reach::Reached => self.reached(host, now),
            Reach::Lost => self.lost(host, now),
        }
    }

    fn reached(&mut self, host: &str, now: UnixMs) -> Option<OutageChange> {
        let before = match self.hosts.get_mut(host) {
            Some(seen) => Some(std::mem::replace(seen, Seen::Fine(now))),
            None => {
                self.remember(host, now);
                None
            }
        };
        let lost = self.hosts.values().filter(|it| matches!(it, Seen::Lost(_)));
        let outage = self.outage.as_mut()?;
        outage.reached.insert(host.to_owned());
        let is_back = matches!(before, Some(Seen::Lost(at)) if outage.since <= at);
        if !is_back && outage.reached.len() * LOST_PER_REACHED < lost.count() {
            return None;
        }
        let since = outage.since;
        self.outage = None;
        // Those that are still lost say no more: only who is fine again can be lost again.
        self.hosts.retain(|_, seen| matches!(seen, Seen::Fine(_)));
        Some(OutageChange::Ended(since))
    }

    fn lost(&mut self, host: &str, now: UnixMs) -> Option<OutageChange> {
        let newly = self.was_fine(host, now);
        if newly {
            self.hosts.insert(host.to_owned(), Seen::Lost(now));
        }
        if self.outage.is_some() || (!newly && is_just_past(self.looked_at, now)) {
            return None;
        }
        self.looked_at = Some(now);
        let since = self.most_are_lost(now)?;
        self.outage = Some(Outage { since, reached: HashSet::new() });
        Some(OutageChange::Began(since))
    }

    /// Whether the host was reached lately, by its last attempt.
    fn was_fine(&self, host: &str, now: UnixMs) -> bool {
        matches!(self.hosts.get(host), Some(Seen::Fine(at)) if now.since(*at) <= self.rule.lately)
    }

    /// Since when, if they are.
    fn most_are_lost(&self, now: UnixMs) -> Option<UnixMs> {
        let recent = |at: UnixMs| now.since(at) <= self.rule.within;
        let (mut fine, mut lost, mut since) = (0_usize, 0_usize, now);
        for seen in self.hosts.values() {
            match *seen {
                Seen::Fine(at) => fine += usize::from(recent(at)),
                Seen::Lost(at) if recent(at) => (lost, since) = (lost + 1, since.min(at)),
                Seen::Lost(_) => {}
            }
        }
        (lost >= self.rule.hosts && lost > fine).then_some(since)
    }

    /// Remembers a host that was reached; where there are too many, those first that say nothing
    /// any more.
    fn remember(&mut self, host: &str, now: UnixMs) {
        if self.hosts.len() >= MOST_HOSTS && !is_just_past(self.tidied_at, now) {
            self.tidied_at = Some(now);
            let rule = self.rule;
            self.hosts.retain(|_, seen| match *seen {
                Seen::Fine(at) => now.since(at) <= rule.lately,
                Seen::Lost(at) => now.since(at) <= rule.within,
            });
        }
        if self.hosts.len() < MOST_HOSTS {
            self.hosts.insert(host.to_owned(), Seen::Fine(now));
        }
    }
}

fn is_just_past(moment: Option<UnixMs>, now: UnixMs) -> bool {
    moment.is_some_and(|it| it <= now && now.since(it) < LOOK_EVERY)
}

#[cfg(test)]
mod tests;
