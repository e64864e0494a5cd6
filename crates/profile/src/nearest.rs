//! The known name that somebody most likely meant.

/// `: did you mean `x`?` with the known name nearest to `given`; nothing where none is near.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // A stranger's key may be long: comparing it with anything would only cost time.
    if given.len() > 64 {
        return String::new();
    }
    let near = known
        .into_iter()
        .map(|name| (edits(given, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(3) / 2)
        .min_by_key(|(distance, _)| *distance);
    near.map(|(_, name)| format!(": did you mean `{name}`?")).unwrap_or_default()
}

/// The Levenshtein distance, without regard to case.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
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
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["status_policy", "headers", "method"];
        assert_eq!(did_you_mean("header", known), ": did you mean `headers`?");
        assert_eq!(did_you_mean("statusPolicy", known), ": did you mean `status_policy`?");
        assert_eq!(did_you_mean("xyz", known), "");
        assert_eq!(did_you_mean(&"h".repeat(65), known), "");
    }
}
