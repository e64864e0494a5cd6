//! The engine as others hold it: start, enqueue, change, shut down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stayhook_core::{
    AllowList, ClientId, Description, EventId, NewEvent, Policy, PropertyId, SigningSecret, Span,
    Subscription, UnixMs, UrlRules, Webhook, WebhookChange, WebhookId, WebhookOptions, WebhookUrl,
};
use stayhook_courier::Transport;
use stayhook_store::{
    Author, ChangeError, CreateError, NewRow, NewWebhook, Order, Patch, Registered, Scope, Store, StoreError,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::attempt::{Standing, conclusion, standing};
use crate::clock::{Clock, Dice, EventIds};
use crate::dispatch::Dispatch;
use crate::fanout::fan_out;
use crate::feed::{self, Feed};
use crate::handoffs::Handoffs;
use crate::intake::{self, Call, Enqueued};
use crate::neighbours;
use crate::pickup::{self, Pickup};
use crate::queues::Limits;
use crate::registry::Registry;
use crate::settle::{self, Settle};
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

/// How the engine behaves.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Retries and the 72-hour rule: `retry.*`, `disable.after`.
    pub policy: Policy,
    /// `delivery.concurrency`: attempts in flight on this node.
    pub concurrency: usize,
    /// `delivery.per_webhook_concurrency`: attempts in flight of one webhook, at most.
    pub per_webhook_concurrency: usize,
    /// `delivery.timeout`: the longest that one attempt takes.
    pub timeout: Span,
    /// `retention.keep`
    pub keep: Span,
    /// `egress.*`: the rules that every URL is judged by before every attempt.
    pub url_rules: UrlRules,
    /// `limits.webhooks_per_property`
    pub webhooks_per_property: u32,
    /// What of a booking leaves the house.
    pub allow_list: AllowList,
    /// `server.roles`
    pub roles: Roles,
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

/// A webhook that somebody registers.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Who.
    pub client: ClientId,
    /// For which property.
    pub property: PropertyId,
    /// Where to.
    pub url: WebhookUrl,
    /// Which events.
    pub events: Subscription,
    /// The owner's note.
    pub description: Option<Description>,
    /// The owner's choices.
    pub options: WebhookOptions,
}

/// A running engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
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
    pub(crate) handoffs: Handoffs,
    pub(crate) dispatch: Dispatch,
    pub(crate) settle: Settle,
    pub(crate) feed: Feed,
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
    ids: EventIds,
    accepting: AtomicBool,
}

