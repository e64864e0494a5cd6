//! The compiled schemas of the catalogue: each is compiled when the first event of its type comes,
//! and again when the catalogue has changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use stayhook_core::{Catalogue, EventKind, EventType, Json};
use tokio::sync::Semaphore;

use super::schema::{DataSchema, value};
use crate::error::{FieldError, Problem, Subject};

/// Beyond so many steps, data is checked aside, so that it does not hold up other requests.
const LONG_STEPS: usize = 2_000_000;
/// So many long checks at once.
const LONG_CHECKS: usize = 2;

/// Holds data against the schemas of the catalogue.
pub(crate) struct Validators {
    known: Mutex<Option<Arc<Known>>>,
    long: Semaphore,
}

/// The schemas of one state of the catalogue.
struct Known {
    catalogue: Arc<Catalogue>,
    compiled: HashMap<EventType, OnceLock<Option<Arc<DataSchema>>>>,
}

impl Validators {
    pub(crate) fn new() -> Self {
        Self { known: Mutex::new(None), long: Semaphore::new(LONG_CHECKS) }
    }

    /// Lets an event's data pass that fits the schema of its type, where there is one. The data is
    /// at the pointer `at` of a body.
    ///
    /// # Errors
    /// 422 with what is wrong.
    pub(crate) async fn check(
        &self,
        catalogue: &Arc<Catalogue>,
        kind: &EventType,
        data: &Json,
        at: &str,
    ) -> Result<(), Problem> {
        let Some(schema) = self.schema(catalogue, kind) else { return Ok(()) };
        let bytes = data.to_stable_bytes().len();
        let faults = if schema.steps(bytes) <= LONG_STEPS {
            schema.faults(&value(data), bytes, at)
        } else {
            self.check_aside(schema, data, bytes, at).await?
        };
        if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(Subject::Request, faults)) }
    }

    async fn check_aside(
        &self,
        schema: Arc<DataSchema>,
        data: &Json,
        bytes: usize,
        at: &str,
    ) -> Result<Vec<FieldError>, Problem> {
        let _turn = self.long.acquire().await.map_err(|error| Problem::internal(error.to_string()))?;
        let (data, at) = (value(data), at.to_owned());
        let checking = tokio::task::spawn_blocking(move || schema.faults(&data, bytes, &at));
        checking.await.map_err(|error| Problem::internal(error.to_string()))
    }

    fn schema(&self, catalogue: &Arc<Catalogue>, kind: &EventType) -> Option<Arc<DataSchema>> {
        let schema = catalogue.get(kind)?.schema.as_ref()?;
        let known = self.known(catalogue);
        known.compiled.get(kind)?.get_or_init(|| compile(kind, schema)).clone()
    }

    fn known(&self, catalogue: &Arc<Catalogue>) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.as_ref() {
            Some(known) if Arc::ptr_eq(&known.catalogue, catalogue) => Arc::clone(known),
            _ => {
                let with_schema = catalogue.iter().filter(|kind| kind.schema.is_some());
                let slot = |kind: &EventKind| (kind.name.clone(), OnceLock::new());
                let compiled = with_schema.map(slot).collect();
                let new = Arc::new(Known { catalogue: Arc::clone(catalogue), compiled });
                *known = Some(Arc::clone(&new));
                new
            }
        }
    }
}

/// A schema was judged before it was stored or taken from the configuration. One that a later
/// version finds fault with must not stop the events of its type.
fn compile(kind: &EventType, schema: &Json) -> Option<Arc<DataSchema>> {
    DataSchema::compile(schema)
        .map(Arc::new)
        .inspect_err(|error| {
            tracing::error!(%kind, %error, "the type's schema cannot be used any more: its events are not checked");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(schema: &str) -> Arc<Catalogue> {
        let mut catalogue = Catalogue::built_in();
        catalogue.insert(EventKind {
            name: kind(),
            label: String::new(),
            description: String::new(),
            schema: Some(Json::parse(schema.as_bytes(), 64).unwrap()),
        });
        Arc::new(catalogue)
    }

    fn kind() -> EventType {
        EventType::parse("room.cleaned").unwrap()
    }

    async fn fits(validators: &Validators, catalogue: &Arc<Catalogue>, data: &str) -> bool {
        let data = Json::parse(data.as_bytes(), 64).unwrap();
        validators.check(catalogue, &kind(), &data, "/data").await.is_ok()
    }

    #[tokio::test]
    async fn a_changed_catalogue_is_noticed_and_an_unchanged_one_is_compiled_once() {
        let validators = Validators::new();
        let (first, second) = (catalogue(r#"{"required":["a"]}"#), catalogue(r#"{"required":["b"]}"#));
        assert!(fits(&validators, &first, r#"{"a":1}"#).await);
        let schema = || validators.schema(&first, &kind()).unwrap();
        assert!(Arc::ptr_eq(&schema(), &schema()));
        assert!(!fits(&validators, &second, r#"{"a":1}"#).await);
        assert!(fits(&validators, &second, r#"{"b":1}"#).await);
    }

    #[tokio::test]
    async fn long_checks_are_made_aside_and_come_to_the_same() {
        let validators = Validators::new();
        let numbers = catalogue(r#"{"properties":{"a":{"items":{"type":"integer"}}}}"#);
        let list = |last: &str| format!(r#"{{"a":[{}{last}]}}"#, "1,".repeat(500_000));
        assert!(fits(&validators, &numbers, &list("1")).await);
        assert!(!fits(&validators, &numbers, &list("1.5")).await);
    }

    #[tokio::test]
    async fn a_schema_that_is_no_longer_usable_checks_nothing() {
        assert!(fits(&Validators::new(), &catalogue(r#"{"$ref":"https://example.com/"}"#), "{}").await);
    }
}
