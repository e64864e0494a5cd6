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

/// So many candidates are looked at for one page.
pub(crate) const MOST_LOOKED_AT: usize = 5_000;

/// A page in the making, out of candidates from the newest to the oldest of which not all are
/// wanted.
pub(crate) struct Gathering<T, K> {
    limit: usize,
    looked_at: usize,
    rows: Vec<T>,
    /// Of the last row.
    last: Option<K>,
}

impl<T, K: Copy> Gathering<T, K> {
    /// A page of at most `limit` rows, of which there is none yet.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, looked_at: 0, rows: Vec::new(), last: None }
    }

    /// Takes a candidate in, or passes it over where it is none that is wanted. Returns the page
    /// once it is complete: it is full and more are wanted, or enough were looked at.
    #[must_use = "a page that is complete takes no more"]
    pub(crate) fn add(&mut self, key: K, row: Option<T>) -> Option<Page<T, K>> {
        if let Some(row) = row {
            if self.rows.len() == self.limit {
                return Some(self.cut(self.last));
            }
            self.rows.push(row);
            self.last = Some(key);
        }
        self.looked_at += 1;
        (self.looked_at >= MOST_LOOKED_AT).then(|| self.cut(Some(key)))
    }

    /// The last page: there are no more candidates.
    pub(crate) fn end(mut self) -> Page<T, K> {
        self.cut(None)
    }

    fn cut(&mut self, next: Option<K>) -> Page<T, K> {
        Page { rows: std::mem::take(&mut self.rows), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The page after a key, out of candidates that count down; multiples of `every` are wanted.
    fn page(after: usize, limit: usize, every: usize) -> Page<usize, usize> {
        let mut gathering = Gathering::new(limit);
        for key in (0..after).rev() {
            if let Some(page) = gathering.add(key, key.is_multiple_of(every).then_some(key)) {
                return page;
            }
        }
        gathering.end()
    }

    proptest! {
        #[test]
        fn pages_neither_skip_nor_repeat(most in 0_usize..20_000, limit in 1_usize..9_000, every in 1_usize..9_000) {
            let mut seen = Vec::new();
            let mut after = Some(most);
            while let Some(from) = after {
                let page = page(from, limit, every);
                prop_assert!(page.rows.len() <= limit);
                prop_assert!(page.next.is_none_or(|next| next < from && from - next <= MOST_LOOKED_AT));
                seen.extend(page.rows);
                after = page.next;
            }
            let wanted: Vec<_> = (0..most).rev().filter(|key| key.is_multiple_of(every)).collect();
            prop_assert_eq!(seen, wanted);
        }
    }
}
