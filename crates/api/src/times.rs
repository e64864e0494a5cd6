//! Times in requests: RFC 3339 with any offset.

use stayhook_core::UnixMs;

use crate::fields::Wrong;

/// Reads a time.
pub(crate) fn read(text: &str) -> Result<UnixMs, Wrong> {
    UnixMs::parse_rfc3339(text)
        .ok_or(Wrong::Borrowed("must be a time by RFC 3339 such as 2026-05-27T16:40:00Z"))
}
