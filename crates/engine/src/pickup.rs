//! Events that other programs enqueued by SQL, inside transactions of their own: picked up,
//! fanned out and accepted like those that come over HTTP.

use std::sync::Arc;

use stayhook_core::Span;
use stayhook_store::{Collected, NewRow, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::engine::Shared;
use crate::intake::Call;
use crate::neighbours;

/// At most so many at once.
const MOST: usize = 500;
/// Wait after a failure; other nodes may be luckier meanwhile.
const AGAIN: Span = Span::seconds(1);

/// The bell of the pick-up loop.
pub(crate) struct Pickup(Notify);

impl Pickup {
    pub(crate) fn new() -> Self {
        Self(Notify::new())
    }

    /// Something was enqueued.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// Picks up what there is, whenever there is something, until the engine stops.
pub(crate) async fn run(shared: Arc<Shared>, calls: mpsc::Sender<Call>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        if let Err(error) = empty(&shared, &calls).await {
            tracing::error!(%error, "enqueued events could not be picked up; trying again");
            metrics::counter!("stayhook_store_errors_total", "during" => "pickup").increment(1);
            shared.clock.sleep_until(shared.clock.now().after(AGAIN)).await;
            shared.pickup.wake();
        }
        tokio::select! {
            () = shared.pickup.0.notified() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

async fn empty(shared: &Arc<Shared>, calls: &mpsc::Sender<Call>) -> Result<(), StoreError> {
    loop {
        // With half of its retention left it can still be delivered, and looked at.
        let collected = shared.store.collect(MOST, shared.config.keep.part(2)).await?;
        if collected.is_empty() {
            return Ok(());
        }
        while let Err(error) = accept(shared, calls, &collected).await {
            match error {
                StoreError::StaleRegistry => neighbours::follow(shared).await?,
                error => return Err(error),
            }
        }
    }
}

async fn accept(
    shared: &Arc<Shared>,
    calls: &mpsc::Sender<Call>,
    collected: &[Collected],
) -> Result<(), StoreError> {
    let stopped = || StoreError::Unavailable("the engine is shutting down".to_owned());
    // Read first: a change that comes in between makes the copy newer than its number.
    let generation = shared.registry.generation();
    let rows: Vec<NewRow> = collected.iter().map(|it| shared.fan_out(&it.new, it.event)).collect();
    let (answer, answered) = oneshot::channel();
    let call = Call { generation, rows, collected: true, answer };
    calls.send(call).await.map_err(|_| stopped())?;
    answered.await.map_err(|_| stopped())?.map(|_| ())
}
