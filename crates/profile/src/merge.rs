//! A profile that builds on another: tables are merged key by key, and the child wins.

use toml::{Table, Value};

/// What `child` makes of the profile that it builds on.
///
/// Keys keep the places that the parent gave them, new ones come last, so that the order of
/// headers and of members of a body stays readable from the two files.
pub(crate) fn merge(parent: &Table, child: &Table) -> Table {
    merge_at("", parent, child)
}

fn merge_at(path: &str, parent: &Table, child: &Table) -> Table {
    let mut merged = parent.clone();
    for (key, value) in child {
        let key = spelling(path, &merged, key);
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = match (merged.get(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if !is_whole(&here) => {
                Value::Table(merge_at(&here, old, new))
            }
            _ => value.clone(),
        };
        merged.insert(key, value);
    }
    merged
}

/// Names of headers have no case: the parent's spelling finds its own again.
fn spelling(path: &str, merged: &Table, key: &str) -> String {
    let same = |old: &&String| path == "headers" && old.eq_ignore_ascii_case(key);
    merged.keys().find(same).cloned().unwrap_or_else(|| key.to_owned())
}

/// Tables that say one thing, so that half of one and half of another say nothing.
fn is_whole(path: &str) -> bool {
    path.starts_with("status_policy.")
        || matches!(path, "redaction" | "signature.rotation" | "auth.deployment")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(parent: &str, child: &str) -> String {
        let [parent, child] = [parent, child].map(|text| text.parse::<Table>().unwrap());
        Value::Table(merge(&parent, &child)).to_string()
    }

    #[test]
    fn the_child_wins_key_by_key_and_in_the_parents_order() {
        let parent =
            "method = 'POST'\nheaders = { X-A = 'a', X-B = 'b' }\nbody.envelope = { z = '1', a = '2' }";
        let child = "headers = { x-b = false, X-C = 'c' }\nbody.envelope.z = '3'";
        assert_eq!(
            merged(parent, child),
            r#"{ method = "POST", headers = { X-A = "a", X-B = false, X-C = "c" }, body = { envelope = { z = "3", a = "2" } } }"#
        );
    }

    #[test]
    fn what_says_one_thing_is_replaced_as_a_whole() {
        let parent =
            "status_policy = { 409 = { retry_in = '60s' } }\nsignature.rotation = { next_header = 'X' }";
        let child = "status_policy = { 409 = { retry_in = '5s' } }\nsignature.rotation = { several = ' ' }";
        assert_eq!(
            merged(parent, child),
            r#"{ status_policy = { 409 = { retry_in = "5s" } }, signature = { rotation = { several = " " } } }"#
        );
        assert_eq!(merged("signature = { key = 'utf8' }", "signature = 'none'"), r#"{ signature = "none" }"#);
    }
}
