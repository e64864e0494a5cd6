//! Turns of clients within one claim.

use std::collections::HashMap;

/// At most so many webhooks of one client have a turn in one claim; room that is left then goes
/// to those that wait longest.
pub(crate) const EACH: usize = 4;

/// A webhook that has something due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) webhook: i64,
    pub(crate) client: String,
}

/// The clients from the one after `last` on, and around: ranges of names, each from its first up
/// to before its second. Names have no control characters.
pub(crate) fn ranges(last: Option<&str>) -> Vec<(String, Option<String>)> {
    match last {
        None => vec![(String::new(), None)],
        Some(last) => {
            let next = format!("{last}\u{1}");
            vec![(next.clone(), None), (String::new(), Some(next))]
        }
    }
}

/// Picks at most `most` of the candidates, which come client by client: the first of each client
/// before the second of any. Also says which client's turn was the last.
pub(crate) fn pick(candidates: Vec<Candidate>, most: usize) -> (Vec<i64>, Option<String>) {
    let mut turns: HashMap<String, usize> = HashMap::new();
    let mut ordered: Vec<(usize, Candidate)> = Vec::with_capacity(candidates.len());
    for it in candidates {
        let turn = turns.entry(it.client.clone()).or_insert(0);
        ordered.push((*turn, it));
        *turn += 1;
    }
    ordered.sort_by_key(|(turn, _)| *turn);
    ordered.truncate(most);
    let last = ordered.iter().rev().find(|(turn, _)| *turn == 0).map(|(_, it)| it.client.clone());
    (ordered.into_iter().map(|(_, it)| it.webhook).collect(), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(webhook: i64, client: &str) -> Candidate {
        Candidate { webhook, client: client.to_owned() }
    }

    #[test]
    fn everybody_comes_before_anybody_comes_twice() {
        let all = || vec![candidate(1, "a"), candidate(2, "a"), candidate(3, "b"), candidate(4, "c")];
        assert_eq!(pick(all(), 4), (vec![1, 3, 4, 2], Some("c".to_owned())));
        assert_eq!(pick(all(), 2), (vec![1, 3], Some("b".to_owned())));
    }

    #[test]
    fn turns_go_around() {
        let in_order = |last: Option<&str>| {
            let within = |name: &str, (from, until): &(String, Option<String>)| {
                name >= from.as_str() && until.as_deref().is_none_or(|until| name < until)
            };
            let ranges = ranges(last);
            let names = ranges.iter().flat_map(|range| {
                ["", "a", "b", "ba"].into_iter().filter(|it| within(it, range)).collect::<Vec<_>>()
            });
            names.collect::<Vec<_>>()
        };
        assert_eq!(in_order(None), ["", "a", "b", "ba"]);
        assert_eq!(in_order(Some("b")), ["ba", "", "a", "b"]);
    }
}
