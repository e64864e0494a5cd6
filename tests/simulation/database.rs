//! What a simulation stands on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stayhook_store::{
    Keyring, Model, ModelStore, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store,
    StoreError, Timing,
};
use stayhook_testkit::Postgres;
use tempfile::TempDir;

use crate::clock::Timeline;
use crate::plan::Settings;

/// 32 bytes of ones.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// A store that outlives processes.
pub(crate) enum Database {
    Model(Model),
    Sqlite(TempDir),
    Postgres(Postgres),
}

/// The number under which a model knows a process.
pub(crate) type Number = Arc<ModelStore>;

impl Database {
    /// A model for so many nodes.
    pub(crate) fn model(settings: &Settings, timeline: &Arc<Timeline>) -> Self {
        if settings.nodes == 1 {
            return Self::Model(Model::alone());
        }
        let timeline = Arc::clone(timeline);
        Self::Model(Model::shared(Arc::new(move || timeline.now()), settings.hearsay))
    }

    pub(crate) fn as_model(&self) -> Option<&Model> {
        if let Self::Model(model) = self { Some(model) } else { None }
    }

    /// Whether its calls wait for something outside of the process.
    pub(crate) fn is_real(&self) -> bool {
        self.as_model().is_none()
    }

    pub(crate) async fn open(&self) -> (Arc<dyn Store>, Option<Number>) {
        match self {
            Self::Model(model) => {
                let store = Arc::new(model.open());
                (Arc::clone(&store) as Arc<dyn Store>, Some(store))
            }
            Self::Sqlite(home) => (Arc::new(open_sqlite(&home.path().join("stayhook.db")).await), None),
            Self::Postgres(database) => {
                let options = PostgresOptions {
                    url: database.url().to_owned(),
                    keyring: Keyring::parse(KEY).unwrap(),
                    migrate: true,
                    node: "simulated".to_owned(),
                    // The simulation's clock counts, and whoever is there takes over from all before.
                    timing: Timing::Caller,
                };
                (Arc::new(PostgresStore::open(options).await.unwrap()), None)
            }
        }
    }
}

/// Opens the file, once the process before has let go of it.
async fn open_sqlite(path: &Path) -> SqliteStore {
    for _ in 0..500 {
        let keyring = Keyring::parse(KEY).unwrap();
        let options = SqliteOptions { path: path.to_owned(), keyring, migrate: true, exclusive: true };
        match SqliteStore::open(options) {
            Err(StoreError::Locked) => tokio::time::sleep(Duration::from_millis(5)).await,
            other => return other.unwrap(),
        }
    }
    panic!("the process before does not let go of the database");
}
