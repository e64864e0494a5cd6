//! What paused webhooks keep (CONTRACT, section 7, rule 6).

use stayhook_core::{End, Held, Reason, Span, State, StatusChange, UnixMs, WebhookId};

use super::fixtures::*;
use crate::{HoldLimits, Swept, TargetFate};

async fn sweep_holding(store: &Any, now: UnixMs, max_events: u64, batch: usize) -> Swept {
    let hold = HoldLimits { max_age: Span::hours(1), max_events };
    let disable = stayhook_core::DisableRule::default();
    store.sweep(crate::Sweep { now, keep: KEEP, prune: KEEP, disable, hold, batch }).await.unwrap()
}

async fn paused(store: &Any) -> WebhookId {
    let id = webhook(store).await;
    switch(store, id, StatusChange::Pause, at(0)).await;
    id
}

async fn held(store: &Any, id: WebhookId) -> Vec<i64> {
    let filter = crate::DeliveryFilter { state: Some("held".to_owned()), ..Default::default() };
    let mut held: Vec<i64> = log(store, id, &filter)
        .await
        .iter()
        .map(|it| it.event.accepted_at().since(at(0)).as_millis() as i64)
        .collect();
    held.reverse();
    held
}

const LIMIT: State = State::Ended(End::Expired(Reason::HoldLimit));

pub async fn the_oldest_expire_beyond_the_number(store: Any) {
    let (id, other) = (paused(&store).await, webhook(&store).await);
    for ms in 1..=5 {
        wait(&store, id, event_id(ms, 1)).await;
        wait(&store, other, event_id(ms, 2)).await;
    }
    let swept = sweep_holding(&store, at(1_000), 3, 100).await;
    assert_eq!(swept.expired, 2);
    assert_eq!(held(&store, id).await, [3, 4, 5]);
    assert_eq!(state(&store, id, event_id(1, 1)).await, LIMIT);
    assert_eq!(state(&store, other, event_id(1, 2)).await, State::Pending, "it is not paused");
    // One more, and the sweep knows that it has to look.
    wait(&store, id, event_id(2_000, 1)).await;
    let next = sweep_holding(&store, at(2_000), 3, 100).await.next.unwrap();
    assert!(next <= at(3_000), "{next:?}");
    assert_eq!(sweep_holding(&store, next, 3, 100).await.expired, 1);
    assert_eq!(held(&store, id).await, [4, 5, 2_000]);
}

pub async fn what_is_held_too_long_expires(store: Any) {
    let id = paused(&store).await;
    wait(&store, id, event_id(10, 1)).await;
    wait(&store, id, event_id(20, 1)).await;
    let first = at(hours(1)).after(Span::millis(11));
    let mut now = at(1_000);
    while let Some(next) = sweep_holding(&store, now, 100, 100).await.next.filter(|it| *it < first) {
        assert!(next > now);
        now = next;
    }
    assert_eq!(held(&store, id).await, [10, 20]);
    assert_eq!(sweep_holding(&store, first, 100, 100).await.expired, 1);
    assert_eq!(line(&store, id, event_id(10, 1)).await.completed_at, Some(first));
    assert_eq!(held(&store, id).await, [20]);
}

pub async fn what_was_in_flight_at_the_pause_is_held_too(store: Any) {
    let id = webhook(&store).await;
    let handoff = send(&store, id, event_id(1, 1)).await;
    switch(&store, id, StatusChange::Pause, at(2)).await;
    sweep_holding(&store, at(10), 1, 100).await;
    conclude(&store, vec![handed(id, event_id(1, 1), handoff, failed(at(1_000)))], at(1_000)).await;
    wait(&store, id, event_id(1_100, 1)).await;
    let next = sweep_holding(&store, at(1_100), 1, 100).await.next.unwrap();
    assert_eq!(sweep_holding(&store, next, 1, 100).await.expired, 1);
    assert_eq!(held(&store, id).await, [1_100]);
}

pub async fn limits_are_kept_in_bounded_batches(store: Any) {
    let id = paused(&store).await;
    let rows = (0..250).map(|number| row(event_id(1, number), &[(id, TargetFate::Wait)]));
    accept(&store, rows.collect()).await;
    let mut steps = Vec::new();
    loop {
        let swept = sweep_holding(&store, at(1_000), 20, 100).await;
        steps.push(swept.expired);
        if swept.next.is_none_or(|next| next > at(1_000)) {
            break;
        }
    }
    assert_eq!(steps, [100, 100, 30]);
    assert_eq!(held(&store, id).await.len(), 20);
}

pub async fn an_active_webhook_has_no_such_limit(store: Any) {
    let id = paused(&store).await;
    for ms in 1..=3 {
        wait(&store, id, event_id(ms, 1)).await;
    }
    switch(&store, id, StatusChange::Activate(Held::Deliver), at(10)).await;
    assert_eq!(sweep_holding(&store, at(hours(2)), 1, 100).await.expired, 0);
    assert_eq!(claim(&store, at(hours(2))).await.due.len(), 3);
}

/// Neither the change nor the sweeper does much at once; what comes meanwhile is not touched.
pub async fn a_large_release_is_finished_by_the_sweeper(store: Any) {
    for (ms, held_mode, left) in [(1, Held::Discard, 0), (2, Held::Latest, 1)] {
        let id = paused(&store).await;
        for chunk in 0..3_u16 {
            let rows = (0..900).map(|n| row(event_id(ms, chunk * 900 + n), &[(id, TargetFate::Wait)]));
            accept(&store, rows.collect()).await;
        }
        switch(&store, id, StatusChange::Activate(held_mode), at(10)).await;
        wait(&store, id, event_id(20 + ms, 7)).await;
        assert!(
            claim(&store, at(30)).await.due.iter().all(|it| it.webhook != id),
            "what is cancelled is not sent"
        );
        let mut sweeps = 0;
        while sweep_of(&store, at(40), 500).await.next.is_some_and(|next| next <= at(40)) {
            sweeps += 1;
        }
        assert!(sweeps >= 3, "{sweeps}");
        let due = claim_of(&store, at(50), 64, 5_000, vec![]).await.due;
        let due: Vec<_> = due.iter().filter(|it| it.webhook == id).collect();
        assert_eq!((due.len(), due.last().unwrap().event), (left + 1, event_id(20 + ms, 7)));
        store.delete_webhook(EVERYTHING, id, &order(at(60))).await.unwrap();
    }
}
