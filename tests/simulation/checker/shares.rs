//! No webhook, and no node, has more in flight than it may (rule 10).

use std::collections::BTreeMap;

use super::book::Book;
use super::{Violation, violation};
use crate::history::What;

pub(super) fn check(book: &Book<'_>) -> Vec<Violation> {
    let settings = &book.plan.settings;
    let mut found = Vec::new();
    let mut of_node: BTreeMap<usize, usize> = BTreeMap::new();
    let mut of_webhook = BTreeMap::new();
    for (place, entry) in book.entries.iter().enumerate() {
        match &entry.what {
            What::Sent(sent) => {
                let all = of_node.entry(entry.node).or_default();
                *all += 1;
                let own = of_webhook.entry((entry.node, sent.webhook)).or_insert(0);
                *own += 1;
                if *all > settings.concurrency {
                    found.push(violation(
                        "rule 10: too many in flight",
                        place,
                        format!("{all} at node {}", entry.node),
                    ));
                }
                if *own > settings.per_webhook {
                    found.push(violation("rule 10: more than its share", place, format!("{own}, {sent:?}")));
                }
            }
            What::Ended { send, .. } | What::Lost { send } => {
                let webhook = book.flights[*send].sent.webhook;
                *of_node.entry(entry.node).or_default() -= 1;
                *of_webhook.entry((entry.node, webhook)).or_default() -= 1;
            }
            _ => {}
        }
    }
    found
}
