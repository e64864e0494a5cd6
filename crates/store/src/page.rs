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
pub struct Page<T, K> {
    /// The rows, newest first. A page may be short, even empty, though there are more: where few
    /// rows match, no call looks at more than a bounded number of them.
    pub rows: Vec<T>,
    /// Where the next page starts; `None` if this was the last.
    pub next: Option<K>,
}
