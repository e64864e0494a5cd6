//! The issuer's keys: fetched when the first token comes, renewed behind the callers' backs,
//! and kept while the issuer does not answer.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use stayhook_core::{Span, UnixMs};
use tokio::sync::Mutex;

use super::fetch::{self, Fetcher};
use super::jwk::KeySet;

/// How long keys are used before they are asked for again.
const FRESH: Span = Span::minutes(5);
/// How long they are used when the issuer does not answer: beyond that nobody knows whether
/// they were withdrawn.
const KEPT: Span = Span::hours(24);
/// The least time between two fetches because of a key that is not in the set, and between
/// two fetches behind the callers' backs that fail.
const BETWEEN: Span = Span::seconds(30);
/// The least time between two fetches that fail while there are no keys at all.
const PAUSE: Span = Span::seconds(2);
/// The most bytes of a key set.
const MOST_BYTES: usize = 512 * 1024;

/// Where keys come from.
pub(super) enum Source {
    /// `auth.jwks_url`
    Url(String, Fetcher),
    /// `auth.jwks_file`
    File(PathBuf),
}

/// The issuer's keys.
pub(super) struct KeyStore {
    source: Source,
    held: RwLock<Held>,
    /// Held by the one who fetches.
    fetching: Mutex<()>,
}

#[derive(Clone, Default)]
struct Held {
    keys: Option<Arc<KeySet>>,
    fetched_at: Option<UnixMs>,
    failed_at: Option<UnixMs>,
    /// When keys were last fetched because one was missing.
    missed_at: Option<UnixMs>,
}

impl KeyStore {
    pub(super) fn new(source: Source) -> Self {
        Self { source, held: RwLock::default(), fetching: Mutex::default() }
    }

    /// The keys to verify with.
    ///
    /// # Errors
    /// When there are none, and none can be had.
    pub(super) async fn keys(self: &Arc<Self>, now: UnixMs) -> Result<Arc<KeySet>, String> {
        let held = self.held();
        match held.usable(now) {
            Some(keys) => {
                if !within(held.fetched_at, FRESH, now) && !within(held.failed_at, BETWEEN, now) {
                    self.renew_behind(now);
                }
                Ok(keys)
            }
            None => self.first(now).await,
        }
    }

    /// Keys that are newer than these, because these lack one. Asks the issuer at most every
    /// [`BETWEEN`]; `None` where that does not help.
    pub(super) async fn newer(&self, than: &Arc<KeySet>, now: UnixMs) -> Option<Arc<KeySet>> {
        let _turn = self.fetching.lock().await;
        let held = self.held();
        if let Some(keys) = held.keys.filter(|keys| !Arc::ptr_eq(keys, than)) {
            return Some(keys);
        }
        if within(held.missed_at, BETWEEN, now) {
            return None;
        }
        self.change(|held| held.missed_at = Some(now));
        self.fetch(now).await.ok()
    }

    async fn first(&self, now: UnixMs) -> Result<Arc<KeySet>, String> {
        let _turn = self.fetching.lock().await;
        let held = self.held();
        if let Some(keys) = held.usable(now) {
            return Ok(keys);
        }
        if within(held.failed_at, PAUSE, now) {
            return Err("the keys of the token issuer could not be had a moment ago".to_owned());
        }
        self.fetch(now).await
    }

    fn renew_behind(self: &Arc<Self>, now: UnixMs) {
        let store = Arc::clone(self);
        tokio::spawn(async move {
            // Whoever fetches already fetches for all.
            if let Ok(_turn) = store.fetching.try_lock() {
                // The failure is logged; the keys that are held serve on.
                let _ = store.fetch(now).await;
            }
        });
    }

    async fn fetch(&self, now: UnixMs) -> Result<Arc<KeySet>, String> {
        let loaded = self.source.load().await.and_then(|bytes| KeySet::parse(&bytes));
        match loaded {
            Ok(keys) => {
                let keys = Arc::new(keys);
                let (kept, fetched_at) = (Some(Arc::clone(&keys)), Some(now));
                self.change(|held| *held = Held { keys: kept, fetched_at, failed_at: None, ..held.clone() });
                Ok(keys)
            }
            Err(why) => {
                self.change(|held| held.failed_at = Some(now));
                let why = format!("the keys of {} cannot be had: {why}", self.source.name());
                tracing::warn!("{why}");
                Err(why)
            }
        }
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Held {
    fn usable(&self, now: UnixMs) -> Option<Arc<KeySet>> {
        self.keys.clone().filter(|_| within(self.fetched_at, KEPT, now))
    }
}

/// Whether that was less than `span` ago. A clock that was set back makes it long ago.
fn within(at: Option<UnixMs>, span: Span, now: UnixMs) -> bool {
    at.is_some_and(|at| now >= at && now.since(at) < span)
}

impl Source {
    async fn load(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Url(url, fetcher) => fetch::body(fetcher.get(url), MOST_BYTES).await,
            Self::File(path) => tokio::fs::read(path).await.map_err(|error| error.to_string()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Url(..) => "auth.jwks_url",
            Self::File(_) => "auth.jwks_file",
        }
    }
}
