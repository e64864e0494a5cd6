//! What becomes of deliveries, each under its fence.

use stayhook_core::{End, FaultClass, Next, Outcome, Reason, Span, State, Status, StatusChange};

use super::fixtures::*;
use crate::{Fate, Origin, Step, TargetFate};

pub async fn an_accepted_attempt_delivers(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    let handoff = send(&store, id, event).await;
    assert_eq!(state(&store, id, event).await, State::Delivering);
    let done = conclude(&store, vec![handed(id, event, handoff, accepted(at(150)))], at(160)).await;
    assert_eq!(done.fates, [Fate::Written(Next::Delivered)]);
    assert!(done.statuses.is_empty());
    let line = line(&store, id, event).await;
    assert_eq!((line.state, line.attempts, line.completed_at), (State::Delivered, 1, Some(at(150))));
    assert_eq!(line.next_attempt_at, None);
    // The handoff is gone: nothing is left to take over.
    assert_eq!(store.take_over(at(200)).await.unwrap(), 0);
    assert_eq!(claim(&store, at(200)).await.next, None);
}

pub async fn a_second_conclusion_writes_nothing(store: Any) {
    let id = webhook(&store).await;
    let steps: [fn() -> Step; 4] = [
        || accepted(at(100)),
        || failed(at(100)),
        || Step::Ended(End::Cancelled(Reason::NotEntitled)),
        || Step::Spilled { due: at(100) },
    ];
    for (number, first) in (0_u16..).zip(steps) {
        for (again, second) in (0_u16..).zip(steps) {
            let event = event_id(0, number * 10 + again);
            let handoff = send(&store, id, event).await;
            conclude(&store, vec![handed(id, event, handoff, first())], at(100)).await;
            let before = store.delivery(EVERYTHING, id, event).await.unwrap();
            let late = conclude(&store, vec![handed(id, event, handoff, second())], at(200)).await;
            assert_eq!(late.fates, [Fate::Stale], "{number} {again}");
            assert_eq!(store.delivery(EVERYTHING, id, event).await.unwrap(), before, "{number} {again}");
        }
    }
}

/// Also when the delivery waits again: whoever concludes it twice held it once.
pub async fn a_second_conclusion_of_a_claim_writes_nothing(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    wait(&store, id, event).await;
    claim(&store, at(0)).await;
    let failure = || claimed(id, event, 0, failed(at(100)));
    assert!(matches!(conclude(&store, vec![failure()], at(100)).await.fates[..], [Fate::Written(_)]));
    let before = store.delivery(EVERYTHING, id, event).await.unwrap();
    for late in [failure(), claimed(id, event, 1, failed(at(200))), claimed(id, event, 1, accepted(at(200)))]
    {
        assert_eq!(conclude(&store, vec![late], at(200)).await.fates, [Fate::Stale]);
        assert_eq!(store.delivery(EVERYTHING, id, event).await.unwrap(), before);
    }
}

pub async fn a_failure_waits_is_claimed_and_delivered(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    let due = at(60_100);
    let done = send_and(&store, id, event, failed(at(100))).await;
    assert_eq!(done.fates, [Fate::Written(Next::Retry { due, steps: 1 })]);
    let waiting = line(&store, id, event).await;
    assert_eq!((waiting.state, waiting.attempts, waiting.next_attempt_at), (State::Pending, 1, Some(due)));

    assert!(claim(&store, at(60_099)).await.due.is_empty());
    let claimed_now = claim(&store, due).await.due;
    assert_eq!(claimed_now.len(), 1);
    assert_eq!((claimed_now[0].webhook, claimed_now[0].event), (id, event));
    assert_eq!((claimed_now[0].progress.attempts, claimed_now[0].progress.steps), (1, 1));
    assert_eq!(claimed_now[0].body.bytes, format!("body of {event}"));
    assert_eq!(claimed_now[0].kind, kind("booking.created"));
    assert_eq!(state(&store, id, event).await, State::Delivering);

    let done = conclude(&store, vec![claimed(id, event, 1, accepted(at(60_300)))], at(60_300)).await;
    assert_eq!(done.fates, [Fate::Written(Next::Delivered)]);
    let line = line(&store, id, event).await;
    assert_eq!((line.state, line.attempts, line.completed_at), (State::Delivered, 2, Some(at(60_300))));
    assert_eq!(claim(&store, at(hours(9))).await.due.len(), 0);
}

