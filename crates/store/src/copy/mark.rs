//! The row of `meta` that says how far a copy into this database is.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Cell, Facts, Table};
use crate::StoreError;

/// The name of that row.
pub(crate) const MARK: &str = "copy";
/// The name of the row that takes its place: where this database came from.
pub(crate) const FINISHED: &str = "copied_from";

/// What tells one source from another, and from itself after it has accepted events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) String);

impl Fingerprint {
    pub(super) fn of(facts: &Facts) -> Self {
        // Sealed with a nonce of its own, the check value is another one in each database.
        let mut known = facts.key_check.clone().unwrap_or_default();
        known.extend(facts.newest_event.iter().flatten());
        Self(STANDARD.encode(digest(&SHA256, &known)))
    }
}

/// How far a copy is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) source: Fingerprint,
    /// The table that is being copied, by its name; those before it are there.
    pub(crate) table: String,
    /// The key of the last of its rows that is there; empty where none is.
    pub(crate) after: Vec<Cell>,
}

impl Mark {
    /// Before the first row of a table.
    pub(super) fn before(source: Fingerprint, table: &Table) -> Self {
        Self { source, table: table.name.to_owned(), after: Vec::new() }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let after: Vec<Value> = self.after.iter().map(to_json).collect();
        json!({ "source": self.source.0, "table": self.table, "after": after }).to_string().into_bytes()
    }

    /// # Errors
    /// When somebody else wrote it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::read(bytes).ok_or_else(Self::corrupt)
    }

    pub(super) fn corrupt() -> StoreError {
        StoreError::Corrupt { table: "meta", column: "value", row: MARK.to_owned() }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let source = Fingerprint(value.get("source")?.as_str()?.to_owned());
        let table = value.get("table")?.as_str()?.to_owned();
        let after = value.get("after")?.as_array()?.iter().map(from_json).collect::<Option<_>>()?;
        Some(Self { source, table, after })
    }
}

fn to_json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => json!(number),
        Cell::Text(text) => json!(text),
        Cell::Bytes(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

fn from_json(value: &Value) -> Option<Cell> {
    match value {
        Value::Null => Some(Cell::Null),
        Value::Number(number) => number.as_i64().map(Cell::Int),
        Value::String(text) => Some(Cell::Text(text.clone())),
        Value::Object(_) => STANDARD.decode(value.get("base64")?.as_str()?).ok().map(Cell::Bytes),
        Value::Bool(_) | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Int),
            any::<String>().prop_map(Cell::Text),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Cell::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn marks_read_back(after in proptest::collection::vec(cell(), 0..3), table: String) {
            let mark = Mark { source: Fingerprint("here".to_owned()), table, after };
            prop_assert_eq!(Mark::from_bytes(&mark.to_bytes()), Ok(mark));
        }

        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Mark::from_bytes(&bytes);
        }
    }
}
