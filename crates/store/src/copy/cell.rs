//! Values on their way from one database to the other.

use super::Table;

/// One value, in the form that both databases can give and take. Truth is 0 or 1, an id of an
/// event its 16 bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Some rows of a table, in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Vec<Cell>>,
    bytes: usize,
}

/// So much is in memory at once, and one row more.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// And never more rows than these.
pub(crate) const BATCH_ROWS: usize = 2_000;

/// About what a value takes beside its text or bytes.
const OVERHEAD: usize = 32;

impl Batch {
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.bytes += row.iter().map(Cell::size).sum::<usize>();
        self.rows.push(row);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.rows.len() >= BATCH_ROWS
    }

    /// The key of the last row.
    pub(crate) fn last_key(&self, table: &Table) -> Option<Vec<Cell>> {
        Some(self.rows.last()?.iter().take(table.key).cloned().collect())
    }
}

impl Cell {
    fn size(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Null | Self::Int(_) => 0,
                Self::Text(text) => text.len(),
                Self::Bytes(bytes) => bytes.len(),
            }
    }

    pub(crate) fn int(self) -> Option<i64> {
        if let Self::Int(number) = self { Some(number) } else { None }
    }

    pub(crate) fn text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn bytes(self) -> Option<Vec<u8>> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}
