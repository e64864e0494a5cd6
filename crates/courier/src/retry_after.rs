//! `Retry-After` (RFC 9110, section 10.2.3): seconds, or an HTTP date.

use std::time::UNIX_EPOCH;

use stayhook_core::{Span, UnixMs};

/// The longest wait that is taken at its word. Whoever asks for more gets this much.
const LONGEST: Span = Span::days(30);

/// Reads a header's value at the moment `now`. `None` where it is neither a whole number of seconds nor
/// a date; a date that has passed asks for no wait.
pub(crate) fn parse(value: &str, now: UnixMs) -> Option<Span> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds is a long time, not nonsense.
        Span::seconds(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
        UnixMs(i64::try_from(date.as_millis()).unwrap_or(i64::MAX)).since(now)
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-05-27T16:40:00Z
    const NOW: UnixMs = UnixMs(1_779_900_000_000);

    #[test]
    fn seconds_and_dates_are_understood() {
        let table = [
            ("0", Some(Span::ZERO)),
            ("120", Some(Span::seconds(120))),
            (" 7 ", Some(Span::seconds(7))),
            ("Wed, 27 May 2026 16:45:00 GMT", Some(Span::minutes(5))),
            ("Wednesday, 27-May-26 16:45:00 GMT", Some(Span::minutes(5))),
            ("Wed May 27 16:45:00 2026", Some(Span::minutes(5))),
            ("Wed, 27 May 2026 16:00:00 GMT", Some(Span::ZERO)),
        ];
        for (value, wait) in table {
            assert_eq!(parse(value, NOW), wait, "{value}");
        }
    }

    #[test]
    fn absurd_values_are_bounded_or_ignored() {
        for bounded in ["99999999", "18446744073709551616", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(parse(bounded, NOW), Some(LONGEST), "{bounded}");
        }
        for ignored in ["", "-1", "+1", "1.5", "1e9", "inf", "NaN", "soon", "2026-05-27T16:45:00Z", "１２"]
        {
            assert_eq!(parse(ignored, NOW), None, "{ignored}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(value: String, now: i64) {
            if let Some(wait) = parse(&value, UnixMs(now)) {
                prop_assert!(wait <= LONGEST);
            }
        }
    }
}
