//! Whole milliseconds, because both databases store them the same way.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// A point in time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub i64);

/// A length of time in milliseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Nothing, or no digits at the start.
    #[error("a duration is a whole number and a unit, such as 500ms, 10s, 1m, 6h or 30d")]
    NoNumber,
    /// A number without a unit, or with one that is not known.
    #[error("a duration needs one of the units ms, s, m, h, d: write 10s, not 10")]
    NoUnit,
    /// More milliseconds than fit.
    #[error("a duration this long cannot be represented")]
    TooLong,
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `n` milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(n)
    }

    /// A span of `n` seconds.
    pub const fn seconds(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// A span of `n` minutes.
    pub const fn minutes(n: u64) -> Self {
        Self::seconds(n.saturating_mul(60))
    }

    /// A span of `n` hours.
    pub const fn hours(n: u64) -> Self {
        Self::minutes(n.saturating_mul(60))
    }

    /// A span of `n` days of 24 hours.
    pub const fn days(n: u64) -> Self {
        Self::hours(n.saturating_mul(24))
    }

    /// The span as whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The span for APIs of the standard library.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// A span from a measured duration, cut to whole milliseconds.
    pub fn from_duration(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// The span `n` times over; stops at the longest.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// The `n`-th part of the span, rounded down; `n` of zero counts as one.
    #[must_use]
    pub const fn part(self, n: u64) -> Self {
        Self(self.0 / if n == 0 { 1 } else { n })
    }

    /// Reads `500ms`, `10s`, `1m`, `6h`, `30d`: a whole number and a unit.
    ///
    /// # Errors
    /// When the number or the unit is missing, or the span does not fit.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(SpanError::NoNumber);
        }
        let scale: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(SpanError::NoUnit),
        };
        let number: u64 = number.parse().map_err(|_| SpanError::TooLong)?;
        let millis = number.checked_mul(scale).ok_or(SpanError::TooLong)?;
        // Points in time are signed: a span that does not fit one cannot be added to any.
        if millis > i64::MAX as u64 { Err(SpanError::TooLong) } else { Ok(Self(millis)) }
    }
}

/// The largest unit that divides the span: `90s`, `1m`, `6h`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match self.0 {
            0 => (0, "s"),
            ms if ms % 86_400_000 == 0 => (ms / 86_400_000, "d"),
            ms if ms % 3_600_000 == 0 => (ms / 3_600_000, "h"),
            ms if ms % 60_000 == 0 => (ms / 60_000, "m"),
            ms if ms % 1_000 == 0 => (ms / 1_000, "s"),
            ms => (ms, "ms"),
        };
        write!(f, "{number}{unit}")
    }
}

impl UnixMs {
    /// This instant moved into the future; stops at the end of time.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// This instant moved into the past; stops at the beginning of time.
    #[must_use]
    pub fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }

    /// How long ago `earlier` was; zero when it is still ahead.
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// RFC 3339 in UTC with whole seconds: `2026-05-27T16:40:00Z`.
    pub fn rfc3339_seconds(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// RFC 3339 in UTC with milliseconds: `2026-05-27T16:40:00.000Z`.
    pub fn rfc3339_millis(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Reads an RFC 3339 date and time with any offset; `None` when it is none. The year has
    /// four digits, in UTC too: what is read here can be written again.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let year_and_t = text.len() > 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T';
        let at = DateTime::parse_from_rfc3339(text).ok().filter(|_| year_and_t)?;
        let at = Self(at.timestamp_millis());
        (Self::YEAR_0..Self::YEAR_10000).contains(&at).then_some(at)
    }

    /// 0000-01-01T00:00:00Z
    const YEAR_0: Self = Self(-62_167_219_200_000);
    /// 10000-01-01T00:00:00Z
    const YEAR_10000: Self = Self(253_402_300_800_000);

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(Span::parse("500ms"), Ok(Span::millis(500)));
        assert_eq!(Span::parse("30d"), Ok(Span::days(30)));
        assert_eq!(Span::parse("10"), Err(SpanError::NoUnit));
        assert_eq!(Span::parse(""), Err(SpanError::NoNumber));
        assert_eq!(Span::parse("-1s"), Err(SpanError::NoNumber));
        assert_eq!(Span::parse("1.5s"), Err(SpanError::NoUnit));
        assert_eq!(Span::parse("99999999999999999999d"), Err(SpanError::TooLong));
    }

    #[test]
    fn times_are_written_as_the_reference_writes_them() {
        let at = UnixMs(1_779_900_000_123);
        assert_eq!(at.rfc3339_seconds(), "2026-05-27T16:40:00Z");
        assert_eq!(at.rfc3339_millis(), "2026-05-27T16:40:00.123Z");
        assert_eq!(UnixMs::parse_rfc3339("2026-05-27T18:40:00.123+02:00"), Some(at));
        assert_eq!(UnixMs::parse_rfc3339("2026-05-27"), None);
    }

    #[test]
    fn times_are_read_by_rfc_3339_and_nothing_else() {
        for (good, read) in [
            ("0000-01-01T00:00:00Z", UnixMs::YEAR_0),
            ("9999-12-31T23:59:59.999Z", UnixMs(UnixMs::YEAR_10000.0 - 1)),
            ("1970-01-01T01:00:00.0019+01:00", UnixMs(1)),
            ("1969-12-31T23:59:59-00:00", UnixMs(-1_000)),
        ] {
            assert_eq!(UnixMs::parse_rfc3339(good), Some(read), "{good}");
        }
        for bad in [
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "10000-01-01T00:00:00Z",
            "+2026-05-27T16:40:00Z",
            "-0001-05-27T16:40:00Z",
            "2026-05-27 16:40:00Z",
            "2026-05-27t16:40:00Z",
            "2026-05-27T16:40:00",
            "2026-05-27T16:40Z",
            "2026-02-30T16:40:00Z",
            "２026-05-27T16:40:00Z",
            "",
        ] {
            assert_eq!(UnixMs::parse_rfc3339(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_times_never_panics(text in "[0-9T:Z.+-]{0,30}|.{0,30}") {
            let _ = UnixMs::parse_rfc3339(&text);
        }

        #[test]
        fn written_times_read_back(ms in UnixMs::YEAR_0.0..UnixMs::YEAR_10000.0) {
            prop_assert_eq!(UnixMs::parse_rfc3339(&UnixMs(ms).rfc3339_millis()), Some(UnixMs(ms)));
        }

        #[test]
        fn printed_spans_read_back(ms in 0..i64::MAX as u64) {
            let span = Span::millis(ms);
            prop_assert_eq!(Span::parse(&span.to_string()), Ok(span));
        }

        #[test]
        fn arithmetic_never_overflows(a: i64, b: u64) {
            let moved = UnixMs(a).after(Span::millis(b));
            prop_assert!(UnixMs(a) <= moved);
            prop_assert!(UnixMs(a).before(Span::millis(b)) <= UnixMs(a));
        }
    }
}
