//! The conformance suite on the model, which is what lets simulations on it speak for the
//! databases.

use std::sync::Arc;

use stayhook_store::{Model, Store};

async fn open() -> (Arc<dyn Store>, Model) {
    let model = Model::alone();
    (Arc::new(model.open()), model)
}

stayhook_store::conformance::stamp!(open);
