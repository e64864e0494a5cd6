//! Other nodes on the same database: what they do that this one must follow.

use std::collections::BTreeSet;
use std::sync::Arc;

use stayhook_core::WebhookId;
use stayhook_store::{Registered, Signal, StoreError};

use crate::engine::Shared;

/// Listens until the engine stops, or for ever where there are no other nodes.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    let mut signals = shared.store.signals();
    loop {
        let signal = tokio::select! {
            signal = signals.recv() => signal,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        match signal {
            Some(Signal::Due) => shared.feed.wake(),
            Some(Signal::Held) => shared.upkeep.wake(),
            Some(Signal::Inbox) => shared.pickup.wake(),
            Some(Signal::Registry) => {
                // A failure is made good by the next signal, and by the check at every intake.
                if let Err(error) = follow(&shared).await {
                    tracing::warn!(%error, "changes of other nodes could not be followed yet");
                }
            }
            None => return,
        }
    }
}

/// Brings this node's copy of the webhooks up to date.
pub(crate) async fn follow(shared: &Arc<Shared>) -> Result<(), StoreError> {
    // One at a time: an older answer must not overtake a newer one.
    let _following = shared.following.lock().await;
    let changes = shared.store.registry_changes(shared.registry.generation()).await?;
    let (asked, found) = match changes.changed {
        Some(changed) if changed.is_empty() => (changed, Vec::new()),
        Some(changed) => {
            let found = shared.store.registered(&changed).await?;
            (changed, found)
        }
        None => (shared.registry.ids(), shared.store.registry().await?),
    };
    take_over(shared, asked, &found);
    if changes.event_types {
        shared.refresh_catalogue().await?;
    }
    shared.registry.followed(changes.generation);
    Ok(())
}

/// Applies what was found; what was asked for and not found was deleted.
fn take_over(shared: &Arc<Shared>, asked: Vec<WebhookId>, found: &[Registered]) {
    let present: BTreeSet<WebhookId> = found.iter().map(|it| it.webhook.id).collect();
    for registered in found {
        shared.take_over(registered);
    }
    let deleted = asked.into_iter().filter(|id| !present.contains(id));
    for id in deleted {
        shared.registry.remove(id);
        shared.transport.forget(id);
        shared.reconsider(id);
    }
    for id in present {
        shared.transport.forget(id);
    }
    if !found.is_empty() {
        shared.feed.wake();
    }
}
