//! What a seed stands for: a deployment, receivers, and what happens to them and when.

use stayhook_core::{Backoff, DisableRule, Held, Ordering, Policy, Ratio, Span};
use stayhook_store::HoldLimits;

use crate::receivers::{Behaviour, Receiver};
use crate::rng::Rng;

/// One simulation, whole: nothing else decides what happens.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    pub(crate) receivers: Vec<Receiver>,
    /// In order of time.
    pub(crate) steps: Vec<Step>,
}

/// The deployment.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) nodes: usize,
    pub(crate) policy: Policy,
    pub(crate) keep: Span,
    pub(crate) hold: HoldLimits,
    pub(crate) timeout: Span,
    pub(crate) concurrency: usize,
    pub(crate) per_webhook: usize,
    /// How long nodes take to hear of one another.
    pub(crate) hearsay: Span,
}

/// Something that happens, so long after the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) number: usize,
    pub(crate) at: Span,
    /// The node that is asked, or meant.
    pub(crate) node: usize,
    pub(crate) what: Happening,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    Asked(Call),
    /// Everything in memory is lost: at once, or at the so-many-th write from now on, before or
    /// after it is done. Another process starts after a while.
    Crash {
        writes: u32,
        before: bool,
        down: Span,
    },
    /// The node is stopped as an operator stops it, and started again after a while.
    Stop {
        down: Span,
    },
    /// The node stands still for a while and goes on as if nothing had been.
    Freeze {
        lasts: Span,
    },
    /// The node's clock is set.
    Step {
        by_ms: i64,
    },
    /// The database does not answer this node.
    Outage {
        lasts: Span,
    },
}

/// What callers of the API ask for. Webhooks are named by the step that created them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Create {
        property: i64,
        receiver: usize,
        events: Events,
        skip_own: bool,
        ordering: Ordering,
        /// Under the profile that gathers updates: see `profiles`.
        gathers: bool,
    },
    Enqueue {
        property: i64,
        kind: &'static str,
        bookings: (u64, u64),
        count: u64,
        key: Option<u64>,
        own: bool,
    },
    Redirect {
        webhook: usize,
        receiver: usize,
    },
    Subscribe {
        webhook: usize,
        events: Events,
    },
    Order {
        webhook: usize,
        ordering: Ordering,
    },
    Pause {
        webhook: usize,
    },
    Resume {
        webhook: usize,
        held: Held,
    },
    Disable {
        webhook: usize,
    },
    Delete {
        webhook: usize,
    },
    Rotate {
        webhook: usize,
        overlap: Span,
    },
    Entitle {
        property: i64,
        entitled: bool,
    },
    /// One of the events so far, by its place from the last.
    Retry {
        webhook: usize,
        back: usize,
    },
    Recover {
        webhook: usize,
        since: Span,
        failed: bool,
        missed: bool,
    },
}

/// What a webhook subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Events {
    All,
    Created,
    CreatedAndUpdated,
}

impl Events {
    pub(crate) fn patterns(self) -> &'static [&'static str] {
        match self {
            Self::All => &["booking.*"],
            Self::Created => &["booking.created"],
            Self::CreatedAndUpdated => &["booking.created", "booking.updated"],
        }
    }
}

/// What the store behind a simulation can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Nodes may share it, die alone, stand still, and disagree about the time.
    Shared,
    /// One process at a time, whose clock counts: what real databases are under a clock that is
    /// moved by hand.
    Alone,
}

const PROPERTIES: i64 = 3;
const KINDS: [&str; 3] = ["booking.created", "booking.updated", "booking.cancelled"];

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64, ground: Ground) -> Self {
        let mut rng = Rng::new(seed);
        let settings = settings(&mut rng, ground);
        let most = if settings.concurrency < 32 { 4 } else { 7 };
        let webhooks = rng.between(2, most);
        let lasts = rng.pick(&[Span::minutes(20), Span::hours(7), Span::days(5), Span::days(16)]);
        let receivers = (0..=webhooks).map(|_| receiver(&mut rng, lasts)).collect();
        let mut steps = first_steps(&mut rng, webhooks);
        let mut now = Span::seconds(1);
        while now < lasts {
            burst(&mut rng, &settings, now, &mut steps);
            now = sum(now, pause(&mut rng, lasts));
        }
        for (number, step) in steps.iter_mut().enumerate() {
            step.number = number;
            step.node = usize::try_from(rng.below(settings.nodes as u64)).unwrap_or(0);
        }
        Self { seed, settings, receivers, steps }
    }
}

