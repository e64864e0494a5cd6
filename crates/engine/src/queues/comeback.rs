//! Receivers that bear so many requests a second and no more, in simulated time.

use super::tests::item;
use super::*;

const LIMITS: Limits = Limits { in_flight: 512, window: 32, lane: 100_000, items: 100_000, bytes: 1 << 30 };
const WEBHOOK: WebhookId = WebhookId(1);
/// How long an answer takes.
const ANSWER: Duration = Duration::from_millis(2);
/// When what was refused comes again.
const AGAIN: Duration = Duration::from_secs(60);

/// A receiver that is down up to a moment, and then answers 503 above so many requests a second.
struct Limited {
    down_until: Duration,
    per_second: u32,
    /// Accepted and refused, by second.
    seconds: Vec<(u32, u32)>,
}

impl Limited {
    fn new(per_second: u32, down_until: Duration, watched: u64) -> Self {
        let seconds = vec![(0, 0); usize::try_from(watched).unwrap() + 1];
        Self { down_until, per_second, seconds }
    }

    fn ask(&mut self, now: Duration) -> Feedback {
        let second = &mut self.seconds[usize::try_from(now.as_secs()).unwrap()];
        if now >= self.down_until && second.0 < self.per_second {
            second.0 += 1;
            return Feedback::Accepted(ANSWER);
        }
        second.1 += 1;
        Feedback::Overloaded
    }
}

/// Sends what is in the queues for so many seconds, each refused one again after its delay.
fn watch(queues: &mut Queues, receiver: &mut Limited, seconds: u64) {
    let until = Duration::from_secs(seconds);
    let (mut now, mut number) = (Duration::ZERO, 0);
    let mut in_flight: VecDeque<(Duration, Feedback)> = VecDeque::new();
    let mut refused: VecDeque<Duration> = VecDeque::new();
    while now < until {
        while let Some((_, feedback)) = in_flight.pop_front_if(|(ends, _)| *ends <= now) {
            queues.ended(WEBHOOK, None, feedback, ANSWER);
            if feedback == Feedback::Overloaded {
                refused.push_back(now + AGAIN);
            }
        }
        while refused.pop_front_if(|due| *due <= now).is_some() {
            number += 1;
            queues.push(item(1, 1_000_000 + number, None), true);
        }
        while queues.start(now).is_some() {
            in_flight.push_back((now + ANSWER, receiver.ask(now)));
        }
        let next = [in_flight.front().map(|it| it.0), refused.front().copied(), queues.next_paced()];
        let Some(next) = next.into_iter().flatten().min() else { return };
        assert!(next > now, "time stands still");
        now = next;
    }
}

fn held(events: i64) -> Queues {
    let mut queues = Queues::new(LIMITS);
    queues.ramp_up(WEBHOOK);
    (0..events).for_each(|number| queues.push(item(1, number, None), false));
    queues
}

fn sum(seconds: &[(u32, u32)]) -> (u32, u32) {
    seconds.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
}

/// What is released does not knock its receiver over, and uses what the receiver bears.
#[test]
fn a_resumed_receiver_gets_little_more_than_it_bears() {
    for per_second in [20, 100, 500] {
        let mut receiver = Limited::new(per_second, Duration::ZERO, 60);
        watch(&mut held(60_000), &mut receiver, 60);
        let seconds = &receiver.seconds[..60];
        let (accepted, refused) = sum(seconds);
        assert!(refused * 8 < accepted, "{per_second}: {seconds:?}");
        assert!(seconds.iter().all(|it| it.1 <= 100), "{per_second}: {seconds:?}");
        let later = sum(&seconds[20..]).0;
        assert!(later * 2 > per_second * 40, "{per_second}: more than half of what it bears: {seconds:?}");
    }
}

#[test]
fn a_receiver_that_comes_back_from_an_outage_is_asked_slowly() {
    let mut receiver = Limited::new(50, Duration::from_secs(30), 90);
    watch(&mut held(60_000), &mut receiver, 90);
    let down = sum(&receiver.seconds[1..30]);
    assert!(down.1 <= 29 * 6, "asked no more than it takes to find out: {:?}", receiver.seconds);
    let back = &receiver.seconds[30..90];
    assert!(back[0].0 <= 10 && back.iter().all(|it| it.1 <= 4), "{back:?}");
    assert!(sum(&back[20..]).0 > 40 * 25, "{back:?}");
}

/// One that bears everything is not paced.
#[test]
fn a_fast_receiver_gets_all_of_it_at_once() {
    let mut receiver = Limited::new(u32::MAX, Duration::ZERO, 60);
    watch(&mut held(10_000), &mut receiver, 60);
    assert_eq!(sum(&receiver.seconds[..5]), (10_000, 0));
}
