//! Claims: leases, fences and fairness.

use std::collections::HashSet;

use stayhook_core::{End, FaultClass, Reason, State, WebhookId};

use super::fixtures::*;
use crate::{Fate, Step};

pub async fn a_lease_keeps_others_away(store: Any) {
    let id = webhook(&store).await;
    wait(&store, id, event_id(0, 1)).await;
    let first = claim(&store, at(10)).await;
    assert_eq!((first.due.len(), first.next), (1, Some(at(10).after(LEASE))));
    let second = claim(&store, at(10).after(LEASE).before(stayhook_core::Span::millis(1))).await;
    assert_eq!(second.due.len(), 0);
}

/// Whoever held it comes too late: the delivery was given to somebody else.
pub async fn a_lease_that_ran_out_closes_the_fence(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    wait(&store, id, event).await;
    claim(&store, at(0)).await;
    let again = claim(&store, at(0).after(LEASE)).await.due;
    assert_eq!((again.len(), again[0].progress.attempts, again[0].progress.steps), (1, 1, 0));
    let (line, attempts) = store.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
    assert_eq!((line.state, line.attempts), (State::Delivering, 1));
    let fault = attempts[0].reply.fault.clone().unwrap();
    assert_eq!(fault.class, FaultClass::Interrupted);
    assert!(fault.words.contains("may have been sent"), "{fault}");

    let late_steps = [
        accepted(at(50_000)),
        failed(at(50_000)),
        Step::Ended(End::Cancelled(Reason::NotEntitled)),
        Step::Spilled { due: at(50_000) },
    ];
    for step in late_steps {
        let late = conclude(&store, vec![claimed(id, event, 0, step)], at(50_000)).await;
        assert_eq!(late.fates, [Fate::Stale]);
        assert_eq!(state(&store, id, event).await, State::Delivering);
    }
    let mut in_time = claimed(id, event, 1, accepted(at(60_000)));
    in_time.progress.steps = 0;
    conclude(&store, vec![in_time], at(60_000)).await;
    assert_eq!(state(&store, id, event).await, State::Delivered);
}

pub async fn a_lease_that_nobody_took_over_still_counts(store: Any) {
    let id = webhook(&store).await;
    let event = event_id(0, 1);
    wait(&store, id, event).await;
    claim(&store, at(0)).await;
    conclude(&store, vec![claimed(id, event, 0, accepted(at(90_000)))], at(90_000)).await;
    assert_eq!(line(&store, id, event).await.attempts, 1);
    assert_eq!(state(&store, id, event).await, State::Delivered);
}

pub async fn claims_are_in_order_of_due_time_and_acceptance(store: Any) {
    let id = webhook(&store).await;
    for (ms, number) in [(5, 1), (5, 2), (3, 7), (9, 1)] {
        wait(&store, id, event_id(ms, number)).await;
    }
    let due: Vec<_> = claim(&store, at(9)).await.due.iter().map(|it| it.event).collect();
    assert_eq!(due, [event_id(3, 7), event_id(5, 1), event_id(5, 2), event_id(9, 1)]);
}

pub async fn a_flooded_webhook_delays_nobody(store: Any) {
    let flooded = webhook(&store).await;
    for number in 0..20 {
        wait(&store, flooded, event_id(0, number)).await;
    }
    let mut quiet = HashSet::new();
    for number in 0..3 {
        let id = webhook(&store).await;
        wait(&store, id, event_id(1_000, number)).await;
        quiet.insert(id);
    }
    // Two webhooks at a time, four deliveries of each: after two claims everybody had a turn.
    let first = claim_of(&store, at(2_000), 2, 4, vec![]).await;
    assert_eq!(first.due.iter().filter(|it| it.webhook == flooded).count(), 4);
    assert!(first.next.unwrap() <= at(2_000));
    let second = claim_of(&store, at(2_001), 2, 4, vec![]).await;
    let seen: HashSet<WebhookId> = first.due.iter().chain(&second.due).map(|it| it.webhook).collect();
    assert!(quiet.is_subset(&seen), "{seen:?}");
}

/// A webhook of that client with a delivery that is due.
async fn due_for(store: &Any, client_name: &str, ms: i64, number: u16) -> WebhookId {
    let mut new = new_webhook(101);
    (new.client, new.limit) = (client(client_name), 10_000);
    let id = store.create_webhook(new).await.unwrap().webhook.id;
    wait(store, id, event_id(ms, number)).await;
    id
}

pub async fn a_client_with_many_webhooks_delays_no_other(store: Any) {
    for number in 0..40 {
        due_for(&store, "large", 0, number).await;
    }
    let small = due_for(&store, "small", 1_000, 1).await;
    let claimed = claim_of(&store, at(2_000), 8, 4, vec![]).await;
    assert!(claimed.due.iter().any(|it| it.webhook == small));
    assert_eq!(claimed.due.len(), 8, "the room that is left is used");
}

pub async fn clients_take_turns(store: Any) {
    let names = ["a", "b", "c", "d", "e"];
    for (number, name) in (0..).zip(names) {
        for more in 0..3 {
            due_for(&store, name, 0, number * 10 + more).await;
        }
    }
    let mut after = None;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let claim = crate::Claim { now: at(1), lease: LEASE, lanes: 2, per_lane: 1, skip: vec![], after };
        let claimed = store.claim(claim).await.unwrap();
        for due in &claimed.due {
            seen.push(read(&store, due.webhook).await.client.to_string());
        }
        after = claimed.last;
    }
    let mut twice = names.map(str::to_owned).to_vec();
    twice.extend(names.map(str::to_owned));
    assert_eq!(seen, twice);
}

pub async fn skipped_webhooks_are_left_alone(store: Any) {
    let (full, free) = (webhook(&store).await, webhook(&store).await);
    wait(&store, full, event_id(0, 1)).await;
    wait(&store, free, event_id(5, 1)).await;
    let claimed = claim_of(&store, at(10), 1, 8, vec![full]).await;
    assert_eq!(claimed.due.len(), 1);
    assert_eq!(claimed.due[0].webhook, free);
    assert_eq!(claimed.next, Some(at(10).after(LEASE)), "the skipped webhook does not count");
    assert_eq!(claim(&store, at(10)).await.due[0].webhook, full);
}

pub async fn next_says_when_to_come_back(store: Any) {
    assert_eq!(claim(&store, at(0)).await.next, None);
    let id = webhook(&store).await;
    assert_eq!(claim(&store, at(0)).await.next, None);
    send_and(&store, id, event_id(0, 1), failed(at(100))).await;
    let claimed = claim(&store, at(1_000)).await;
    assert_eq!((claimed.due.len(), claimed.next), (0, Some(at(60_100))));
    wait(&store, id, event_id(2_000, 1)).await;
    wait(&store, id, event_id(2_000, 2)).await;
    let part = claim_of(&store, at(3_000), 8, 1, vec![]).await;
    assert_eq!(part.due.len(), 1);
    assert!(part.next.unwrap() <= at(3_000), "more is due already");
}

pub async fn concurrent_claims_never_share_a_delivery(store: Any) {
    for number in 0..4 {
        let id = webhook(&store).await;
        for more in 0..10 {
            wait(&store, id, event_id(0, number * 100 + more)).await;
        }
    }
    let claims: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { claim_of(&store, at(1), 2, 7, vec![]).await.due })
        })
        .collect();
    let mut seen = HashSet::new();
    for due in claims {
        for it in due.await.unwrap() {
            assert!(seen.insert((it.webhook, it.event)), "claimed twice: {it:?}");
        }
    }
    assert_eq!(seen.len(), 40);
}
