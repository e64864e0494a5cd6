//! The 72-hour rule, and cancellations that are too large for one transaction.

use stayhook_core::{
    DisableRule, DisabledReason, Failing, Held, Next, Reason, State, Status, StatusChange, UnixMs, WebhookId,
};

use super::fixtures::*;
use crate::{Fate, NewRow, TargetFate};

fn failing(since: UnixMs, last: UnixMs) -> Status {
    Status::Active { failing: Some(Failing { since, last }) }
}

fn disabled(at: UnixMs) -> Status {
    Status::Disabled { at, reason: DisabledReason::Failing }
}

/// One failed attempt, of an event of its own.
async fn fail(store: &Any, id: WebhookId, ms: i64) -> crate::Concluded {
    send_and(store, id, event_id(ms - 100, 0), failed(at(ms))).await
}

pub async fn a_run_of_failures_starts_a_clock_and_a_success_clears_it(store: Any) {
    let id = webhook(&store).await;
    let first = fail(&store, id, 1_000).await;
    assert_eq!(first.statuses.len(), 1);
    let change = &first.statuses[0];
    assert_eq!((change.webhook, &change.status), (id, &failing(at(1_000), at(1_000))));
    assert_eq!(change.version, 1, "the webhook itself did not change");
    fail(&store, id, 5_000).await;
    let webhook = read(&store, id).await;
    assert_eq!((webhook.status, webhook.version), (failing(at(1_000), at(5_000)), 1));
    assert_eq!(webhook.updated_at, at(0));

    let success = send_and(&store, id, event_id(6_000, 0), accepted(at(6_100))).await;
    assert_eq!(success.statuses[0].status, Status::ACTIVE);
    assert_eq!(read(&store, id).await.status, Status::ACTIVE);
    let next = send_and(&store, id, event_id(7_000, 0), accepted(at(7_100))).await;
    assert!(next.statuses.is_empty(), "a healthy webhook is not touched");
}

pub async fn a_success_in_between_is_honoured(store: Any) {
    let id = webhook(&store).await;
    for hour in (0..=70).step_by(10) {
        fail(&store, id, hours(hour) + 100).await;
    }
    send_and(&store, id, event_id(hours(71), 0), accepted(at(hours(71) + 100))).await;
    fail(&store, id, hours(71) + 500).await;
    assert!(sweep(&store, at(hours(73))).await.statuses.is_empty());
    assert!(fail(&store, id, hours(73)).await.statuses[0].status.failing().is_some());
    assert_eq!(read(&store, id).await.status, failing(at(hours(71) + 500), at(hours(73))));
}

pub async fn the_attempt_after_72_hours_disables(store: Any) {
    let id = webhook(&store).await;
    for hour in (0..=72).step_by(8) {
        fail(&store, id, hours(hour)).await;
    }
    assert_eq!(read(&store, id).await.status, failing(at(0), at(hours(72))));
    wait(&store, id, event_id(hours(72), 7)).await;
    let last = fail(&store, id, hours(72) + 200).await;
    let ended = Next::Ended(stayhook_core::End::Cancelled(Reason::WebhookDisabled));
    assert_eq!(last.fates, [Fate::Written(ended)]);
    assert_eq!((&last.statuses[0].status, last.statuses[0].version), (&disabled(at(hours(72))), 2));
    let webhook = read(&store, id).await;
    assert_eq!((webhook.status, webhook.version), (disabled(at(hours(72))), 2));
    let waiting = line(&store, id, event_id(hours(72), 7)).await;
    assert_eq!(waiting.state, cancelled(Reason::WebhookDisabled));
    assert_eq!(state(&store, id, event_id(-100, 0)).await, cancelled(Reason::WebhookDisabled));
    assert!(claim(&store, at(hours(99))).await.due.is_empty());
}

pub async fn the_clock_disables_at_exactly_72_hours(store: Any) {
    let id = webhook(&store).await;
    for hour in [0, 11, 22, 33, 44, 55, 66] {
        fail(&store, id, hours(hour)).await;
    }
    let early = sweep(&store, at(hours(72))).await;
    assert!(early.statuses.is_empty());
    assert_eq!(early.next, Some(at(hours(72) + 1)));
    let swept = sweep(&store, at(hours(72) + 1)).await;
    assert_eq!((&swept.statuses[0].status, swept.statuses[0].version), (&disabled(at(hours(72))), 2));
    assert_eq!(read(&store, id).await.status, disabled(at(hours(72))));
    assert_eq!(state(&store, id, event_id(-100, 0)).await, cancelled(Reason::WebhookDisabled));
    assert!(sweep(&store, at(hours(73))).await.statuses.is_empty(), "once");
}

pub async fn silence_clears_the_clock(store: Any) {
    let id = webhook(&store).await;
    fail(&store, id, 0).await;
    let quiet = DisableRule::default().after;
    let swept = sweep(&store, at(1).after(quiet)).await;
    assert_eq!(swept.statuses[0].status, Status::ACTIVE);
    let webhook = read(&store, id).await;
    assert_eq!((webhook.status, webhook.version), (Status::ACTIVE, 1));
}

pub async fn a_paused_webhook_is_never_disabled(store: Any) {
    let id = webhook(&store).await;
    for hour in [0, 11, 22] {
        fail(&store, id, hours(hour)).await;
    }
    let paused = switch(&store, id, StatusChange::Pause, at(hours(23))).await.webhook.status;
    assert!(sweep(&store, at(hours(100))).await.statuses.is_empty());
    assert_eq!(read(&store, id).await.status, paused);
    let resumed = switch(&store, id, StatusChange::Activate(Held::Deliver), at(hours(101))).await;
    assert_eq!(resumed.webhook.status, Status::ACTIVE, "the clock starts anew");
}