impl Engine {
    /// Takes over what an earlier process left behind, loads the registry and starts.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(parts: Parts) -> Result<Self, StoreError> {
        let Parts { store, transport, clock, dice, config } = parts;
        let taken_over = store.take_over(clock.now()).await?;
        if taken_over > 0 {
            tracing::info!(
                deliveries = taken_over,
                "took over deliveries that were in flight when the last process ended"
            );
        }
        // Asked before loading: what changes in between is looked at once more.
        let generation = store.registry_changes(0).await?.generation;
        let registry = Registry::new(config.url_rules.clone(), store.registry().await?, generation);
        let (settle, outcomes) = Settle::new();
        let limits = Limits {
            in_flight: config.concurrency,
            window: config.per_webhook_concurrency,
            lane: LANE_ITEMS,
            items: ITEMS,
            bytes: BYTES,
        };
        let shared = Arc::new(Shared {
            lease: Span::millis(config.timeout.as_millis().saturating_add(LEASE_MARGIN.as_millis())),
            store,
            transport,
            clock,
            dice,
            config,
            registry,
            handoffs: Handoffs::default(),
            dispatch: Dispatch::new(limits),
            settle,
            feed: Feed::new(),
            upkeep: Upkeep::new(),
            pickup: Pickup::new(),
            stopping: watch::Sender::new(false),
            broken: watch::Sender::new(false),
            settled: Notify::new(),
            following: tokio::sync::Mutex::default(),
            ids: EventIds::default(),
            accepting: AtomicBool::new(true),
        });
        let (calls, queue) = mpsc::channel(CALLS);
        shared.keep_running("intake", intake::run(Arc::clone(&shared), queue));
        shared.keep_running("settle", settle::run(Arc::clone(&shared), outcomes));
        shared.keep_running("relief", upkeep::run_relief(Arc::clone(&shared)));
        shared.keep_running("neighbours", neighbours::run(Arc::clone(&shared)));
        shared.keep_running("pickup", pickup::run(Arc::clone(&shared), calls.clone()));
        if shared.config.roles.worker {
            shared.keep_running("feed", feed::run(Arc::clone(&shared)));
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

    /// Registers a webhook and gives out its secret, once.
    ///
    /// # Errors
    /// When the property has no slot left or the store fails.
    pub async fn create_webhook(&self, new: Registration) -> Result<(Webhook, SigningSecret), CreateError> {
        let shared = Arc::clone(&self.shared);
        let new = NewWebhook {
            client: new.client,
            property: new.property,
            url: new.url.as_str().to_owned(),
            events: new.events,
            description: new.description,
            options: new.options,
            secret: SigningSecret::from_entropy(shared.dice.secret()),
            credentials: None,
            at: shared.clock.now(),
            limit: shared.config.webhooks_per_property,
        };
        to_the_end(async move {
            let registered = shared.store.create_webhook(new).await?;
            shared.registry.apply(&registered);
            let Registered { webhook, secrets, .. } = registered;
            Ok((webhook, secrets.current))
        })
        .await
    }

    /// Changes a webhook; no attempt that the change forbids starts after this returns.
    ///
    /// # Errors
    /// When the scope does not see it, its status does not allow it, or the store fails.
    pub async fn change_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        change: WebhookChange,
    ) -> Result<Webhook, ChangeError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        let at = shared.clock.now();
        let retry_by = at.after(shared.config.policy.backoff.delay(1, shared.dice.roll()));
        to_the_end(async move {
            let patch = Patch { change, ..Patch::default() };
            let order = Order::new(Author::Operator, at);
            let registered = shared.store.change_webhook(&scope, id, patch, &order, retry_by).await?;
            shared.registry.apply(&registered);
            shared.transport.forget(id);
            shared.reconsider(id);
            shared.feed.wake();
            Ok(registered.webhook)
        })
        .await
    }

    /// Deletes a webhook. Returns whether the scope saw it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_webhook(&self, scope: &Scope, id: WebhookId) -> Result<(), ChangeError> {
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        to_the_end(async move {
            let order = Order::new(Author::Operator, shared.clock.now());
            shared.store.delete_webhook(&scope, id, &order).await?;
            shared.registry.remove(id);
            shared.transport.forget(id);
            shared.reconsider(id);
            Ok(())
        })
        .await
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
        self.shared.accepting.load(Ordering::Acquire)
    }

    /// Attempts in flight, and deliveries in memory that wait for their turn.
    pub fn load(&self) -> (usize, usize) {
        self.shared.dispatch.load()
    }

    /// Stops accepting and starting, waits for attempts in flight (at most `grace`), gives
    /// everything else back to the store, and returns when all of it is written.
    pub async fn shutdown(&self, grace: Span) {
        let shared = &self.shared;
        shared.accepting.store(false, Ordering::Release);
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
        tokio::select! {
            () = shared.dispatch.settled_all(shared) => {}
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

/// Does something in a task of its own, so that it is done to its end even when nobody waits
/// for it any more: what the store has and what memory has must not drift apart because a
/// caller hung up between the two.
async fn to_the_end<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|_| Err(StoreError::Unavailable("the engine failed".to_owned()).into()))
}

impl Shared {
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
        fan_out(event, id, &webhooks, &self.config.allow_list, has_room)
    }

    /// Looks again at deliveries in memory after their webhook changed: what may not be sent
    /// any more is concluded at once, the rest goes back into its queue.
    pub(crate) fn reconsider(self: &Arc<Self>, webhook: WebhookId) {
        let entry = self.registry.get(webhook);
        let mut keep = Vec::new();
        let now = self.clock.now();
        for item in self.dispatch.take_back(webhook) {
            match standing(entry.as_deref(), &item, now, self.config.keep) {
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
