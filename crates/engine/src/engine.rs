//! The engine as others hold it: start, enqueue, shut down.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool};

use stayhook_core::{EventId, NewEvent, Ordering, Span, Status, UnixMs, WebhookId};
use stayhook_courier::Transport;
use stayhook_store::{NewRow, Registered, Store, StoreError};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::attempt::{Standing, conclusion};
use crate::catalogue::Kinds;
use crate::clock::{Clock, Dice, EventIds};
use crate::config::EngineConfig;
use crate::dispatch::{self, Dispatch};
use crate::fanout::fan_out;
use crate::feed::{self, Feed};
use crate::handoffs::Handoffs;
use crate::intake::{self, Call, Enqueued};
use crate::neighbours;
use crate::network::{self, Network};
use crate::pickup::{self, Pickup};
use crate::queues::Limits;
use crate::registry::{Registry, Rules};
use crate::settle::{self, Settle};
use crate::tallies::{self, Tallies};
use crate::trial::Trials;
use crate::upkeep::{self, Upkeep};

/// Calls that may wait for acceptance before callers are made to wait themselves.
const CALLS: usize = 4_096;
/// Deliveries of one webhook in memory.
const LANE_ITEMS: usize = 512;
/// Deliveries in memory, and bytes of their bodies.
const ITEMS: usize = 16_384;
const BYTES: usize = 24 << 20;
/// How often an event is fanned out anew because another node has changed webhooks meanwhile.
const STALE_TRIES: usize = 10;
/// How much longer than an attempt may take a claimed delivery may stay in memory.
const LEASE_MARGIN: Span = Span::seconds(50);

/// What the engine is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub dice: Arc<dyn Dice>,
    /// How to behave.
    pub config: EngineConfig,
}

/// A running engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    calls: mpsc::Sender<Call>,
}

/// What the loops of the engine share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) config: EngineConfig,
    pub(crate) registry: Registry,
    pub(crate) catalogue: Kinds,
    pub(crate) tallies: Tallies,
    pub(crate) trials: Trials,
    pub(crate) handoffs: Handoffs,
    pub(crate) dispatch: Dispatch,
    pub(crate) settle: Settle,
    pub(crate) feed: Feed,
    pub(crate) network: Network,
    pub(crate) upkeep: Upkeep,
    pub(crate) pickup: Pickup,
    /// How long a claimed delivery is this node's.
    pub(crate) lease: Span,
    /// Turns true when attempts in flight are given up and the loops end.
    pub(crate) stopping: watch::Sender<bool>,
    /// Turns true when a part of the engine has panicked.
    broken: watch::Sender<bool>,
    /// Rung after every commit of outcomes.
    pub(crate) settled: Notify,
    /// Held while other nodes' changes are followed.
    pub(crate) following: tokio::sync::Mutex<()>,
    pub(crate) ids: EventIds,
    accepting: AtomicBool,
}

