//! What other programs do on the same database, with transactions that stay open: it may delay
//! what it locks, and nothing else.

#![expect(clippy::disallowed_methods, reason = "how long others wait is real time")]

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use stayhook_core::{ClientId, DisableRule, IdempotencyKey, Span, UnixMs};
use stayhook_store::{
    Accepted, HoldLimits, IdempotencyClaim, Intake, NewRow, PostgresStore, Store, StoreError, Sweep, Swept,
    TargetFate,
};

use crate::support::*;

const KEEP: Span = Span::days(30);
const DAYS: &str = "SELECT count(*) FROM stayhook.days";
/// Partitions that were taken out, and whose files are there.
const DETACHED: &str = "SELECT count(*) FROM pg_class WHERE relname LIKE 'dropped\\_%'";
/// Sessions of nodes that wait for somebody's lock.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'stayhook' AND wait_event_type = 'Lock'";
/// What nobody notices.
const SHORT: Duration = Duration::from_millis(400);

async fn other(house: &House) -> PgConnection {
    PgConnection::connect(house.database.url()).await.unwrap()
}

async fn sweep(store: &PostgresStore, now: UnixMs) -> Swept {
    let prune = Span::millis(KEEP.as_millis() + Span::hours(12).as_millis());
    let (disable, hold) = (DisableRule::default(), HoldLimits::default());
    store.sweep(Sweep { now, keep: KEEP, prune, disable, hold, batch: 100 }).await.unwrap()
}

/// A dump, or a report, that reads for hours: the day that is to be dropped stays until then, is
/// not asked for all the time, and nobody who accepts events queues behind that.
#[tokio::test]
async fn a_long_reader_delays_the_drop_of_a_day_and_no_event() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    let old = now.before(Span::days(40));
    accept(&node, vec![row(event(old, 1), &[])]).await;
    let mut reader = other(&house).await;
    let mut long = reader.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM stayhook.events").fetch_one(&mut *long).await.unwrap();

    let began = Instant::now();
    let (swept, slowest) = tokio::join!(sweep(&node, now), async {
        let mut slowest = Duration::ZERO;
        for number in 100..130 {
            let began = Instant::now();
            accept(&node, vec![row(event(now, number), &[])]).await;
            slowest = slowest.max(began.elapsed());
        }
        slowest
    });
    assert!(slowest < SHORT && began.elapsed() < 3 * SHORT, "{slowest:?} of {:?}", began.elapsed());
    assert_eq!((swept.pruned, swept.next), (0, Some(now.after(Span::seconds(5)))));
    // Before that nothing is tried, and then after longer.
    let soon = sweep(&node, now.after(Span::seconds(4))).await;
    assert_eq!(soon.next, Some(now.after(Span::seconds(5))));
    let later = sweep(&node, now.after(Span::seconds(5))).await;
    assert_eq!((later.pruned, later.next), (0, Some(now.after(Span::seconds(15)))));
    assert_eq!(house.number(DAYS).await, 6);

    long.commit().await.unwrap();
    assert_eq!(sweep(&node, now.after(Span::seconds(15))).await.pruned, 1);
    assert_eq!(house.number(DAYS).await, 5);
    assert_eq!(house.number(DETACHED).await, 0, "its files are deleted");
}

/// A node that was killed between taking a day out and deleting its files left them there.
#[tokio::test]
async fn what_was_only_taken_out_is_deleted_by_the_next_one() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    accept(&node, vec![row(event(now.before(Span::days(40)), 1), &[])]).await;
    house.run("SELECT stayhook.detach_day((SELECT min(day) FROM stayhook.days))").await;
    assert_eq!(house.number(DETACHED).await, 3);
    sweep(&node, now).await;
    assert_eq!(house.number(DETACHED).await, 0);
    // An event of that day comes late.
    accept(&node, vec![row(event(now.before(Span::days(40)), 2), &[])]).await;
    assert_eq!(house.number(DAYS).await, 6);
}

