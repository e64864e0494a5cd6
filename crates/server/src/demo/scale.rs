//! Time in the demo: what takes a minute in production takes a fifth of a second here.

use stayhook_core::{Backoff, Span};

/// So many times faster than production.
const FASTER: u64 = 300;

/// How long one attempt may take. The one span that is not to scale: a receiver on a busy machine
/// needs its time.
pub(crate) const ATTEMPT_TIMEOUT: Span = Span::seconds(1);

/// How long a span of production lasts here.
pub(crate) fn scaled(real: Span) -> Span {
    real.part(FASTER)
}

/// The documented backoff, to scale.
pub(crate) fn backoff() -> Backoff {
    let real = Backoff::default();
    Backoff { base: scaled(real.base), cap: scaled(real.cap), ..real }
}

/// What a span of the demo stands for: `54 s`, `1.9 min`, `1.2 h`.
pub(crate) fn real(span: Span) -> String {
    let seconds = span.times(FASTER).as_millis() as f64 / 1_000.0;
    match seconds {
        ..60.0 => format!("{seconds:.0} s"),
        60.0..3_600.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

/// How long the demo has run: `0.3 s`, `12.4 s`.
pub(crate) fn running(span: Span) -> String {
    format!("{:.1} s", span.as_millis() as f64 / 1_000.0)
}

/// A span of the demo as it is: `0.19 s`, `12.40 s`.
pub(crate) fn here(span: Span) -> String {
    format!("{:.2} s", span.as_millis() as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_the_documented_one_to_scale() {
        let waits: Vec<u64> = (1..=11).map(|n| backoff().without_jitter(n).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 72_000, 72_000]);
        assert_eq!(scaled(Span::hours(72)), Span::seconds(864));
    }

    #[test]
    fn spans_are_shown_as_they_are_and_as_what_they_stand_for() {
        let shown = |ms| (here(Span::millis(ms)), real(Span::millis(ms)));
        assert_eq!(shown(190), ("0.19 s".into(), "57 s".into()));
        assert_eq!(shown(380), ("0.38 s".into(), "1.9 min".into()));
        assert_eq!(shown(12_400), ("12.40 s".into(), "1.0 h".into()));
    }
}
