//! Connections kept open between attempts.
//!
//! A connection is kept for one webhook, and taken out only by an attempt whose own lookup has found and
//! vetted the address that the connection leads to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use stayhook_core::{WebhookId, WebhookUrl};
use tokio::time::sleep;

use crate::connect::Vetted;
use crate::connection::Connection;

/// The most connections kept for one webhook, and for all of them. Further ones are closed.
const MOST_OF_ONE: usize = 32;
const MOST_OF_ALL: usize = 1024;

/// A connection is closed once it has been idle for this many turns: after 25 to 30 seconds.
const TURN: Duration = Duration::from_secs(5);
const MOST_TURNS: u8 = 6;

/// The connections that nobody is using.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
    sweeping: OnceLock<()>,
}

#[derive(Default)]
struct Idle {
    by_webhook: HashMap<WebhookId, Vec<Kept>>,
    count: usize,
}

struct Kept {
    connection: Connection,
    /// The URL for which it was made.
    url: WebhookUrl,
    turns: u8,
}

impl Kept {
    fn serves(&self, url: &WebhookUrl, vetted: &[Vetted]) -> bool {
        vetted.contains(&self.connection.vetted())
            && (self.url.scheme(), self.url.host()) == (url.scheme(), url.host())
    }
}

impl Pool {
    /// Takes out a connection to the host of `url` at one of the addresses vetted for this attempt: the
    /// one used last, since it is the least likely to be closed.
    pub(crate) fn take(&self, webhook: WebhookId, url: &WebhookUrl, vetted: &[Vetted]) -> Option<Connection> {
        let mut idle = self.lock();
        let all = idle.by_webhook.get_mut(&webhook)?;
        let before = all.len();
        all.retain(|kept| !kept.connection.is_closed());
        let found = all.iter().rposition(|kept| kept.serves(url, vetted)).map(|at| all.remove(at));
        let gone = before - all.len();
        idle.count -= gone;
        found.map(|kept| kept.connection)
    }

    /// Keeps a connection on which a response has ended as it should.
    pub(crate) fn put(self: &Arc<Self>, webhook: WebhookId, url: WebhookUrl, connection: Connection) {
        self.sweeping.get_or_init(|| self.start_sweeping());
        let mut idle = self.lock();
        if idle.count >= MOST_OF_ALL {
            return;
        }
        let all = idle.by_webhook.entry(webhook).or_default();
        if all.len() < MOST_OF_ONE {
            all.push(Kept { connection, url, turns: 0 });
            idle.count += 1;
        }
    }

    /// Closes what is kept for a webhook.
    pub(crate) fn forget(&self, webhook: WebhookId) {
        let mut idle = self.lock();
        let gone = idle.by_webhook.remove(&webhook);
        idle.count -= gone.map_or(0, |kept| kept.len());
    }

    /// Lets a turn pass, and closes what has been idle for too many.
    fn sweep(&self) {
        let mut idle = self.lock();
        let mut count = 0;
        idle.by_webhook.retain(|_, all| {
            for kept in all.iter_mut() {
                kept.turns += 1;
            }
            all.retain(|kept| kept.turns < MOST_TURNS && !kept.connection.is_closed());
            count += all.len();
            !all.is_empty()
        });
        idle.count = count;
    }

    fn start_sweeping(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                sleep(TURN).await;
                let Some(pool) = pool.upgrade() else { return };
                pool.sweep();
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing done under the lock can leave the pool half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stayhook_core::{AddressRules, UrlRules};
    use tokio::io::{DuplexStream, duplex};

    const ONE: WebhookId = WebhookId(1);
    const TWO: WebhookId = WebhookId(2);

    fn url() -> WebhookUrl {
        WebhookUrl::parse("https://8.8.8.8/", &UrlRules::default()).unwrap()
    }

    fn vetted(address: &str) -> Vec<Vetted> {
        Vetted::all(&[address.parse().unwrap()], 443, &AddressRules::default()).unwrap()
    }

    /// Keeps a connection for a webhook. It is open for as long as its other end.
    async fn keep(pool: &Arc<Pool>, webhook: WebhookId) -> DuplexStream {
        let (ours, theirs) = duplex(64);
        let connection = Connection::start(ours, vetted("8.8.8.8")[0]).await.unwrap();
        pool.put(webhook, url(), connection);
        theirs
    }

    fn takes(pool: &Pool, webhook: WebhookId, address: &str) -> bool {
        pool.take(webhook, &url(), &vetted(address)).is_some()
    }

    #[tokio::test]
    async fn a_connection_is_taken_once_by_its_webhook_at_its_address() {
        let pool = Arc::<Pool>::default();
        let _end = keep(&pool, ONE).await;
        assert!(!takes(&pool, TWO, "8.8.8.8"));
        assert!(!takes(&pool, ONE, "8.8.4.4"));
        assert!(takes(&pool, ONE, "8.8.8.8"));
        assert!(!takes(&pool, ONE, "8.8.8.8"));
        assert_eq!(pool.lock().count, 0);
    }

    #[tokio::test]
    async fn idle_connections_are_closed_in_time() {
        let pool = Arc::<Pool>::default();
        let _old = keep(&pool, ONE).await;
        for _ in 1..MOST_TURNS {
            pool.sweep();
        }
        let _young = keep(&pool, TWO).await;
        assert_eq!(pool.lock().count, 2);
        pool.sweep();
        assert_eq!(pool.lock().count, 1);
        assert!(!pool.lock().by_webhook.contains_key(&ONE));
        assert!(takes(&pool, TWO, "8.8.8.8"));
    }

    #[tokio::test]
    async fn no_webhook_keeps_more_than_its_share() {
        let pool = Arc::<Pool>::default();
        let mut ends = Vec::new();
        for _ in 0..MOST_OF_ONE + 5 {
            ends.push(keep(&pool, ONE).await);
        }
        ends.push(keep(&pool, TWO).await);
        assert_eq!(pool.lock().count, MOST_OF_ONE + 1);
        pool.forget(ONE);
        assert_eq!(pool.lock().count, 1);
    }
}