pub(crate) fn sum(a: Span, b: Span) -> Span {
    Span::millis(a.as_millis() + b.as_millis())
}

fn settings(rng: &mut Rng, ground: Ground) -> Settings {
    let timeout = Span::seconds(rng.pick(&[8, 10]));
    let policy = if rng.percent(60) { Policy::default() } else { quick_policy(rng) };
    let quiet = Span::millis(2 * policy.backoff.cap.as_millis() + timeout.as_millis());
    let policy = Policy { disable: DisableRule { quiet, ..policy.disable }, ..policy };
    let keeps = [Span::days(30), Span::days(6), Span::days(2), Span::hours(3)];
    Settings {
        nodes: if ground == Ground::Shared && rng.percent(40) { 2 } else { 1 },
        policy,
        keep: rng.pick(&keeps),
        hold: hold(rng),
        timeout,
        concurrency: usize::try_from(rng.pick(&[16, 64])).unwrap_or(64),
        per_webhook: usize::try_from(rng.pick(&[2, 8, 32])).unwrap_or(32),
        hearsay: Span::millis(rng.pick(&[0, 20, 500])),
    }
}

fn hold(rng: &mut Rng) -> HoldLimits {
    HoldLimits {
        max_age: rng.pick(&[Span::hours(72), Span::hours(72), Span::hours(2), Span::minutes(10)]),
        max_events: rng.pick(&[10_000, 10_000, 12, 4]),
    }
}

/// Everything sooner, in the proportions of the default.
fn quick_policy(rng: &mut Rng) -> Policy {
    let base = Span::seconds(rng.pick(&[2, 10]));
    let jitter = Ratio(u32::try_from(rng.pick(&[0, 100, 500])).unwrap_or(0));
    let backoff = Backoff { base, factor: Ratio(2_000), cap: base.times(30), jitter };
    let after = Span::minutes(rng.pick(&[30, 90]));
    Policy { backoff, disable: DisableRule { after, ..DisableRule::default() }, ..Policy::default() }
}

fn receiver(rng: &mut Rng, lasts: Span) -> Receiver {
    if rng.percent(30) {
        return Receiver::default();
    }
    let mut phases = vec![(Span::ZERO, behaviour(rng))];
    for _ in 0..rng.below(4) {
        phases.push((Span::millis(rng.below(lasts.as_millis())), behaviour(rng)));
    }
    phases.sort_by_key(|(from, _)| *from);
    Receiver(phases)
}

fn behaviour(rng: &mut Rng) -> Behaviour {
    match rng.below(13) {
        0..3 => Behaviour::Healthy,
        3 | 4 => Behaviour::Flaky(rng.pick(&[20, 60])),
        5 => Behaviour::Slow(rng.between(1, 12)),
        6 => Behaviour::Hangs,
        7..9 => Behaviour::Dead,
        9 => Behaviour::Says(rng.pick(&[301, 410, 500])),
        10 | 11 => Behaviour::Busy(rng.pick(&[429, 503]), rng.pick(&[1, 90, 5_000, 1_000_000])),
        _ => Behaviour::Unresolved,
    }
}

fn step(at: Span, what: Happening) -> Step {
    Step { number: 0, at, node: 0, what }
}

fn first_steps(rng: &mut Rng, webhooks: u64) -> Vec<Step> {
    let create = |number| {
        let call = Call::Create {
            property: 1 + i64::try_from(rng.below(PROPERTIES as u64)).unwrap_or(0),
            receiver: usize::try_from(number).unwrap_or(0),
            events: rng.pick(&[Events::All, Events::All, Events::Created, Events::CreatedAndUpdated]),
            skip_own: rng.percent(20),
            ordering: ordering(rng),
            gathers: rng.percent(25),
        };
        step(Span::millis(10 * (number + 1)), Happening::Asked(call))
    };
    (0..webhooks).map(create).collect()
}

