//! The event types that there are at this moment.

use std::sync::{Arc, PoisonError, RwLock};

use stayhook_core::{Catalogue, EventKind};
use stayhook_store::StoreError;

use crate::engine::Shared;

/// The node's copy of the catalogue.
pub(crate) struct Kinds {
    /// What is known without the store.
    given: Catalogue,
    current: RwLock<Arc<Catalogue>>,
    /// Held while the store is asked: an older answer must not overtake a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

impl Kinds {
    /// The given types and the stored ones.
    pub(crate) fn new(given: Catalogue, stored: Vec<EventKind>) -> Self {
        let current = RwLock::new(Arc::new(with(&given, stored)));
        Self { given, current, refreshing: tokio::sync::Mutex::default() }
    }

    pub(crate) fn current(&self) -> Arc<Catalogue> {
        // Replaced as a whole: there is no half-written one.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, stored: Vec<EventKind>) {
        let next = Arc::new(with(&self.given, stored));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// What was stored later takes the place of what was given.
fn with(given: &Catalogue, stored: Vec<EventKind>) -> Catalogue {
    let mut catalogue = given.clone();
    for kind in stored {
        catalogue.insert(kind);
    }
    catalogue
}

impl Shared {
    /// Brings the node's catalogue up to date.
    pub(crate) async fn refresh_catalogue(&self) -> Result<(), StoreError> {
        let _refreshing = self.catalogue.refreshing.lock().await;
        self.catalogue.replace(self.store.event_types().await?);
        Ok(())
    }
}
