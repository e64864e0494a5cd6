//! Needs the crates `hmac` 0.13 and `sha2` 0.11.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const TOLERANCE_SECONDS: u64 = 300;

/// Whether a webhook's request is genuine and fresh.
///
/// `secret` is the whole text, `whsec_` included; `headers` have names in lower case; `body` is the
/// raw bytes, before any JSON parser; `now` is in Unix seconds.
pub fn verify(secret: &str, headers: &HashMap<String, String>, body: &[u8], now: i64) -> bool {
    let header = |name: &str| headers.get(name).map_or("", String::as_str);
    let timestamp = header("nowistay-webhook-timestamp");
    let event_id = header("nowistay-webhook-event-id");
    if timestamp.len() > 12 || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(sent) = timestamp.parse::<i64>() else { return false };
    // No id has a dot: with one, bytes of the body could pass for bytes of the id.
    if now.abs_diff(sent) > TOLERANCE_SECONDS || event_id.is_empty() || event_id.contains('.') {
        return false;
    }

    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(format!("{timestamp}.{event_id}.").as_bytes());
    mac.update(body);
    // While a secret is rotated, the second header is signed with the new one.
    ["nowistay-webhook-signature", "nowistay-webhook-signature-next"].into_iter().any(|name| {
        let digest = header(name).strip_prefix("v1=").and_then(read_hex);
        // Compares in constant time.
        digest.is_some_and(|digest| mac.clone().verify_slice(&digest).is_ok())
    })
}

/// Reads hexadecimal digits in lower case.
fn read_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
