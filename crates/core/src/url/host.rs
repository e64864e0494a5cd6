//! Which hosts may receive webhooks: public names, and public addresses in canonical form.

use std::net::IpAddr;

use super::{Host, UrlError};
use crate::AddressRules;

/// A host that passed.
pub(super) enum Owned {
    Name(Box<str>),
    Ip(IpAddr),
}

impl Owned {
    pub(super) fn as_ref(&self) -> Host<'_> {
        match self {
            Self::Name(name) => Host::Name(name),
            Self::Ip(address) => Host::Ip(*address),
        }
    }
}

/// Judges the parsed host; `raw` is the same host as written.
pub(super) fn judge(
    parsed: Option<&url::Host<&str>>,
    raw: &str,
    rules: &AddressRules,
) -> Result<Owned, UrlError> {
    match parsed {
        Some(url::Host::Domain(name)) => judge_name(name).map(|name| Owned::Name(name.into())),
        Some(url::Host::Ipv4(address)) => judge_address((*address).into(), raw, rules),
        Some(url::Host::Ipv6(address)) => {
            let inside = raw.strip_prefix('[').and_then(|raw| raw.strip_suffix(']'));
            judge_address((*address).into(), inside.unwrap_or_default(), rules)
        }
        None => Err(UrlError::NotAbsolute),
    }
}

fn judge_address(address: IpAddr, raw: &str, rules: &AddressRules) -> Result<Owned, UrlError> {
    rules.judge(address).map_err(UrlError::PrivateAddress)?;
    // `134744072` and `0x8.8.8.8` say 8.8.8.8 to some readers and something else to others.
    if raw == address.to_string() { Ok(Owned::Ip(address)) } else { Err(UrlError::NonCanonicalIp(address)) }
}

/// The name without its final dot.
fn judge_name(name: &str) -> Result<&str, UrlError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(UrlError::HostName);
    }
    let mut from_the_right = name.rsplit('.');
    let top = from_the_right.next().unwrap_or_default();
    if ["localhost", "local", "internal"].contains(&top) {
        return Err(UrlError::LocalName);
    }
    if from_the_right.next().is_none() {
        return Err(UrlError::SingleLabel);
    }
    Ok(name)
}

/// Underscores are no part of host names, but in use: `my_app.example.com`.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
