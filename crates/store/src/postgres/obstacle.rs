//! What others stand in the way of: it is tried again after a while, and then after longer, since
//! each try makes those queue who only want to write.

use stayhook_core::{Span, UnixMs};

/// Between the first two tries, and the longest between any two.
const WAITS: [Span; 2] = [Span::seconds(5), Span::minutes(5)];
/// When it has lasted for so long, somebody should know.
const LONG: Span = Span::minutes(5);

/// Tries that failed in a row.
#[derive(Debug, Default)]
pub(super) struct Obstacle(Option<Tries>);

#[derive(Debug)]
struct Tries {
    since: UnixMs,
    next: UnixMs,
    wait: Span,
    told: bool,
}

impl Obstacle {
    /// When it may be tried again; `None`: at once.
    pub(super) fn until(&self) -> Option<UnixMs> {
        self.0.as_ref().map(|tries| tries.next)
    }

    /// Whether it may be tried.
    pub(super) fn may_try(&self, now: UnixMs) -> bool {
        self.until().is_none_or(|until| until <= now)
    }

    /// It was tried in vain. Returns since when, if it is time to tell: once.
    pub(super) fn met(&mut self, now: UnixMs) -> Option<UnixMs> {
        let tries = self.0.get_or_insert(Tries { since: now, next: now, wait: WAITS[0], told: false });
        tries.next = now.after(tries.wait);
        tries.wait = tries.wait.times(2).min(WAITS[1]);
        let tell = !tries.told && now.since(tries.since) >= LONG;
        tries.told |= tell;
        tell.then_some(tries.since)
    }

    /// It is out of the way. Returns whether that is news for somebody who was told of it.
    pub(super) fn passed(&mut self) -> bool {
        self.0.take().is_some_and(|tries| tries.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_less_and_less_often_and_told_once() {
        let mut obstacle = Obstacle::default();
        let start = UnixMs(1_000_000);
        let (mut now, mut tries, mut told) = (start, 0, Vec::new());
        while now < start.after(Span::hours(1)) {
            assert!(obstacle.may_try(now) && !obstacle.may_try(now.before(Span::millis(1))) || tries == 0);
            if let Some(since) = obstacle.met(now) {
                told.push((since, now));
            }
            tries += 1;
            now = obstacle.until().unwrap();
        }
        assert_eq!(tries, 17);
        assert_eq!(told, [(start, start.after(Span::seconds(315)))]);
        assert!(obstacle.passed() && obstacle.may_try(start) && !obstacle.passed());
    }
}