fn ordering(rng: &mut Rng) -> Ordering {
    rng.pick(&[Ordering::None, Ordering::None, Ordering::Booking, Ordering::Newest])
}

/// The time to the next burst: mostly short against the whole, sometimes nothing at all.
fn pause(rng: &mut Rng, lasts: Span) -> Span {
    let part = rng.pick(&[3, 8, 20, 40]);
    let most = lasts.as_millis() / part;
    Span::millis(rng.between(500, most.max(1_000)))
}

/// A few things that happen soon after one another.
fn burst(rng: &mut Rng, settings: &Settings, from: Span, steps: &mut Vec<Step>) {
    let gap = rng.pick(&[5, 300, 4_000]);
    let mut at = from;
    for _ in 0..rng.between(1, 4) {
        let what = happening(rng, settings);
        steps.push(step(at, what));
        at = sum(at, Span::millis(1 + rng.below(gap)));
    }
    steps.sort_by_key(|it| it.at);
}

fn happening(rng: &mut Rng, settings: &Settings) -> Happening {
    match rng.below(100) {
        0..80 => Happening::Asked(call(rng)),
        80..86 => Happening::Crash {
            writes: u32::try_from(rng.pick(&[0, 1, 1, 2, 3, 5])).unwrap_or(0),
            before: rng.percent(50),
            down: Span::millis(rng.pick(&[1, 2_000, 40_000, 900_000])),
        },
        86..90 => Happening::Stop { down: Span::millis(rng.pick(&[1, 30_000])) },
        90..94 if settings.nodes > 1 => {
            Happening::Freeze { lasts: Span::millis(rng.pick(&[900, 10_000, 30_000, 200_000])) }
        }
        94..96 if settings.nodes > 1 => {
            let by = i64::try_from(rng.between(100, 90_000)).unwrap_or(0);
            Happening::Step { by_ms: if rng.percent(50) { by } else { -by } }
        }
        96..98 => Happening::Outage { lasts: Span::millis(rng.pick(&[40, 3_000, 20_000])) },
        _ => Happening::Asked(enqueue(rng)),
    }
}

fn call(rng: &mut Rng) -> Call {
    // The first steps created the webhooks; a few more are asked for in vain.
    let webhook = usize::try_from(rng.below(6)).unwrap_or(0);
    match rng.below(42) {
        0..23 => enqueue(rng),
        23..26 => Call::Pause { webhook },
        26..30 => Call::Resume {
            webhook,
            held: rng.pick(&[Held::Deliver, Held::Deliver, Held::Latest, Held::Discard]),
        },
        30 => Call::Redirect { webhook, receiver: usize::try_from(rng.below(8)).unwrap_or(0) },
        31 => Call::Subscribe {
            webhook,
            events: rng.pick(&[Events::All, Events::Created, Events::CreatedAndUpdated]),
        },
        32 => Call::Rotate { webhook, overlap: rng.pick(&[Span::ZERO, Span::seconds(30), Span::hours(24)]) },
        33 => Call::Entitle {
            property: 1 + i64::try_from(rng.below(3)).unwrap_or(0),
            entitled: rng.percent(60),
        },
        34 => Call::Disable { webhook },
        35 => Call::Delete { webhook },
        40 | 41 => Call::Order { webhook, ordering: ordering(rng) },
        36 | 37 => Call::Retry { webhook, back: usize::try_from(rng.below(12)).unwrap_or(0) },
        _ => Call::Recover {
            webhook,
            since: Span::hours(rng.pick(&[1, 30, 2_000])),
            failed: rng.percent(70),
            missed: rng.percent(70),
        },
    }
}

fn enqueue(rng: &mut Rng) -> Call {
    Call::Enqueue {
        property: 1 + i64::try_from(rng.below(PROPERTIES as u64)).unwrap_or(0),
        kind: rng.pick(&KINDS),
        bookings: (rng.below(5), rng.pick(&[1, 1, 3])),
        count: rng.pick(&[1, 1, 1, 2, 3, 6, 15]),
        key: rng.percent(15).then(|| rng.below(4)),
        own: rng.percent(15),
    }
}
