//! The known key that somebody most likely meant.

/// Of `known`, the key nearest to `given`; both are `section.key`. What stands after the dot
/// counts more than the section, since a right key in a wrong section is the likelier mistake.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (section, key) = split(given);
    known.min_by_key(|candidate| {
        let (known_section, known_key) = split(candidate);
        2 * edits(key, known_key) + edits(section, known_section).min(3)
    })
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('.').unwrap_or(("", path))
}

/// The Levenshtein distance: how many characters to insert, delete or replace.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("timeout", "timout"), 1);
    }

    #[test]
    fn finds_what_was_meant() {
        let known =
            ["delivery.timeout", "delivery.concurrency", "retry.cap", "egress.allow", "server.listen"];
        let meant = |given| nearest(given, known.into_iter());
        assert_eq!(meant("delivery.timout"), Some("delivery.timeout"));
        assert_eq!(meant("delivry.timeout"), Some("delivery.timeout"));
        assert_eq!(meant("retry.timeout"), Some("delivery.timeout"));
        assert_eq!(meant("listen"), Some("server.listen"));
        assert_eq!(meant("egress.allowed"), Some("egress.allow"));
    }
}