impl Engine {
    /// Takes over what an earlier process left behind, loads the registry and starts.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(parts: Parts) -> Result<Self, StoreError> {
        let (settle, outcomes) = Settle::new();
        let shared = Arc::new(Shared::load(parts, settle).await?);
        let (calls, queue) = mpsc::channel(CALLS);
        shared.keep_running("intake", intake::run(Arc::clone(&shared), queue));
        shared.keep_running("settle", settle::run(Arc::clone(&shared), outcomes));
        shared.keep_running("pace", dispatch::run(Arc::clone(&shared)));
        shared.keep_running("relief", upkeep::run_relief(Arc::clone(&shared)));
        shared.keep_running("neighbours", neighbours::run(Arc::clone(&shared)));
        shared.keep_running("tallies", tallies::run(Arc::clone(&shared)));
        shared.keep_running("pickup", pickup::run(Arc::clone(&shared), calls.clone()));
        if shared.config.roles.worker {
            shared.keep_running("feed", feed::run(Arc::clone(&shared)));
            shared.keep_running("network", network::run(Arc::clone(&shared)));
        }
        if shared.config.roles.maintenance {
            shared.keep_running("upkeep", upkeep::run(Arc::clone(&shared)));
        }
        Ok(Self { shared, calls })
    }

    /// Ends when a part of the engine has panicked: the process should end then and be
    /// started anew, since nothing in memory is needed. Otherwise never.
    pub async fn broken(&self) {
        let mut broken = self.shared.broken.subscribe();
        // The sender lives as long as `self`.
        let _ = broken.wait_for(|it| *it).await;
    }

    /// Accepts events; durable when it returns. One result for each, in order.
    ///
    /// # Errors
    /// When the store fails or the engine is shutting down: then none was accepted.
    pub async fn enqueue(&self, events: Vec<NewEvent>) -> Result<Vec<Enqueued>, StoreError> {
        let unavailable = || StoreError::Unavailable("the engine is shutting down".to_owned());
        if !self.accepting() {
            return Err(unavailable());
        }
        for _ in 0..STALE_TRIES {
            let (answer, answered) = oneshot::channel();
            let (generation, rows) = self.fan_out(&events);
            let call = Call { generation, rows, collected: false, answer };
            self.calls.send(call).await.map_err(|_| unavailable())?;
            match answered.await.map_err(|_| unavailable())? {
                Err(StoreError::StaleRegistry) => neighbours::follow(&self.shared).await?,
                answer => return answer,
            }
        }
        Err(StoreError::Unavailable("webhooks change faster than events can be accepted".to_owned()))
    }

    /// Decides what every webhook is to get, by the webhooks as this node knows them.
    fn fan_out(&self, events: &[NewEvent]) -> (i64, Vec<NewRow>) {
        let shared = &self.shared;
        // Read first: a change that comes in between makes the copy newer than its number.
        let generation = shared.registry.generation();
        let now = shared.clock.now();
        let id = || shared.ids.next(now, shared.dice.entropy());
        (generation, events.iter().map(|event| shared.fan_out(event, id())).collect())
    }

    /// The store, to read from.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// What time it is.
    pub fn now(&self) -> UnixMs {
        self.shared.clock.now()
    }

    /// Unguessable bits, for request ids.
    pub fn entropy(&self) -> u128 {
        self.shared.dice.entropy()
    }

    /// Whether events are accepted: not while shutting down.
    pub fn accepting(&self) -> bool {
        self.shared.accepting.load(atomic::Ordering::Acquire)
    }

    /// The events whose deliveries to this webhook wait in this node's memory for their turn.
    /// The store, which knows that the node has them but not what it does with them, shows
    /// them as `delivering`.
    pub fn waiting(&self, webhook: WebhookId) -> HashSet<EventId> {
        self.shared.dispatch.waiting(webhook)
    }

    /// Attempts in flight, and deliveries in memory that wait for their turn.
    pub fn load(&self) -> (usize, usize) {
        self.shared.dispatch.load()
    }

    /// Stops accepting and starting, waits for attempts in flight (at most `grace`), gives
    /// everything else back to the store, and returns when all of it is written.
    pub async fn shutdown(&self, grace: Span) {
        let shared = &self.shared;
        shared.accepting.store(false, atomic::Ordering::Release);
        self.accept_the_last().await;
        shared.spill(shared.dispatch.stop());
        // A claim that was under way may have brought more into memory; none comes after it.
        shared.feed.last_claim().await;
        shared.spill(shared.dispatch.stop());
        let deadline = shared.clock.sleep_until(shared.clock.now().after(grace));
        tokio::select! {
            () = shared.dispatch.drained() => {}
            () = deadline => tracing::warn!("attempts still in flight are given up; they will be repeated"),
        }
        shared.stopping.send_replace(true);
        shared.dispatch.drained().await;
        let deadline = shared.clock.sleep_until(shared.clock.now().after(grace));
        let write_all = async {
            shared.dispatch.settled_all(shared).await;
            if let Err(error) = shared.flush_tallies().await {
                tracing::warn!(%error, "the last figures could not be written");
            }
        };
        tokio::select! {
            () = write_all => {}
            () = deadline => tracing::error!("outcomes could not be written before the end; their deliveries will be repeated"),
        }
        if let Err(error) = shared.store.leave().await {
            tracing::warn!(%error, "other nodes take over when they miss this one");
        }
    }

    /// Waits until calls that were accepted for intake are committed.
    async fn accept_the_last(&self) {
        let (answer, answered) = oneshot::channel();
        let generation = self.shared.registry.generation();
        let call = Call { generation, rows: Vec::new(), collected: false, answer };
        if self.calls.send(call).await.is_ok() {
            // Whether that commit succeeded is for its callers to know.
            let _ = answered.await;
        }
    }
}

async fn take_over(store: &dyn Store, now: UnixMs) -> Result<(), StoreError> {
    let taken_over = store.take_over(now).await?;
    if taken_over > 0 {
        tracing::info!(
            deliveries = taken_over,
            "took over deliveries that were in flight when the last process ended"
        );
    }
    Ok(())
}

