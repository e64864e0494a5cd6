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
use tokio::runtime::{Builder, Handle, Runtime};

use crate::clock::Timeline;
use crate::plan::Settings;

/// 32 bytes of ones.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// A store that outlives processes.
pub(crate) enum Database {
    Model(Model),
    Real(Real),
}

/// A database outside of the simulation, with a runtime on which its connections live.
pub(crate) struct Real {
    place: Place,
    runtime: Runtime,
}

enum Place {
    Sqlite(TempDir),
    Postgres(Postgres),
}

/// The process as a model knows it.
pub(crate) type InModel = Arc<ModelStore>;

impl Database {
    /// A model for so many nodes.
    pub(crate) fn model(settings: &Settings, timeline: &Arc<Timeline>) -> Self {
        if settings.nodes == 1 {
            return Self::Model(Model::alone());
        }
        let timeline = Arc::clone(timeline);
        Self::Model(Model::shared(Arc::new(move || timeline.now()), settings.hearsay))
    }

    pub(crate) fn sqlite() -> Self {
        Self::real(Place::Sqlite(tempfile::tempdir().unwrap()))
    }

    pub(crate) fn postgres() -> Self {
        Self::real(Place::Postgres(Postgres::create().unwrap()))
    }

    fn real(place: Place) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self::Real(Real { place, runtime })
    }

    pub(crate) fn as_model(&self) -> Option<&Model> {
        if let Self::Model(model) = self { Some(model) } else { None }
    }

    /// Where calls of the store are to be made, if not on the spot.
    pub(crate) fn elsewhere(&self) -> Option<Handle> {
        if let Self::Real(real) = self { Some(real.runtime.handle().clone()) } else { None }
    }

    /// A process opens the store.
    pub(crate) fn open(&self) -> (Arc<dyn Store>, Option<InModel>) {
        match self {
            Self::Model(model) => {
                let store = Arc::new(model.open());
                (Arc::clone(&store) as Arc<dyn Store>, Some(store))
            }
            Self::Real(real) => (real.runtime.block_on(open(&real.place)), None),
        }
    }
}

async fn open(place: &Place) -> Arc<dyn Store> {
    match place {
        Place::Sqlite(home) => Arc::new(open_sqlite(&home.path().join("stayhook.db")).await),
        Place::Postgres(database) => {
            let options = PostgresOptions {
                url: database.url().to_owned(),
                keyring: Keyring::parse(KEY).unwrap(),
                migrate: true,
                node: "simulated".to_owned(),
                // The simulation's clock counts, and whoever is there takes over from all before.
                timing: Timing::Caller,
            };
            Arc::new(PostgresStore::open(options).await.unwrap())
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
