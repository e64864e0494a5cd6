//! What administrators and owners change on one node, seen from another; and what two nodes
//! do at once.

use std::collections::HashSet;
use std::time::Duration;

use stayhook_core::{
    EventId, EventKind, EventType, Outcome, PropertyId, Reason, SigningSecret, Span, State, UnixMs, WebhookId,
};
use stayhook_store::{
    AuditFilter, Entitlement, Origin, PageRequest, PostgresStore, Recover, RegistryChanges, RequeueError,
    Rotation, Scope, Signal, Stats, StatsRequest, Store, Tally, TargetFate,
};
use tokio::sync::mpsc;

use crate::support::*;

const EVERYTHING: &Scope = &Scope::EVERYTHING;

/// A node that follows what others change.
struct Follower {
    node: PostgresStore,
    signals: mpsc::Receiver<Signal>,
    generation: i64,
}

impl Follower {
    async fn of(house: &House) -> Self {
        let node = house.node().await;
        let mut signals = node.signals();
        // The first look.
        assert_eq!(signals.recv().await, Some(Signal::Registry));
        let generation = node.registry_changes(0).await.unwrap().generation;
        Self { node, signals, generation }
    }

    /// What it hears of within a second.
    async fn hears(&mut self) -> RegistryChanges {
        let heard = async {
            loop {
                if self.signals.recv().await == Some(Signal::Registry) {
                    let changes = self.node.registry_changes(self.generation).await.unwrap();
                    if changes.generation > self.generation {
                        return changes;
                    }
                }
            }
        };
        let changes = tokio::time::timeout(Duration::from_secs(1), heard).await.unwrap();
        self.generation = changes.generation;
        changes
    }
}

/// Contract, section 7, rule 6, for all that is like it: on any other node within a second.
#[tokio::test]
async fn a_change_on_one_node_is_seen_on_the_other_within_a_second() {
    let house = House::new().await;
    let one = house.node().await;
    let (first, second) = (webhook(&one, 1).await, webhook(&one, 1).await);
    let elsewhere = webhook(&one, 2).await;
    let mut two = Follower::of(&house).await;

    one.set_entitlement(PropertyId::new(1).unwrap(), false, &order(UnixMs(5))).await.unwrap();
    let mut changes = two.hears().await;
    changes.changed.as_mut().unwrap().sort_unstable();
    assert_eq!((changes.changed, changes.event_types), (Some(vec![first, second]), false));
    let seen = two.node.registered(&[first, elsewhere]).await.unwrap();
    assert_eq!(seen[1].entitlement, Entitlement { set: Some(false), version: 1 });
    assert_eq!(seen[0].entitlement, Entitlement::default());

    let kind = EventKind {
        name: EventType::parse("room.cleaned").unwrap(),
        label: "Room cleaned".to_owned(),
        description: String::new(),
        schema: None,
    };
    one.put_event_type(kind.clone(), &order(UnixMs(6))).await.unwrap();
    let changes = two.hears().await;
    assert_eq!((changes.changed, changes.event_types), (Some(vec![]), true));
    assert_eq!(two.node.event_types().await.unwrap(), [kind]);

    let fresh = SigningSecret::from_entropy([8; 32]);
    let rotation = Rotation { secret: fresh.clone(), overlap: Span::hours(1) };
    one.rotate_secret(EVERYTHING, second, rotation, &order(UnixMs(7))).await.unwrap();
    let changes = two.hears().await;
    assert_eq!((changes.changed, changes.event_types), (Some(vec![second]), false));
    let seen = two.node.registered(&[second]).await.unwrap().remove(0).secrets;
    assert_eq!(seen.at(UnixMs(8)).1.map(SigningSecret::expose), Some(fresh.expose()));

    // Who was away for long loads everything.
    let away = two.node.registry_changes(0).await.unwrap();
    assert_eq!((away.changed, away.event_types), (None, true));
}

/// What is registered while the property's entitlement changes has the new one.
#[tokio::test]
async fn no_webhook_misses_a_change_of_its_propertys_entitlement() {
    let house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    for number in 1..=20 {
        let property = PropertyId::new(number).unwrap();
        let by = order(UnixMs(1));
        let (made, set) = tokio::join!(
            one.create_webhook(new_webhook(number, UnixMs(0))),
            two.set_entitlement(property, false, &by)
        );
        let (made, set) = (made.unwrap(), set.unwrap());
        let told =
            made.entitlement.set == Some(false) || set.iter().any(|it| it.webhook.id == made.webhook.id);
        assert!(told, "property {number}");
    }
}

/// Deliveries that were skipped while their webhook was disabled, oldest first.
async fn missed(node: &PostgresStore, id: WebhookId, now: UnixMs, most: u16) -> Vec<EventId> {
    let skip = TargetFate::Skip(Reason::WebhookDisabled);
    let later = |number: u16| event(now.after(Span::millis(u64::from(number / 1_000))), number % 1_000);
    let events: Vec<EventId> = (0..most).map(later).collect();
    accept(node, events.iter().map(|event| row(*event, &[(id, skip)])).collect()).await;
    events
}

async fn state(store: &PostgresStore, id: WebhookId, event: EventId) -> State {
    store.delivery(EVERYTHING, id, event).await.unwrap().unwrap().0.state
}

