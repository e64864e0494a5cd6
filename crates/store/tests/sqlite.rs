//! The conformance suite on SQLite.

#![expect(clippy::expect_used, reason = "without a store there is no test")]

use std::sync::Arc;

use stayhook_store::{Keyring, SqliteOptions, SqliteStore, Store, StoreError, conformance};
use tempfile::TempDir;

async fn open() -> (Arc<dyn Store>, TempDir) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let keyring = Keyring::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("32 bytes");
    (open_with(&home, keyring).expect("an empty directory can be opened"), home)
}

fn open_with(home: &TempDir, keyring: Keyring) -> Result<Arc<dyn Store>, StoreError> {
    let path = home.path().join("stayhook.db");
    Ok(Arc::new(SqliteStore::open(SqliteOptions { path, keyring, migrate: true, exclusive: false })?))
}

stayhook_store::conformance::stamp!(open);

#[tokio::test]
async fn secrets_move_to_another_key() {
    let home = tempfile::tempdir().expect("a temporary directory");
    conformance::reseal::secrets_move_to_another_key(async |keyring| open_with(&home, keyring)).await;
}
