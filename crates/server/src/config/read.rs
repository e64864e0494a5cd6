//! Readers: what a setting may look like, each with what to say when it does not.
//!
//! A setting comes from a file as a TOML value, from the environment or a flag as text. Where
//! text is wanted, the text is taken as it is; anything else is read from it as TOML would be.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use stayhook_core::{Ratio, Span};
use url::Url;
use zeroize::Zeroizing;

use super::Role;

/// A setting as it was written.
#[derive(Clone)]
pub(super) enum Given {
    /// In a file.
    Toml(toml::Value),
    /// In an environment variable or a flag.
    Text(String),
}

/// What is wrong with a setting: what was expected instead.
type Read<T> = Result<T, String>;

/// Text that is not empty.
pub(super) fn text(given: &Given, expected: &str) -> Read<String> {
    let text = match given {
        Given::Text(text) | Given::Toml(toml::Value::String(text)) => text,
        Given::Toml(_) => return Err(format!("expected {expected}, in quotes")),
    };
    if text.trim().is_empty() {
        return Err(format!("is empty: expected {expected}; leave the key out for its default"));
    }
    Ok(text.clone())
}

/// Text that must not be printed.
pub(super) fn secret(given: &Given, expected: &str) -> Read<Zeroizing<String>> {
    text(given, expected).map(Zeroizing::new)
}

/// The path of a file.
pub(super) fn path(given: &Given) -> Read<PathBuf> {
    text(given, "the path of a file").map(PathBuf::from)
}

/// An address to listen on, or to ask.
pub(super) fn address(given: &Given) -> Read<SocketAddr> {
    const EXPECTED: &str = "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    parsed(&text(given, EXPECTED)?, EXPECTED)
}

/// A DNS server.
pub(super) fn nameserver(given: &Given) -> Read<SocketAddr> {
    const EXPECTED: &str = "the IP address and port of a DNS server, such as 9.9.9.9:53";
    parsed(&text(given, EXPECTED)?, EXPECTED)
}

/// A network of addresses.
pub(super) fn network(given: &Given) -> Read<IpNet> {
    const EXPECTED: &str = "a network in CIDR form, such as 10.1.0.0/16 or ::1/128";
    parsed(&text(given, EXPECTED)?, EXPECTED)
}

/// A role of a node.
pub(super) fn role(given: &Given) -> Read<Role> {
    const EXPECTED: &str = "one of \"api\", \"worker\", \"maintenance\"";
    let name = text(given, EXPECTED)?;
    Role::ALL
        .into_iter()
        .find(|role| role.as_str() == name)
        .ok_or_else(|| format!("{name:?} is no role: expected {EXPECTED}"))
}

/// A URL of the operator's own: it is not bound by the rules for webhooks.
pub(super) fn operator_url(given: &Given) -> Read<String> {
    const EXPECTED: &str = "an absolute URL, such as https://auth.example.com/path";
    let text = text(given, EXPECTED)?;
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text),
        _ => Err(format!("expected {EXPECTED}")),
    }
}

/// A length of time that is not zero.
pub(super) fn span(given: &Given) -> Read<Span> {
    let text = match given {
        Given::Toml(toml::Value::Integer(number)) => number.to_string(),
        other => text(other, "a duration such as 500ms, 10s, 1m, 6h or 30d")?,
    };
    match Span::parse(&text) {
        Ok(Span::ZERO) => Err("must be longer than nothing, such as 500ms or 10s".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}

/// A number of bytes: `512B`, `64KiB`, `1MiB`.
pub(super) fn size(given: &Given, range: RangeInclusive<u64>) -> Read<usize> {
    let expected =
        || format!("a size from {} to {}, such as 64KiB or 1MiB", bytes(*range.start()), bytes(*range.end()));
    let text = match given {
        Given::Toml(toml::Value::Integer(number)) => number.to_string(),
        other => text(other, &expected())?,
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return Err(format!("a size needs one of the units B, KiB, MiB: expected {}", expected())),
    };
    let size = number.parse().ok().and_then(|number: u64| number.checked_mul(scale));
    size.filter(|size| range.contains(size))
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| format!("expected {}", expected()))
}

/// A whole number.
pub(super) fn whole<T: TryFrom<i64>>(given: &Given, range: RangeInclusive<i64>) -> Read<T> {
    let expected = || format!("expected a whole number from {} to {}", range.start(), range.end());
    match literal(given, &expected())? {
        toml::Value::Integer(number) if range.contains(&number) => {
            T::try_from(number).map_err(|_| expected())
        }
        _ => Err(expected()),
    }
}

/// `true` or `false`.
pub(super) fn yes_or_no(given: &Given) -> Read<bool> {
    const EXPECTED: &str = "expected true or false";
    literal(given, EXPECTED)?.as_bool().ok_or_else(|| EXPECTED.to_owned())
}

/// A decimal number with at most three decimals, within a range of thousandths.
pub(super) fn ratio(given: &Given, range: RangeInclusive<u32>) -> Read<Ratio> {
    let [low, high] = [range.start(), range.end()].map(|bound| f64::from(*bound) / 1_000.0);
    let expected = || format!("expected a number from {low} to {high} with at most three decimals");
    let number = match literal(given, &expected())? {
        toml::Value::Float(number) => number,
        // Beyond 32 bits it is out of range anyway.
        toml::Value::Integer(number) => f64::from(i32::try_from(number).map_err(|_| expected())?),
        _ => return Err(expected()),
    };
    let thousandths = (number * 1_000.0).round();
    let exact = (number * 1_000.0 - thousandths).abs() < 1e-6;
    // Not a number is in no range.
    if !exact || !(f64::from(*range.start())..=f64::from(*range.end())).contains(&thousandths) {
        return Err(expected());
    }
    Ok(Ratio(thousandths as u32))
}

/// A list, each of its entries read by `one`.
pub(super) fn list<T>(given: &Given, one: fn(&Given) -> Read<T>, example: &str) -> Read<Vec<T>> {
    let expected = || format!("expected a list, such as {example}");
    match literal(given, &expected())? {
        toml::Value::Array(entries) => entries.into_iter().map(|entry| one(&Given::Toml(entry))).collect(),
        _ => Err(expected()),
    }
}

/// The TOML value; text is read as one.
pub(super) fn literal(given: &Given, expected: &str) -> Read<toml::Value> {
    let text = match given {
        Given::Toml(value) => return Ok(value.clone()),
        Given::Text(text) => text,
    };
    if text.trim().is_empty() {
        return Err(format!("is empty: {expected}; leave the key out for its default"));
    }
    // A second line could smuggle in a second key: whoever wrote that meant something else.
    let table = format!("value = {text}").parse::<toml::Table>();
    match table.map(|mut table| (table.remove("value"), table.is_empty())) {
        Ok((Some(value), true)) => Ok(value),
        _ => Err(expected.to_owned()),
    }
}

fn parsed<T: FromStr>(text: &str, expected: &str) -> Read<T> {
    text.parse().map_err(|_| format!("expected {expected}"))
}

fn bytes(number: u64) -> String {
    match number {
        n if n % (1024 * 1024) == 0 => format!("{}MiB", n / (1024 * 1024)),
        n if n % 1024 == 0 => format!("{}KiB", n / 1024),
        n => format!("{n}B"),
    }
}
