//! Simulated time. One true time, and a wall clock for each node that may be wrong about it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use stayhook_core::UnixMs;
use stayhook_engine::Clock;

/// When every simulation begins: the reference's example time.
pub(crate) const START: UnixMs = UnixMs(1_779_900_000_000);

/// The face that shows the true time; nodes have those from 1 on.
pub(crate) const TRUE: usize = 0;

/// All clocks of a simulation.
pub(crate) struct Timeline {
    inner: Mutex<Inner>,
    /// Grows with everything that happens: who sees it stand still sees that all is quiet.
    pulse: AtomicU64,
}

struct Inner {
    now: UnixMs,
    sleeps: u64,
    faces: Vec<Face>,
}

/// A clock, and who sleeps by it.
#[derive(Default)]
struct Face {
    /// How far it is ahead of the true time.
    offset: i64,
    /// Nobody looks at it: its node does not run.
    stopped: bool,
    sleepers: BTreeMap<(UnixMs, u64), Waker>,
}

impl Timeline {
    pub(crate) fn new(nodes: usize) -> Arc<Self> {
        let faces = (0..=nodes).map(|_| Face::default()).collect();
        let inner = Mutex::new(Inner { now: START, sleeps: 0, faces });
        Arc::new(Self { inner, pulse: AtomicU64::new(0) })
    }

    pub(crate) fn now(&self) -> UnixMs {
        self.lock().now
    }

    /// What the clock of that face shows.
    pub(crate) fn shown(&self, face: usize) -> UnixMs {
        let inner = self.lock();
        UnixMs(inner.now.0 + inner.faces[face].offset)
    }

    /// The clock of that face is set.
    pub(crate) fn step(&self, face: usize, by: i64) {
        self.lock().faces[face].offset += by;
        self.wake_due();
    }

    /// A node stops, or runs again.
    pub(crate) fn stop(&self, face: usize, stopped: bool) {
        self.lock().faces[face].stopped = stopped;
        self.wake_due();
    }

    /// When the next of those who sleep has to wake, by the true time.
    pub(crate) fn next(&self) -> Option<UnixMs> {
        let inner = self.lock();
        let running = inner.faces.iter().filter(|it| !it.stopped);
        let first = |face: &Face| face.sleepers.keys().next().map(|(at, _)| UnixMs(at.0 - face.offset));
        running.filter_map(first).min()
    }

    /// The true time moves on.
    pub(crate) fn advance(&self, to: UnixMs) {
        {
            let mut inner = self.lock();
            assert!(inner.now <= to, "true time never goes back");
            inner.now = to;
        }
        self.wake_due();
    }

    /// Wakes whose time has come, in order.
    fn wake_due(&self) {
        let mut due = Vec::new();
        {
            let mut inner = self.lock();
            let now = inner.now;
            for face in inner.faces.iter_mut().filter(|it| !it.stopped) {
                while let Some(first) = face.sleepers.first_entry() {
                    let (at, number) = *first.key();
                    let at = UnixMs(at.0 - face.offset);
                    if at > now {
                        break;
                    }
                    due.push((at, number, first.remove()));
                }
            }
        }
        due.sort_by_key(|(at, number, _)| (*at, *number));
        for (_, _, waker) in due {
            self.beat();
            waker.wake();
        }
    }

    /// Something happened.
    pub(crate) fn beat(&self) {
        self.pulse.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn pulse(&self) -> u64 {
        self.pulse.load(Ordering::Relaxed)
    }

    /// Ends when the clock of that face shows `at`.
    pub(crate) fn sleep(self: &Arc<Self>, face: usize, at: UnixMs) -> Sleep {
        Sleep { timeline: Arc::clone(self), face, at, number: None }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Sleep {
    timeline: Arc<Timeline>,
    face: usize,
    at: UnixMs,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (face, at) = (self.face, self.at);
        let timeline = Arc::clone(&self.timeline);
        let mut inner = timeline.lock();
        if UnixMs(inner.now.0 + inner.faces[face].offset) >= at {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            inner.sleeps += 1;
            inner.sleeps
        });
        inner.faces[face].sleepers.insert((at, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.timeline.lock().faces[self.face].sleepers.remove(&(self.at, number));
        }
    }
}

/// The clock as one node sees it.
pub(crate) struct NodeClock {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) face: usize,
}

impl Clock for NodeClock {
    fn now(&self) -> UnixMs {
        self.timeline.shown(self.face)
    }

    fn monotonic(&self) -> Duration {
        self.timeline.now().since(UnixMs(0)).as_duration()
    }

    fn sleep_until(&self, at: UnixMs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.timeline.sleep(self.face, at))
    }
}
