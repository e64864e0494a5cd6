//! Our own network: while most receivers are out of reach at once, none of them is to blame.
//!
//! As long as that lasts, attempts that get no answer are faults of the engine (no step of the
//! schedule, no failure), the clocks of webhooks that were failing before stand still, and only a
//! few deliveries are tried, to find out when it is over. Whether it is so, `core` decides.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stayhook_core::{
    Fault, FaultClass, Host, OutageChange, OutageRule, Outages, Reach, Span, UnixMs, WebhookUrl,
};
use stayhook_store::StoreError;
use tokio::sync::Notify;

use crate::engine::Shared;

/// How often clocks are stopped anew during an outage, and how far ahead: whatever another node's
/// sweeper does in between finds them standing.
const EVERY: Span = Span::seconds(15);
const AHEAD: Span = Span::seconds(30);

/// What this node knows of its network.
pub(crate) struct Network {
    state: Mutex<State>,
    /// Rung when an outage begins or ends.
    bell: Notify,
}

struct State {
    outages: Outages,
    /// An outage that is over and has not been written yet.
    owed: Option<(UnixMs, UnixMs)>,
}

impl Network {
    pub(crate) fn new(rule: Option<OutageRule>) -> Self {
        let outages = Outages::new(rule.unwrap_or_default());
        Self { state: Mutex::new(State { outages, owed: None }), bell: Notify::new() }
    }

    /// Whether our own network is gone.
    pub(crate) fn is_down(&self) -> bool {
        self.lock().outages.since().is_some()
    }

    /// The time in which clocks are to stand still, as far as it is known.
    fn owed(&self, now: UnixMs) -> Option<(UnixMs, UnixMs)> {
        let state = self.lock();
        state.owed.or_else(|| state.outages.since().map(|since| (since, now.after(AHEAD))))
    }

    /// It was written.
    fn paid(&self, time: (UnixMs, UnixMs)) {
        let owed = &mut self.lock().owed;
        *owed = owed.filter(|it| *it != time);
    }

    fn learn(&self, url: &WebhookUrl, reach: Reach, now: UnixMs) -> Option<OutageChange> {
        let host = match url.host() {
            Host::Name(name) => Cow::Borrowed(name),
            Host::Ip(address) => Cow::Owned(address.to_string()),
        };
        let mut state = self.lock();
        let change = state.outages.learn(&host, reach, now);
        if let Some(OutageChange::Ended(since)) = change {
            // One that began before the last was written takes that one in.
            let since = state.owed.map_or(since, |(earlier, _)| earlier.min(since));
            state.owed = Some((since, now));
        }
        change
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in `State` panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// A receiver answered.
    pub(crate) fn was_reached(&self, url: &WebhookUrl) {
        self.learn(url, Reach::Reached);
    }

    /// A receiver did not answer. Says whose fault that is.
    pub(crate) fn was_lost(&self, url: &WebhookUrl, fault: Fault) -> Fault {
        match Reach::of(fault.class) {
            Some(reach) => self.learn(url, reach),
            None => return fault,
        }
        if !self.network.is_down() || fault.class == FaultClass::Interrupted {
            return fault;
        }
        let words = format!("most receivers are out of reach, so that it counts as our own fault: {fault}");
        Fault::new(FaultClass::Interrupted, words)
    }

    fn learn(&self, url: &WebhookUrl, reach: Reach) {
        match self.network.learn(url, reach, self.clock.now()) {
            None => return,
            Some(OutageChange::Began(since)) => {
                metrics::counter!("stayhook_network_outages_total").increment(1);
                metrics::gauge!("stayhook_network_down").set(1.0);
                tracing::error!(
                    since = %since.rfc3339_millis(),
                    "most receivers are out of reach: this node's network or its name servers are gone; \
                     failures do not count until receivers are reached again"
                );
            }
            Some(OutageChange::Ended(since)) => {
                metrics::gauge!("stayhook_network_down").set(0.0);
                tracing::warn!(since = %since.rfc3339_millis(), "receivers are reached again");
                self.feed.wake();
            }
        }
        self.network.bell.notify_one();
    }

    /// Lets clocks stand still for as long as our own network was, or is, gone.
    pub(crate) async fn freeze(&self) -> Result<(), StoreError> {
        let Some(time) = self.network.owed(self.clock.now()) else { return Ok(()) };
        self.store.freeze(time.0, time.1).await?;
        self.network.paid(time);
        Ok(())
    }
}

/// Stops clocks when an outage begins, and again while it lasts, until the engine stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let next = async {
            match shared.network.owed(shared.clock.now()) {
                Some(_) => shared.clock.sleep_until(shared.clock.now().after(EVERY)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = next => {}
            () = shared.network.bell.notified() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = shared.freeze().await {
            tracing::error!(%error, "clocks of failing webhooks could not be stopped; trying again");
            metrics::counter!("stayhook_store_errors_total", "during" => "freeze").increment(1);
        }
    }
}