fn limits(config: &EngineConfig) -> Limits {
    Limits {
        in_flight: config.concurrency,
        window: config.per_webhook_concurrency,
        lane: LANE_ITEMS,
        items: ITEMS,
        bytes: BYTES,
    }
}

/// Does something in a task of its own, so that it is done to its end even when nobody waits
/// for it any more: what the store has and what memory has must not drift apart because a
/// caller hung up between the two.
pub(crate) async fn to_the_end<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|_| Err(StoreError::Unavailable("the engine failed".to_owned()).into()))
}

impl Shared {
    /// Takes over what an earlier process left behind, tells the store what this node accepts,
    /// and loads what is known of webhooks and event types.
    async fn load(parts: Parts, settle: Settle) -> Result<Self, StoreError> {
        let Parts { store, transport, clock, dice, config } = parts;
        take_over(&*store, clock.now()).await?;
        // Asked before loading: what changes in between is looked at once more.
        let generation = store.registry_changes(0).await?.generation;
        let rules = Rules {
            urls: config.url_rules.clone(),
            profiles: config.profiles.clone(),
            entitled: config.entitled_by_default,
        };
        let registry = Registry::new(rules, store.registry().await?, generation);
        let given = config.catalogue.iter().map(|kind| kind.name.clone()).collect();
        store.announce(given, config.event_bytes).await?;
        let catalogue = Kinds::new(config.catalogue.clone(), store.event_types().await?);
        let network = Network::new(config.outage);
        Ok(Self {
            lease: Span::millis(config.timeout.as_millis().saturating_add(LEASE_MARGIN.as_millis())),
            dispatch: Dispatch::new(limits(&config)),
            store,
            transport,
            clock,
            dice,
            config,
            registry,
            catalogue,
            tallies: Tallies::default(),
            trials: Trials::default(),
            handoffs: Handoffs::default(),
            settle,
            feed: Feed::new(),
            network,
            upkeep: Upkeep::new(),
            pickup: Pickup::new(),
            stopping: watch::Sender::new(false),
            broken: watch::Sender::new(false),
            settled: Notify::new(),
            following: tokio::sync::Mutex::default(),
            ids: EventIds::default(),
            accepting: AtomicBool::new(true),
        })
    }

    /// Runs a loop of the engine, and raises the alarm if it panics.
    fn keep_running(self: &Arc<Self>, name: &'static str, run: impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::clone(self);
        let task = tokio::spawn(run);
        tokio::spawn(async move {
            if task.await.is_err_and(|error| error.is_panic()) {
                tracing::error!(part = name, "a part of the engine has panicked");
                shared.broken.send_replace(true);
            }
        });
    }

    /// Decides what every webhook of the event's property is to get.
    pub(crate) fn fan_out(&self, event: &NewEvent, id: EventId) -> NewRow {
        let webhooks = self.registry.of(event.property);
        let has_room = |webhook| self.config.roles.worker && self.dispatch.has_room(webhook);
        let entitled = self.registry.entitled(event.property);
        fan_out(event, id, &webhooks, entitled, has_room)
    }

    /// Takes over a webhook as it is now, and looks again at what is in memory of it. Where the
    /// order begins to matter, all of that goes back to the store, which says whose turn it is;
    /// after a pause it starts to be sent slowly.
    pub(crate) fn take_over(self: &Arc<Self>, registered: &Registered) {
        let id = registered.webhook.id;
        let before = self.registry.get(id);
        let before = before.as_ref().map(|it| &it.webhook);
        let was_ordered = before.is_none_or(|it| it.options.ordering != Ordering::None);
        let was_active = before.is_none_or(|it| matches!(it.status, Status::Active { .. }));
        self.registry.apply(registered);
        if !was_active && matches!(registered.webhook.status, Status::Active { .. }) {
            self.dispatch.ramp_up(id);
        }
        if !was_ordered && registered.webhook.options.ordering != Ordering::None {
            self.spill(self.dispatch.take_back(id));
        }
        self.reconsider(id);
    }

    /// Looks again at deliveries in memory after their webhook changed: what may not be sent
    /// any more is concluded at once, the rest goes back into its queue.
    pub(crate) fn reconsider(self: &Arc<Self>, webhook: WebhookId) {
        let entry = self.registry.get(webhook);
        let mut keep = Vec::new();
        let now = self.clock.now();
        for item in self.dispatch.take_back(webhook) {
            match self.standing(entry.as_deref(), &item, now) {
                Standing::Send(_) => keep.push(item),
                Standing::Not(step) => {
                    self.dispatch.unsettled(1);
                    self.settle.add(conclusion(item, step));
                }
            }
        }
        self.dispatch.add(self, keep);
    }
}
