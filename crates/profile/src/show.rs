//! A profile as TOML text.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::read::is_bare;

/// Writes a profile's tables one below the other, and everything inside them in one line each:
/// tables of their own would move behind the other members of a body, whose order counts.
pub(crate) fn write(profile: &Table) -> String {
    let mut text = String::new();
    let (tables, values): (Vec<_>, Vec<_>) = profile.iter().partition(|(_, value)| value.is_table());
    values.into_iter().for_each(|(key, value)| write_pair(&mut text, key, value));
    for (key, value) in tables {
        let Value::Table(table) = value else { continue };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n[{}]", written_key(key));
        table.iter().for_each(|(key, value)| write_pair(&mut text, key, value));
    }
    text
}

fn write_pair(text: &mut String, key: &str, value: &Value) {
    let _ = writeln!(text, "{} = {value}", written_key(key));
}

/// A key, in quotes where TOML wants them.
fn written_key(key: &str) -> String {
    if is_bare(key) {
        return key.to_owned();
    }
    let mut quoted = String::from('"');
    for character in key.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => _ = write!(quoted, "\\u{:04x}", u32::from(character)),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_survives() {
        let text = "method = \"POST\"\n\n[body]\nenvelope = { n = { b = 1, a = 2 }, data = \"{data}\" }\n\n[\"x.y\"]\na = false\n";
        let table: Table = text.parse().unwrap();
        assert_eq!(write(&table), text);
    }

    proptest! {
        #[test]
        fn any_key_and_text_reads_back(key: String, text: String, inner: String) {
            let table = Table::from_iter([(key, Value::Table(Table::from_iter([(inner, Value::from(text))])))]);
            prop_assert_eq!(write(&table).parse::<Table>().unwrap(), table);
        }
    }
}