#[tokio::test]
async fn two_nodes_that_recover_requeue_each_delivery_once() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let (now, id) = (house.now().await, webhook(&one, 1).await);
    let events = missed(&one, id, now, 1_300).await;
    let recover = Recover { since: now, until: now.after(Span::seconds(1)), failed: true, missed: true };
    let by = order(now);
    let (mine, theirs) =
        tokio::join!(one.recover(EVERYTHING, id, recover, &by), two.recover(EVERYTHING, id, recover, &by));
    assert_eq!(mine.unwrap() + theirs.unwrap(), 1_300);
    assert_eq!(
        house.number("SELECT count(*) FROM stayhook.pending WHERE attempts = 1 AND steps = 0").await,
        1_300
    );
    for event in [events[0], events[1_299]] {
        assert_eq!(state(&two, id, event).await, State::Pending);
    }
    // What both wrote down adds up.
    let page = PageRequest { after: None, limit: 100 };
    let filter = AuditFilter { webhook: Some(id), ..AuditFilter::default() };
    let lines = one.audit(&filter, page).await.unwrap().rows;
    let count =
        |after: &str| after.split(r#""requeued":"#).nth(1)?.split([',', '}']).next()?.parse::<u64>().ok();
    let requeued: u64 = lines.iter().filter_map(|it| count(it.after.as_ref()?)).sum();
    assert_eq!(requeued, 1_300);
}

/// However many there are in between, and also where a transaction ends with the last of its
/// share.
#[tokio::test]
async fn recovery_passes_over_what_was_accepted() {
    let mut house = House::new().await;
    let node = house.node().await;
    let (now, id) = (house.now().await, webhook(&node, 1).await);
    let events = missed(&node, id, now, 11_700).await;
    let deliver = "UPDATE stayhook.attempts SET final = 'delivered', reason = NULL
        WHERE event_id < $1 AND event_id NOT IN (SELECT event_id FROM stayhook.attempts ORDER BY event_id LIMIT 500)";
    let first = events[11_000].as_uuid();
    sqlx::query(deliver).bind(first).execute(&mut house.sql).await.unwrap();
    let recover = Recover { since: now, until: now.after(Span::seconds(1)), failed: true, missed: true };
    assert_eq!(node.recover(EVERYTHING, id, recover, &order(now)).await.unwrap(), 1_200);
    let state = async |at: usize| state(&node, id, events[at]).await;
    assert_eq!((state(0).await, state(499).await), (State::Pending, State::Pending));
    assert_eq!((state(500).await, state(10_999).await), (State::Delivered, State::Delivered));
    assert_eq!((state(11_000).await, state(11_699).await), (State::Pending, State::Pending));
}

/// One node requeues what the other is just concluding, over the same webhooks in another
/// order: each call comes to its end, and nothing is sent but what is due.
#[tokio::test]
async fn retries_and_conclusions_do_not_wait_for_each_other() {
    const WEBHOOKS: i64 = 4;
    const EACH: u16 = 25;
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let now = house.now().await;
    let mut deliveries = Vec::new();
    for property in 1..=WEBHOOKS {
        let id = webhook(&one, property).await;
        for number in 0..EACH {
            deliveries.push((id, event(now, u16::try_from(property).unwrap() * 100 + number)));
        }
    }
    let rows = deliveries.iter().map(|(id, event)| row(*event, &[(*id, TargetFate::Send)])).collect();
    let handoff = accept(&one, rows).await.handoff.unwrap();
    let concludes = async {
        for (place, (id, event)) in deliveries.iter().enumerate() {
            let outcome = if place % 2 == 0 { Outcome::Accepted } else { FAILED };
            let it = conclusion(*id, *event, Origin::Handoff(handoff), 0, tried(outcome, now));
            let batch = stayhook_store::Conclude {
                conclusions: vec![it],
                finished: vec![],
                now,
                policy: stayhook_core::Policy::default(),
            };
            one.conclude(batch).await.unwrap();
        }
    };
    let retries = async {
        let mut left: HashSet<_> = deliveries.iter().rev().copied().collect();
        while !left.is_empty() {
            for (id, event) in left.clone() {
                match two.retry(EVERYTHING, id, event, &order(now)).await {
                    Ok(()) => left.remove(&(id, event)),
                    Err(RequeueError::UnderWay) => false,
                    Err(error) => panic!("{error}"),
                };
            }
        }
    };
    let both = async { tokio::join!(concludes, retries) };
    tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    let waiting = i64::from(EACH) * WEBHOOKS;
    assert_eq!(house.number("SELECT count(*) FROM stayhook.pending").await, waiting);
    assert_eq!(house.number("SELECT count(*) FROM stayhook.attempts").await, waiting);
}

#[tokio::test]
async fn tallies_of_two_nodes_add_up() {
    let mut house = House::new().await;
    let (one, two) = (house.node().await, house.node().await);
    let (now, id) = (house.now().await, webhook(&one, 1).await);
    let tally = |number: u64| {
        let duration = Span::millis(number);
        vec![Tally { webhook: id, at: now, accepted: number, delivered: number, failed: number, duration }]
    };
    for _ in 0..5 {
        let (mine, theirs) = tokio::join!(one.count(tally(1)), two.count(tally(10)));
        mine.and(theirs).unwrap();
    }
    assert_eq!(house.number("SELECT count(*) FROM stayhook.tallies").await, 2, "a row for each");
    let request = StatsRequest { webhook: None, since: now, until: now };
    let expected = Stats {
        active: 1,
        accepted: 55,
        delivered: 55,
        failed: 55,
        duration: Span::millis(55),
        ..Stats::default()
    };
    assert_eq!(two.stats(request).await.unwrap(), expected);
    assert_eq!(one.stats(StatsRequest { webhook: Some(id), ..request }).await.unwrap(), expected);
}
