//! Pages that neither skip nor repeat while rows are written: a page starts after a key.

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// Start after this key (the page goes from newest to oldest); from the newest if `None`.
    pub after: Option<K>,
    /// At most so many.
    pub limit: usize,
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// Whether there are more after the last one.
    pub more: bool,
}
