//! A group of outcomes that the store refuses for something that one of them holds: the others are
//! written without it.

use bytes::Bytes;
use stayhook_core::Fault;
use stayhook_store::{Concluded, Conclusion, Fate, HandoffId, Origin, Step, StoreError};

use super::write;
use crate::engine::Shared;

/// Writes what can be written, in order, by halves; then takes away the handoffs of which
/// everything was. What cannot be written stays where it is, until another process or the end of
/// its lease brings it back: it was sent, and will be sent again.
pub(super) async fn commit(
    shared: &Shared,
    conclusions: Vec<Conclusion>,
    mut finished: Vec<HandoffId>,
) -> (Vec<Conclusion>, Concluded) {
    let mut parts = vec![conclusions];
    let (mut all, mut done) = (Vec::new(), Concluded::default());
    while let Some(mut part) = parts.pop() {
        let concluded = match write(shared, &part, &[]).await {
            Err(_) if part.len() > 1 => {
                let second = part.split_off(part.len() / 2);
                parts.extend([second, part]);
                continue;
            }
            Err(error) => alone(shared, &mut part, &error).await,
            Ok(concluded) => concluded,
        };
        if concluded.fates.is_empty() {
            finished.retain(|handoff| part.iter().all(|it| it.origin != Origin::Handoff(*handoff)));
            done.fates.extend(part.iter().map(|_| Fate::Stale));
        }
        done.fates.extend(concluded.fates);
        done.statuses.extend(concluded.statuses);
        all.extend(part);
    }
    if let Err(error) = write(shared, &[], &finished).await {
        tracing::error!(%error, "finished handoffs could not be taken away");
    }
    (all, done)
}

/// Writes the outcome without what came from outside. Nothing is returned if that is refused too.
async fn alone(shared: &Shared, part: &mut [Conclusion], error: &StoreError) -> Concluded {
    metrics::counter!("stayhook_store_errors_total", "during" => "settle").increment(1);
    let Some(it) = part.first_mut() else { return Concluded::default() };
    let (webhook, event) = (it.webhook, it.event);
    tracing::error!(%webhook, %event, %error, "an outcome is refused by the store: writing it without the receiver's answer");
    if let Step::Tried(tried) = &mut it.step {
        tried.reply.body = Bytes::new();
        let words = "the store refused what the receiver answered, see the log";
        tried.reply.fault = tried.reply.fault.take().map(|fault| Fault::new(fault.class, words));
    }
    match write(shared, part, &[]).await {
        Ok(concluded) => concluded,
        Err(error) => {
            tracing::error!(%webhook, %event, %error, "the outcome cannot be written at all: the delivery will be repeated");
            Concluded::default()
        }
    }
}
