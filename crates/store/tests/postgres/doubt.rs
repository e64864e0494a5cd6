//! Acceptance of which nobody knows how it ended: the answer to the commit is lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use stayhook_core::{IdempotencyKey, Next, Outcome, State};
use stayhook_store::{
    Accepted, Fate, IdempotencyClaim, Intake, NewRow, Origin, PostgresStore, Scope, Store, StoreError,
    TargetFate,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::support::*;

const EVERYTHING: &Scope = &Scope::EVERYTHING;

/// The way to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// The connection that asks for an acceptance next is cut when the database has answered.
    SwallowOnce,
    /// The same, and no other connection is let through until it is open again.
    SwallowAndClose,
    Closed,
}

/// Lets connections through as it is told.
struct Proxy {
    port: u16,
    way: Arc<AtomicU8>,
}

const WAYS: [Way; 4] = [Way::Open, Way::SwallowOnce, Way::SwallowAndClose, Way::Closed];

impl Proxy {
    async fn before(socket: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(AtomicU8::new(0));
        let (ways, socket) = (Arc::clone(&way), PathBuf::from(socket).join(".s.PGSQL.5432"));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if WAYS[usize::from(ways.load(Ordering::SeqCst))] != Way::Closed {
                    let server = UnixStream::connect(&socket).await.unwrap();
                    tokio::spawn(pass(client, server, Arc::clone(&ways)));
                }
            }
        });
        Self { port, way }
    }

    fn set(&self, way: Way) {
        let number = WAYS.iter().position(|it| *it == way).unwrap();
        self.way.store(u8::try_from(number).unwrap(), Ordering::SeqCst);
    }
}

/// Passes bytes on, until the answer to an acceptance is to be swallowed.
async fn pass(mut client: TcpStream, mut server: UnixStream, ways: Arc<AtomicU8>) {
    let (mut asked, mut answered) = ([0; 65_536], [0; 65_536]);
    let mut accepting = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                // What is bound to the statement tells which one it is.
                accepting |= asked[..read].windows(8).any(|it| it == b"doubtful");
                if server.write_all(&asked[..read]).await.is_err() { return }
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                let way = WAYS[usize::from(ways.load(Ordering::SeqCst))];
                // Not the answer to a preparation, but the one after the commit.
                if accepting && way != Way::Open && is_done(&answered[..read]) {
                    let next = if way == Way::SwallowOnce { Way::Open } else { Way::Closed };
                    let number = WAYS.iter().position(|it| *it == next).unwrap();
                    ways.store(u8::try_from(number).unwrap(), Ordering::SeqCst);
                    return;
                }
                if client.write_all(&answered[..read]).await.is_err() { return }
            }
        }
    }
}

/// Whether the answer says that a command is complete and no transaction is open.
fn is_done(answer: &[u8]) -> bool {
    let complete = answer.windows(7).any(|it| it == b"SELECT " || it == b"COMMIT\0");
    complete && answer.ends_with(b"Z\0\0\0\x05I")
}

struct Doubtful {
    house: House,
    proxy: Proxy,
    node: PostgresStore,
}

impl Doubtful {
    async fn open() -> Self {
        let house = House::new().await;
        let socket = house.database.url().split("host=").nth(1).unwrap().to_owned();
        let proxy = Proxy::before(&socket).await;
        let url =
            format!("postgres://stayhook@127.0.0.1:{}/{}?sslmode=disable", proxy.port, house.database.name());
        let node = open_at(url).await.unwrap();
        Self { house, proxy, node }
    }
}

fn keyed(mut row: NewRow, key: Option<&str>) -> NewRow {
    row.client = stayhook_core::ClientId::parse("doubtful").unwrap();
    let claim = |key: &str| IdempotencyClaim { key: IdempotencyKey::parse(key).unwrap(), content: [1; 32] };
    row.idempotency = key.map(claim);
    row
}

/// The batch is asked for again, and found to be there: nothing is repeated, nothing is lost,
/// and the caller learns the truth.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_recognised() {
    let mut it = Doubtful::open().await;
    let (now, id) = (it.house.now().await, webhook(&it.node, 1).await);
    for (number, key) in [(1, None), (2, Some("key"))] {
        let event = event(now, number);
        // Once undisturbed, so that the statements are prepared.
        let first = keyed(row(crate::support::event(now, number + 100), &[]), key.map(|_| "another"));
        accept(&it.node, vec![first]).await;
        it.proxy.set(Way::SwallowOnce);
        let receipt = accept(&it.node, vec![keyed(row(event, &[(id, TargetFate::Send)]), key)]).await;
        assert_eq!(it.proxy.way.load(Ordering::SeqCst), 0, "the answer was swallowed");
        assert_eq!(receipt.results, [Accepted::New]);
        let handoff = receipt.handoff.unwrap();
        assert!(it.node.holds(id, event, Origin::Handoff(handoff), 0));
        let accepted = conclusion(id, event, Origin::Handoff(handoff), 0, tried(Outcome::Accepted, now));
        assert_eq!(conclude(&it.node, accepted, now).await.fates, [Fate::Written(Next::Delivered)]);
    }
    assert_eq!(it.house.number("SELECT count(*) FROM stayhook.handoffs").await, 0);
}

/// The caller is told that nothing is known. A repetition is a duplicate, and so the event has
/// to be delivered, although this node does not know that it has it.
#[tokio::test]
async fn what_was_accepted_unknown_to_the_node_is_found() {
    let mut it = Doubtful::open().await;
    let (now, id) = (it.house.now().await, webhook(&it.node, 1).await);
    accept(&it.node, vec![keyed(row(event(now, 1), &[]), Some("another"))]).await;
    let event = event(now, 2);
    let report = |event| vec![keyed(row(event, &[(id, TargetFate::Send)]), Some("key"))];
    it.proxy.set(Way::SwallowAndClose);
    let refused = it.node.intake(Intake { events: report(event), ..Intake::default() }).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(it.house.number("SELECT count(*) FROM stayhook.handoffs").await, 1, "it was committed");
    it.proxy.set(Way::Open);

    let again = accept(&it.node, report(crate::support::event(now, 3))).await;
    assert_eq!(again.results, [Accepted::Duplicate { id: event, deliveries: 1 }]);
    for _ in 0..200 {
        let (line, attempts) = it.node.delivery(EVERYTHING, id, event).await.unwrap().unwrap();
        if line.state == State::Pending {
            assert!(attempts.is_empty(), "it was never sent: {attempts:?}");
            let now = it.house.now().await;
            assert_eq!(claim(&it.node, now).await.due.len(), 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it stays where nobody looks");
}
