//! How the engine behaves.

use stayhook_core::{Catalogue, OutageRule, Policy, Span, UrlRules};
use stayhook_store::HoldLimits;

use crate::profiles::ProfileSet;

/// How the engine behaves.
#[derive(Clone)]
pub struct EngineConfig {
    /// Retries and the 72-hour rule: `retry.*`, `disable.after`.
    pub policy: Policy,
    /// `delivery.concurrency`: attempts in flight on this node.
    pub concurrency: usize,
    /// `delivery.per_webhook_concurrency`: attempts in flight of one webhook, at most.
    pub per_webhook_concurrency: usize,
    /// `delivery.timeout`: the longest that one attempt takes.
    pub timeout: Span,
    /// `hold.*`: what a paused webhook keeps.
    pub hold: HoldLimits,
    /// `retention.keep`
    pub keep: Span,
    /// `egress.*`: the rules that every URL is judged by before every attempt.
    pub url_rules: UrlRules,
    /// `limits.webhooks_per_property`
    pub webhooks_per_property: u32,
    /// What requests look like and what answers mean: `profiles.*`.
    pub profiles: ProfileSet,
    /// `limits.event_bytes`: told to programs that enqueue by SQL.
    pub event_bytes: usize,
    /// `entitlements.default`: whether properties may be served about which nothing was set.
    pub entitled_by_default: bool,
    /// The event types of the built-in profiles and of the configuration.
    pub catalogue: Catalogue,
    /// `server.roles`
    pub roles: Roles,
    /// When failures of many receivers at once are blamed on this node's own network. `None`:
    /// never.
    pub outage: Option<OutageRule>,
}

/// What a node does besides accepting events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Makes attempts. A node that does not leaves what it accepts to others.
    pub worker: bool,
    /// Does what the clock demands: the 72-hour rule, expiry, pruning.
    pub maintenance: bool,
}

impl Roles {
    /// Everything, as a node that is alone must.
    pub const ALL: Self = Self { worker: true, maintenance: true };
}

impl EngineConfig {
    /// How long after acceptance an event and its records are pruned: what still waited has
    /// been shown as expired for a while then, and half of the promised grace is left.
    pub(crate) fn prune(&self) -> Span {
        let grace = self.keep.part(30).max(Span::seconds(1));
        Span::millis(self.keep.as_millis().saturating_add(grace.as_millis() / 2))
    }

    /// The longest that maintenance sleeps without a reason to wake.
    pub(crate) fn longest_nap(&self) -> Span {
        self.keep.min(self.policy.disable.after).part(20).clamp(Span::millis(100), Span::seconds(60))
    }
}
