//! The conformance suite on SQLite.

#![expect(clippy::expect_used, reason = "without a store there is no test")]

use std::sync::Arc;

use stayhook_store::{Keyring, SqliteOptions, SqliteStore, Store};
use tempfile::TempDir;

async fn open() -> (Arc<dyn Store>, TempDir) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let keyring = Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("32 bytes");
    let path = home.path().join("stayhook.db");
    let options = SqliteOptions { path, keyring, migrate: true, exclusive: true };
    let store = SqliteStore::open(options).expect("an empty directory can be opened");
    (Arc::new(store), home)
}

stayhook_store::conformance::stamp!(open);