pub async fn an_attempt_reads_back(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    send_and(&store, id, event, failed(at(100))).await;
    let (_, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    let [attempt] = &attempts[..] else { panic!("{attempts:?}") };
    assert_eq!((attempt.number, attempt.started_at, attempt.duration), (1, at(0), Span::millis(100)));
    assert_eq!(attempt.url, new_webhook(101).url);
    assert_eq!(attempt.next_attempt_at, Some(at(60_100)));
    let Step::Tried(tried) = failed(at(100)) else { panic!("an attempt") };
    assert_eq!(attempt.reply, tried.reply);
}

pub async fn a_spilled_delivery_waits(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    let done = send_and(&store, id, event, Step::Spilled { due: at(500) }).await;
    assert_eq!(done.fates, [Fate::Spilled]);
    let waiting = line(&store, id, event).await;
    assert_eq!(
        (waiting.state, waiting.attempts, waiting.next_attempt_at),
        (State::Pending, 0, Some(at(500)))
    );
    // And again, out of a claim.
    assert_eq!(claim(&store, at(500)).await.due.len(), 1);
    let spilled = claimed(id, event, 0, Step::Spilled { due: at(900) });
    assert_eq!(conclude(&store, vec![spilled.clone()], at(600)).await.fates, [Fate::Spilled]);
    assert_eq!(conclude(&store, vec![spilled], at(600)).await.fates, [Fate::Stale]);
    assert!(claim(&store, at(899)).await.due.is_empty());
    let due = claim(&store, at(900)).await.due;
    assert_eq!((due.len(), due[0].progress), (1, FRESH));
}

pub async fn a_spilled_delivery_of_a_webhook_that_is_gone_ends(store: Any) {
    let (disabled, deleted) = (webhook(&store).await, webhook(&store).await);
    let event = event_id(0, 1);
    let targets = [(disabled, TargetFate::Send), (deleted, TargetFate::Send)];
    let handoff = accept(&store, vec![row(event, &targets)]).await.handoff.unwrap();
    switch(&store, disabled, StatusChange::Disable("spam".to_owned()), at(10)).await;
    store.delete_webhook(EVERYTHING, deleted, &order(at(10))).await.unwrap();
    let spill = |id| handed(id, event, handoff, Step::Spilled { due: at(20) });
    conclude(&store, vec![spill(disabled), spill(deleted)], at(20)).await;
    let targets = store.event(event).await.unwrap().unwrap().targets;
    assert_eq!(targets[0].state, cancelled(Reason::WebhookDisabled));
    assert_eq!(targets[1].state, cancelled(Reason::WebhookDeleted));
    assert_eq!(claim(&store, at(100)).await.due.len(), 0);
}

pub async fn a_delivery_is_called_off_without_an_attempt(store: Any) {
    let id = webhook(&store).await;
    let end = End::Cancelled(Reason::NotEntitled);
    let event = event_id(0, 1);
    let done = send_and(&store, id, event, Step::Ended(end)).await;
    assert_eq!(done.fates, [Fate::Written(Next::Ended(end))]);
    let (line, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    assert_eq!((line.state, line.attempts, line.completed_at), (State::Ended(end), 0, Some(at(100))));
    assert!(attempts.is_empty());
}

pub async fn a_faulty_engine_is_not_the_receivers_failure(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    let done = send_and(&store, id, event, tried(Outcome::Interrupted, at(100))).await;
    assert_eq!(done.fates, [Fate::Written(Next::Retry { due: at(1_100), steps: 0 })]);
    assert_eq!(read(&store, id).await.status, Status::ACTIVE);
    let (_, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    assert_eq!(attempts[0].reply.fault.as_ref().map(|it| it.class), Some(FaultClass::Interrupted));
}

pub async fn a_receiver_can_ask_to_come_back(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    let done = send_and(&store, id, event, tried(Outcome::Again { after: Span::seconds(9) }, at(100))).await;
    assert_eq!(done.fates, [Fate::Written(Next::Retry { due: at(9_100), steps: 0 })]);
    let due = claim(&store, at(9_100)).await.due;
    assert_eq!((due[0].progress.attempts, due[0].progress.steps), (1, 0));
    assert_eq!(read(&store, id).await.status, Status::ACTIVE);
}

pub async fn a_failure_while_paused_is_held(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    let handoff = send(&store, id, event).await;
    let paused = switch(&store, id, StatusChange::Pause, at(50)).await.webhook.status;
    let done = conclude(&store, vec![handed(id, event, handoff, failed(at(100)))], at(100)).await;
    assert!(matches!(done.fates[..], [Fate::Written(Next::Retry { .. })]));
    assert_eq!(state(&store, id, event).await, State::Held);
    assert_eq!(read(&store, id).await.status, paused);
}

pub async fn what_was_in_flight_when_its_webhook_was_deleted_counts(store: Any) {
    let id = webhook(&store).await;
    let (from_handoff, from_claim) = (event_id(0, 1), event_id(0, 2));
    wait(&store, id, from_claim).await;
    assert_eq!(claim(&store, at(0)).await.due.len(), 1);
    let handoff = send(&store, id, from_handoff).await;
    store.delete_webhook(EVERYTHING, id, &order(at(50))).await.unwrap();
    assert_eq!(target_state(&store, from_claim).await, State::Delivering);
    let both = vec![
        handed(id, from_handoff, handoff, accepted(at(100))),
        claimed(id, from_claim, 0, accepted(at(100))),
    ];
    let done = conclude(&store, both, at(100)).await;
    assert_eq!(done.fates, [Fate::Written(Next::Delivered); 2]);
    assert_eq!(target_state(&store, from_handoff).await, State::Delivered);
    assert_eq!(target_state(&store, from_claim).await, State::Delivered);
}

pub async fn a_batch_is_written_in_order(store: Any) {
    let (first, second) = (webhook(&store).await, webhook(&store).await);
    let (one, two) = (event_id(0, 1), event_id(0, 2));
    let targets = [(first, TargetFate::Send), (second, TargetFate::Send)];
    let handoff = accept(&store, vec![row(one, &targets), row(two, &targets)]).await.handoff.unwrap();
    let it = |id, event, step| conclusion(id, event, Origin::Handoff(handoff), FRESH, step);
    let batch = vec![
        it(first, one, failed(at(100))),
        it(second, one, accepted(at(100))),
        it(first, one, accepted(at(100))),
        it(first, two, accepted(at(200))),
        it(second, two, Step::Spilled { due: at(300) }),
    ];
    let done = conclude(&store, batch, at(300)).await;
    let delivered = Fate::Written(Next::Delivered);
    let retry = Fate::Written(Next::Retry { due: at(60_100), steps: 1 });
    assert_eq!(done.fates, [retry, delivered, Fate::Stale, delivered, Fate::Spilled]);
    // The success came after the failure, so that no run of failures is left.
    assert_eq!(read(&store, first).await.status, Status::ACTIVE);
    assert!(done.statuses.is_empty());
}
