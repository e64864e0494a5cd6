//! What a node does by itself: it says that it is alive, makes partitions ahead of time,
//! gives back what dead nodes held, and listens for what other nodes did.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgNotification, PgPoolOptions};
use sqlx::{Executor as _, Row as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::access::Access;
use super::clock;
use super::failure::Failure;
use super::line::{PATIENCE, PROMPT, work};
use super::shared::Shared;
use super::sql;
use crate::{Signal, StoreError};

/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(2);
/// Between two looks for dead nodes: what they held is taken over within twenty seconds.
const RESCUE: Duration = Duration::from_secs(2);
/// Between two looks for what no notification told.
const POLL: Duration = Duration::from_millis(500);
/// The same while events come in by SQL. Callers whose transactions overlap ring one bell, so
/// that it says nothing about those that commit later.
const INBOX_POLL: Duration = Duration::from_millis(50);
/// So many looks in vain show that they have stopped to come: a minute's worth.
const INBOX_LOOKS: u32 = 1_200;
/// After a failure to listen.
const AGAIN: Duration = Duration::from_secs(1);
/// After so much silence it is asked whether the other end is still there: a connection whose
/// server vanished would be listened to for ever.
const SILENCE: Duration = Duration::from_secs(30);
/// Signals that wait to be heard; more of them would say nothing new.
const SIGNALS: usize = 64;

const DUE: &str = "stayhook_due";
const REGISTRY: &str = "stayhook_registry";
const INBOX: &str = "stayhook_inbox";

/// Tasks that end when this is dropped.
pub(super) struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Starts everything. Returns what is heard from other nodes.
pub(super) fn start(shared: &Arc<Shared>) -> (Tasks, mpsc::Receiver<Signal>) {
    let (sender, signals) = mpsc::channel(SIGNALS);
    let (bell, rings) = mpsc::channel(SIGNALS);
    let tasks = vec![
        tokio::spawn(pulse(Arc::clone(shared))),
        tokio::spawn(rescue(Arc::clone(shared))),
        tokio::spawn(listen(shared.access.clone(), bell)),
        tokio::spawn(watch(Arc::clone(shared), rings, sender)),
    ];
    (Tasks(tasks), signals)
}

async fn pulse(shared: Arc<Shared>) {
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match beat(&shared).await {
            Ok(()) => {}
            Err(Failure::Buried) => return,
            Err(failure) => tracing::warn!(error = %StoreError::from(failure), "no heartbeat"),
        }
    }
}

async fn beat(shared: &Shared) -> Result<(), Failure> {
    let mut held = shared.pulse.hold().await?;
    let result = work!(held, PROMPT, None, |conn| shared.beat(conn));
    let now = held.done(result)?;
    let missing = shared.days.missing_around(now);
    if missing.is_empty() {
        return Ok(());
    }
    let mut held = shared.pulse.hold().await?;
    let result = work!(held, PATIENCE, None, |conn| shared.days.add(conn, &missing));
    held.done(result)
}

async fn rescue(shared: Arc<Shared>) {
    let mut ticks = interval(RESCUE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match give_back(&shared).await {
            Ok(0) => {}
            Ok(deliveries) => tracing::warn!(deliveries, "taken over from dead nodes"),
            Err(failure) => {
                tracing::warn!(error = %StoreError::from(failure), "dead nodes could not be looked for");
            }
        }
    }
}

async fn give_back(shared: &Shared) -> Result<u64, Failure> {
    let mut held = shared.upkeep.hold().await?;
    let now = work!(held, PATIENCE, None, |conn| clock::clock(conn));
    let now = held.done(now)?;
    let unknown = shared.resolve_doubts(now).await?;
    if unknown > 0 {
        tracing::warn!(deliveries = unknown, "found what was accepted when the database was lost");
    }
    shared.take_over(now).await
}

/// Passes on what rings. Behind a pooler nobody can listen: then [`watch`] looks by itself.
async fn listen(access: Access, bell: mpsc::Sender<Option<Signal>>) {
    if access.pooler {
        return bell.closed().await;
    }
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PROMPT);
    let pool = pool.connect_lazy_with(access.options);
    loop {
        if let Err(error) = pass_on(&pool, &bell).await {
            tracing::debug!(%error, "not listening for other nodes, polling instead");
        }
        if bell.is_closed() {
            return;
        }
        sleep(AGAIN).await;
    }
}

async fn pass_on(pool: &sqlx::PgPool, bell: &mpsc::Sender<Option<Signal>>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([DUE, REGISTRY, INBOX]).await?;
    // Whatever rang before was missed.
    let _ = bell.try_send(None);
    while !bell.is_closed() {
        let Ok(rang) = timeout(SILENCE, listener.try_recv()).await else {
            timeout(PROMPT, (&mut listener).execute("SELECT 1")).await.map_err(io::Error::from)??;
            continue;
        };
        let rang = rang?;
        tracing::debug!(channel = rang.as_ref().map(PgNotification::channel), "rang");
        let signal = rang.map(|it| match it.channel() {
            DUE => Signal::Due,
            INBOX => Signal::Inbox,
            _ => Signal::Registry,
        });
        // A full channel holds what will make the watch look anyway. `None`: connected again,
        // and whatever rang in between was missed.
        let _ = bell.try_send(signal);
    }
    Ok(())
}

/// Tells the engine what rings, and looks now and then for what did not.
async fn watch(
    shared: Arc<Shared>,
    mut rings: mpsc::Receiver<Option<Signal>>,
    signals: mpsc::Sender<Signal>,
) {
    let mut known = None;
    let mut looks: u32 = 0;
    loop {
        let ring = tokio::select! {
            ring = rings.recv() => ring.flatten(),
            () = sleep(if looks > 0 { INBOX_POLL } else { POLL }) => None,
        };
        looks = looks.saturating_sub(1);
        match ring {
            Some(Signal::Due) => {
                let _ = signals.try_send(Signal::Due);
                continue;
            }
            Some(Signal::Inbox) => looks = INBOX_LOOKS,
            Some(Signal::Held | Signal::Registry) | None => {}
        }
        match look(&shared).await {
            Ok(seen) => {
                tell(&seen, &mut known, &signals);
                if seen.inbox {
                    looks = INBOX_LOOKS;
                }
            }
            Err(failure) => tracing::debug!(error = %StoreError::from(failure), "not looking for changes"),
        }
        if signals.is_closed() {
            return;
        }
    }
}

struct Seen {
    generation: i64,
    due: bool,
    inbox: bool,
    held: bool,
}

async fn look(shared: &Shared) -> Result<Seen, Failure> {
    let mut held = shared.pooled().await?;
    let result = work!(held, PATIENCE, None, |conn| async {
        let row = sqlx::query(sql::LOOK).fetch_one(conn).await?;
        Ok(Seen {
            generation: row.try_get(0)?,
            due: row.try_get(1)?,
            inbox: row.try_get(2)?,
            held: row.try_get(3)?,
        })
    });
    held.done(result)
}

fn tell(seen: &Seen, known: &mut Option<i64>, signals: &mpsc::Sender<Signal>) {
    if known.is_some_and(|known| known >= seen.generation) || signals.try_send(Signal::Registry).is_ok() {
        *known = Some(seen.generation);
    }
    if seen.due {
        let _ = signals.try_send(Signal::Due);
    }
    if seen.inbox {
        let _ = signals.try_send(Signal::Inbox);
    }
    if seen.held {
        let _ = signals.try_send(Signal::Held);
    }
}