/// An index that is being built, or a table that is being vacuumed, keeps partitions from being
/// attached: a node starts all the same, and goes on saying that it is alive.
#[tokio::test]
async fn partitions_that_cannot_be_made_ahead_keep_nobody_waiting() {
    let mut house = House::new().await;
    drop(house.node().await);
    house
        .run("SELECT stayhook.detach_day((SELECT max(day) FROM stayhook.days)), stayhook.drop_detached()")
        .await;
    let mut vacuum = other(&house).await;
    let mut long = vacuum.begin().await.unwrap();
    sqlx::query("LOCK TABLE stayhook.events IN SHARE UPDATE EXCLUSIVE MODE")
        .execute(&mut *long)
        .await
        .unwrap();
    let node = house.node().await;
    let now = house.now().await;
    accept(&node, vec![row(event(now, 1), &[])]).await;
    let beats = "SELECT seen_at FROM stayhook.nodes ORDER BY id DESC LIMIT 1";
    for _ in 0..2 {
        let before = house.number(beats).await;
        let began = Instant::now();
        while house.number(beats).await == before {
            assert!(began.elapsed() < Duration::from_secs(4), "no heartbeat");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(house.number(DAYS).await, 4);
    long.commit().await.unwrap();
    // It is tried again after some seconds.
    for _ in 0..400 {
        if house.number(DAYS).await == 5 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the day was not made");
}

fn keyed(mut row: NewRow, client: &str, key: &str) -> NewRow {
    row.client = ClientId::parse(client).unwrap();
    row.idempotency = Some(IdempotencyClaim { key: IdempotencyKey::parse(key).unwrap(), content: [1; 32] });
    row
}

/// A transaction that enqueued an event and stays open holds its key, in the name of its role: over
/// HTTP the same client may use the same key, and waits for nobody.
#[tokio::test]
async fn keys_of_sql_callers_are_their_own() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    let mut caller = other(&house).await;
    let mut open = caller.begin().await.unwrap();
    let call = "SELECT stayhook.enqueue('a', 101, '{}', client => 'shop', idempotency_key => 'k')";
    sqlx::query(call).execute(&mut *open).await.unwrap();
    let began = Instant::now();
    let receipt = accept(&node, vec![keyed(row(event(now, 1), &[]), "shop", "k")]).await;
    assert_eq!(receipt.results, [Accepted::New]);
    assert!(began.elapsed() < SHORT / 2, "{:?}", began.elapsed());
    open.rollback().await.unwrap();
}

/// A node that was stopped in the middle of an acceptance: whoever comes with its key has to come
/// back, and nobody else.
#[tokio::test]
async fn a_key_that_somebody_holds_keeps_no_other_event_waiting() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    let mut stopped = other(&house).await;
    let mut open = stopped.begin().await.unwrap();
    let claim = "INSERT INTO stayhook.idempotency (client, key, event_id, content)
        VALUES ('shop', 'held', gen_random_uuid(), '')";
    sqlx::query(claim).execute(&mut *open).await.unwrap();
    let batch = |first: u16| {
        let of = |number: u16, key: &str| keyed(row(event(now, first + number), &[]), "shop", key);
        vec![of(0, "a"), of(1, "held"), row(event(now, first + 2), &[]), of(3, "z"), of(4, "held")]
    };
    let began = Instant::now();
    let receipt = accept(&node, batch(0)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let new = Accepted::New;
    assert_eq!(receipt.results, [new, Accepted::Busy, new, new, Accepted::Busy]);
    assert_eq!(house.number("SELECT count(*) FROM stayhook.events").await, 3);
    open.rollback().await.unwrap();
    let first = |number| Accepted::Duplicate { id: event(now, number), deliveries: 0 };
    let again = accept(&node, batch(10)).await;
    assert_eq!(again.results, [first(0), new, new, first(3), first(11)]);
}

/// Somebody locks a table for long. What gives up on our side ends on the server too, so that
/// sessions do not pile up.
#[tokio::test]
async fn a_lock_of_somebody_else_gathers_no_sessions() {
    let mut house = House::new().await;
    let node = house.node().await;
    let now = house.now().await;
    let mut stranger = other(&house).await;
    let mut long = stranger.begin().await.unwrap();
    let lock = "LOCK TABLE stayhook.events, stayhook.tokens IN ACCESS EXCLUSIVE MODE";
    sqlx::query(lock).execute(&mut *long).await.unwrap();
    let began = Instant::now();
    let (mut most, mut refused) = (0, 0);
    let asking = async {
        // Callers that hang up in the middle, and one that stays.
        for _ in 0..60 {
            let _ = tokio::time::timeout(Duration::from_millis(100), node.tokens()).await;
        }
    };
    let accepting = async {
        while began.elapsed() < Duration::from_secs(7) {
            let intake = Intake { events: vec![row(event(now, refused), &[])], ..Intake::default() };
            let answer = node.intake(intake).await;
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
            refused += 1;
        }
    };
    let watching = async {
        while began.elapsed() < Duration::from_secs(7) {
            most = most.max(house.number(WAITING).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::join!(asking, accepting, watching);
    // The pool for queries, and the line of acceptance.
    assert!(refused >= 2 && most <= 9, "{most} sessions at once, {refused} refused");
    long.commit().await.unwrap();
    assert_eq!(accept(&node, vec![row(event(now, 999), &[])]).await.results, [Accepted::New]);
}

/// An event that comes to wait while a claim is under way, which does not see it: it is not left
/// alone until the lease of the others ends.
#[tokio::test]
async fn what_comes_during_a_claim_is_due_at_once() {
    let mut house = House::new().await;
    let node = house.node().await;
    let (now, id) = (house.now().await, webhook(&node, 1).await);
    wait(&node, id, event(now, 1)).await;
    let mut claimer = other(&house).await;
    let mut claim = claimer.begin().await.unwrap();
    for statement in [
        "SELECT FROM stayhook.lanes WHERE due_at <= stayhook.clock() FOR UPDATE SKIP LOCKED",
        "UPDATE stayhook.pending SET due_at = stayhook.clock() + 60000, leased_by = 1",
        "UPDATE stayhook.lanes SET due_at = (SELECT min(due_at) FROM stayhook.pending)",
    ] {
        sqlx::query(statement).execute(&mut *claim).await.unwrap();
    }
    let accepting = tokio::spawn(async move {
        accept(&node, vec![row(event(now, 2), &[(id, TargetFate::Wait)])]).await;
        node
    });
    // With nothing to wait for it would be through by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    claim.commit().await.unwrap();
    let node = accepting.await.unwrap();
    assert_eq!(house.number("SELECT count(*) FROM stayhook.lanes WHERE due_at <= stayhook.clock()").await, 1);
    let due = crate::support::claim(&node, house.now().await).await.due;
    assert_eq!(due.iter().map(|it| it.event).collect::<Vec<_>>(), [event(now, 2)]);
}