pub async fn an_outage_of_our_own_does_not_count(store: Any) {
    let (id, healthy, paused) = (webhook(&store).await, webhook(&store).await, webhook(&store).await);
    let run = Failing { since: at(0), last: at(hours(70)) };
    for hour in [0, 11, 22, 33, 44, 55, 66, 70] {
        fail(&store, id, hours(hour)).await;
    }
    fail(&store, paused, 50).await;
    let paused_since = switch(&store, paused, StatusChange::Pause, at(100)).await.webhook.status;
    let (from, until) = (at(hours(71)), at(hours(81)));
    store.freeze(from, until).await.unwrap();
    store.freeze(from, until).await.unwrap();
    let frozen = run.frozen(from, until);
    assert_eq!(read(&store, id).await.status, Status::Active { failing: Some(frozen) });
    assert_eq!(read(&store, healthy).await.status, Status::ACTIVE);
    assert_eq!(read(&store, paused).await.status, paused_since);
    assert_eq!(
        sweep(&store, at(hours(82))).await.next,
        Some(at(hours(82) + 1)),
        "ten hours later than without"
    );
    let swept = sweep(&store, at(hours(82) + 1)).await;
    assert_eq!(swept.statuses[0].status, disabled(at(hours(82))));
}

/// More than one transaction stops.
pub async fn many_clocks_stand_still(store: Any) {
    let mut ids = Vec::new();
    for ms in 100..601 {
        let id = store.create_webhook(new_webhook(1_000 + ms)).await.unwrap().webhook.id;
        fail(&store, id, ms).await;
        ids.push((id, ms));
    }
    store.freeze(at(1_000), at(3_000)).await.unwrap();
    for (id, ms) in ids {
        assert_eq!(read(&store, id).await.status, failing(at(2_000 + ms), at(3_000)));
    }
}

/// More than is cancelled within one transaction.
const MANY: u16 = 2_500;

async fn flood(store: &Any, id: WebhookId) {
    let rows = |from: u16| -> Vec<NewRow> {
        (from..from + 500).map(|number| row(event_id(0, number), &[(id, TargetFate::Wait)])).collect()
    };
    for from in (0..MANY).step_by(500) {
        accept(store, rows(from)).await;
    }
}

async fn states(store: &Any, id: WebhookId) -> Vec<State> {
    log(store, id, &Default::default()).await.into_iter().map(|it| it.state).collect()
}

pub async fn a_large_cancellation_is_finished_by_the_sweeper(store: Any) {
    let id = webhook(&store).await;
    flood(&store, id).await;
    switch(&store, id, StatusChange::Disable("spam".to_owned()), at(10)).await;
    // From outside it is done at once.
    assert_eq!(states(&store, id).await, vec![cancelled(Reason::WebhookDisabled); usize::from(MANY)]);
    assert!(claim(&store, at(20)).await.due.is_empty());
    let mut sweeps = 0;
    while sweep_of(&store, at(20), 400).await.next.is_some_and(|it| it <= at(20)) {
        sweeps += 1;
        assert!(sweeps < 20, "the sweeper does not come to an end");
    }
    assert!(sweeps >= 3, "{sweeps}");
    assert_eq!(states(&store, id).await, vec![cancelled(Reason::WebhookDisabled); usize::from(MANY)]);
    assert_eq!(line(&store, id, event_id(0, 0)).await.completed_at, Some(at(10)));
    assert_eq!(line(&store, id, event_id(0, MANY - 1)).await.completed_at, Some(at(10)));
}

pub async fn reactivation_finishes_the_cancellation(store: Any) {
    let id = webhook(&store).await;
    flood(&store, id).await;
    switch(&store, id, StatusChange::Disable("spam".to_owned()), at(10)).await;
    switch(&store, id, StatusChange::Activate(Held::Deliver), at(20)).await;
    assert_eq!(states(&store, id).await, vec![cancelled(Reason::WebhookDisabled); usize::from(MANY)]);
    wait(&store, id, event_id(30, 0)).await;
    assert_eq!(claim(&store, at(30)).await.due.len(), 1);
}

pub async fn a_large_deletion_is_finished_by_the_sweeper(store: Any) {
    let id = webhook(&store).await;
    flood(&store, id).await;
    // One of them is in flight, and stays so until its lease ends.
    assert_eq!(claim_of(&store, at(1), 1, 1, vec![]).await.due.len(), 1);
    store.delete_webhook(EVERYTHING, id, &order(at(10))).await.unwrap();
    let mut sweeps = 0;
    let mut now = at(20);
    while let Some(next) = sweep_of(&store, now, 400).await.next.filter(|it| *it < at(hours(1))) {
        now = now.max(next);
        sweeps += 1;
        assert!(sweeps < 20, "the sweeper does not come to an end");
    }
    assert_eq!(now, at(1).after(LEASE));
    for number in [0, 1, MANY - 1] {
        assert_eq!(target_state(&store, event_id(0, number)).await, cancelled(Reason::WebhookDeleted));
    }
}

pub async fn a_deleted_webhook_has_no_clock(store: Any) {
    let id = webhook(&store).await;
    for hour in [0, 11, 22, 33, 44, 55, 66] {
        fail(&store, id, hours(hour)).await;
    }
    // In flight when the 72 hours are over; the retries of the failures come with it.
    let now = at(hours(72) - 1);
    claim(&store, now).await;
    store.delete_webhook(EVERYTHING, id, &order(now)).await.unwrap();
    let swept = sweep(&store, at(hours(72) + 1)).await;
    assert!(swept.statuses.is_empty());
    assert_eq!(swept.next, Some(now.after(LEASE)));
}
