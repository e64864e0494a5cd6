//! Figures about webhooks.

use stayhook_core::{Span, StatusChange, UnixMs, WebhookId};

use super::fixtures::*;
use crate::{Stats, StatsRequest, Tally, TargetFate};

fn tally(webhook: WebhookId, ms: i64, number: u64) -> Tally {
    Tally {
        webhook,
        at: at(ms),
        accepted: number,
        delivered: 10 * number,
        failed: 100 * number,
        duration: Span::millis(1_000 * number),
    }
}

async fn stats(store: &Any, webhook: Option<WebhookId>, since: UnixMs, until: UnixMs) -> Stats {
    store.stats(StatsRequest { webhook, since, until }).await.unwrap()
}

/// How many times a [`tally`] of one is in the figures; zero if they do not belong together.
fn tallied(stats: &Stats) -> u64 {
    let one = stats.accepted;
    let whole = (stats.delivered, stats.failed, stats.duration) == (10 * one, 100 * one, Span::seconds(one));
    if whole { one } else { 0 }
}

pub async fn tallies_add_up(store: Any) {
    let (first, second) = (webhook(&store).await, webhook(&store).await);
    store.count(vec![]).await.unwrap();
    store.count(vec![tally(first, 0, 1), tally(second, 1, 2), tally(first, 2, 4)]).await.unwrap();
    store.count(vec![tally(first, 3, 8)]).await.unwrap();
    let of = async |webhook| tallied(&stats(&store, webhook, at(0), at(hours(1))).await);
    assert_eq!((of(Some(first)).await, of(Some(second)).await, of(None).await), (13, 2, 15));
    assert_eq!(of(Some(WebhookId(999))).await, 0);
    let concurrent: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.count(vec![tally(second, 5, 1), tally(first, 5, 1)]).await })
        })
        .collect();
    for count in concurrent {
        count.await.unwrap().unwrap();
    }
    assert_eq!(of(None).await, 31);
}

pub async fn a_window_holds_whole_hours(store: Any) {
    let id = webhook(&store).await;
    // The suite's beginning of time is in the middle of an hour.
    let begin = at(0).0 / hours(1) * hours(1) - at(0).0;
    let last = begin + hours(1) - 1;
    store
        .count(vec![tally(id, begin - 1, 1), tally(id, begin, 2), tally(id, last, 4), tally(id, last + 1, 8)])
        .await
        .unwrap();
    let within = async |since, until| {
        let (one, all) = (
            stats(&store, Some(id), at(since), at(until)).await,
            stats(&store, None, at(since), at(until)).await,
        );
        assert_eq!(tallied(&one), tallied(&all));
        tallied(&all)
    };
    assert_eq!(within(begin, last).await, 6);
    assert_eq!(within(last, begin).await, 6, "an hour counts whole");
    assert_eq!(within(begin - 1, last).await, 7);
    assert_eq!(within(begin, last + 1).await, 14);
    assert_eq!(within(begin - 1, last + 1).await, 15);
    assert_eq!(within(begin - hours(9), begin - hours(8)).await, 0);
}

pub async fn webhooks_and_deliveries_are_counted_as_they_stand(store: Any) {
    assert_eq!(stats(&store, None, at(0), at(1)).await, Stats::default());
    let [active, failing, paused, disabled] =
        [webhook(&store).await, webhook(&store).await, webhook(&store).await, webhook(&store).await];
    // Waits since before, and again in a minute.
    wait(&store, active, event_id(5, 1)).await;
    send_and(&store, failing, event_id(0, 1), failed(at(100))).await;
    for number in 0..3 {
        let both = [(paused, TargetFate::Wait), (disabled, TargetFate::Wait)];
        accept(&store, vec![row(event_id(1, number), &both)]).await;
    }
    switch(&store, paused, StatusChange::Pause, at(10)).await;
    switch(&store, disabled, StatusChange::Disable("spam".to_owned()), at(10)).await;
    // Under way: neither waits.
    wait(&store, active, event_id(2, 2)).await;
    assert_eq!(claim_of(&store, at(3), 9, 1, vec![failing]).await.due.len(), 1);
    send(&store, active, event_id(6, 3)).await;

    let now = async |of| stats(&store, of, at(0), at(1)).await;
    let all = Stats {
        active: 2,
        failing: 1,
        paused: 1,
        disabled: 1,
        pending: 2,
        held: 3,
        next_due: Some(at(5)),
        ..Stats::default()
    };
    assert_eq!(now(None).await, all);
    let due = Some(at(5));
    assert_eq!(now(Some(active)).await, Stats { active: 1, pending: 1, next_due: due, ..Stats::default() });
    let due = Some(at(60_100));
    let one = Stats { active: 1, failing: 1, pending: 1, next_due: due, ..Stats::default() };
    assert_eq!(now(Some(failing)).await, one);
    assert_eq!(now(Some(paused)).await, Stats { paused: 1, held: 3, ..Stats::default() });
    assert_eq!(now(Some(disabled)).await, Stats { disabled: 1, ..Stats::default() });
    store.delete_webhook(EVERYTHING, paused, &order(at(20))).await.unwrap();
    assert_eq!(now(None).await, Stats { paused: 0, held: 0, ..all });
}

pub async fn old_tallies_are_pruned(store: Any) {
    let id = webhook(&store).await;
    let begin = at(0).0 / hours(1) * hours(1) - at(0).0;
    store.count(vec![tally(id, begin, 1), tally(id, begin + hours(1), 2)]).await.unwrap();
    let of = async || tallied(&stats(&store, None, at(begin), at(begin + hours(9))).await);
    // The hour is over when its last moment is too old.
    let over = at(begin + hours(1)).after(KEEP);
    let early = sweep(&store, over.before(Span::millis(1))).await;
    assert_eq!((of().await, early.next), (3, Some(over)));
    let swept = sweep(&store, over).await;
    assert_eq!((of().await, swept.next), (2, Some(over.after(Span::hours(1)))));
    assert_eq!(sweep(&store, over.after(Span::hours(1))).await.next, None);
    assert_eq!(of().await, 0);
}
