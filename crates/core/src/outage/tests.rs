use super::*;
use proptest::prelude::*;

const LOST: Reach = Reach::Lost;
const FINE: Reach = Reach::Reached;

fn host(number: usize) -> String {
    format!("{number}.example.com")
}

fn second(n: i64) -> UnixMs {
    UnixMs(n * 1_000)
}

/// So many hosts that were reached, one after the other, up to this moment.
fn fine(hosts: usize, at: UnixMs) -> Outages {
    let mut outages = Outages::default();
    for number in 0..hosts {
        assert_eq!(outages.learn(&host(number), FINE, at), None);
    }
    outages
}

#[test]
fn most_hosts_lost_within_a_minute_are_an_outage_of_our_own() {
    let mut outages = fine(9, second(0));
    for number in 0..4 {
        assert_eq!(outages.learn(&host(number), LOST, second(10)), None);
    }
    assert_eq!(outages.learn(&host(4), LOST, second(11)), Some(OutageChange::Began(second(10))));
    assert_eq!(outages.since(), Some(second(10)));
    assert_eq!(outages.learn(&host(5), LOST, second(12)), None);
    assert_eq!(outages.learn(&host(5), FINE, second(99)), Some(OutageChange::Ended(second(10))));
    assert_eq!(outages.since(), None);
}

#[test]
fn few_hosts_or_half_of_them_are_not() {
    let mut few = fine(4, second(0));
    assert!((0..4).all(|number| few.learn(&host(number), LOST, second(1)).is_none()));
    let mut half = fine(20, second(0));
    assert!((0..10).all(|number| half.learn(&host(number), LOST, second(1)).is_none()));
}

/// Nobody else was tried meanwhile: once the others' successes are a minute ago, they say nothing.
#[test]
fn those_that_are_not_tried_count_for_a_minute() {
    let mut outages = fine(20, second(0));
    for number in 0..5 {
        assert_eq!(outages.learn(&host(number), LOST, second(3)), None);
    }
    assert_eq!(outages.learn(&host(0), LOST, second(61)), Some(OutageChange::Began(second(3))));
}

#[test]
fn hosts_that_were_never_reached_or_long_ago_say_nothing() {
    let mut outages = Outages::default();
    assert!((0..50).all(|number| outages.learn(&host(number), LOST, second(1)).is_none()));
    let mut outages = fine(50, second(0));
    let later = second(6 * 3_600 + 1);
    assert!((0..50).all(|number| outages.learn(&host(number), LOST, later).is_none()));
}

/// Hosts that went one by one have nothing in common, however many they have become.
#[test]
fn hosts_that_die_over_a_day_are_not_an_outage() {
    let mut outages = fine(20, second(0));
    for number in 0..20 {
        let now = second(61 * (1 + number as i64));
        assert!((0..=number).all(|it| outages.learn(&host(it), LOST, now).is_none()));
    }
}

/// Five hosts of one provider, beside others that were not tried: when those are reached, it was
/// not us, and the five are at fault themselves from then on.
#[test]
fn what_was_not_our_own_ends_soon_and_does_not_begin_again() {
    let mut outages = fine(5, second(0));
    let began = (0..5).find_map(|number| outages.learn(&host(number), LOST, second(2)));
    assert_eq!(began, Some(OutageChange::Began(second(2))));
    assert_eq!(outages.learn("a.example.org", FINE, second(3)), None);
    assert_eq!(outages.learn("b.example.org", FINE, second(3)), Some(OutageChange::Ended(second(2))));
    assert!((0..5).all(|number| outages.learn(&host(number), LOST, second(4)).is_none()));
}

/// A receiver within our own network answers all the time, and does not make the internet come back.
#[test]
fn one_neighbour_that_answers_does_not_end_it() {
    let mut outages = fine(20, second(0));
    let began = (0..20).find_map(|number| outages.learn(&host(number), LOST, second(2)));
    assert!(began.is_some());
    for number in 0..20 {
        outages.learn(&host(number), LOST, second(3));
    }
    assert_eq!(outages.learn("neighbour.example.com", FINE, second(4)), None);
    assert!(outages.since().is_some());
    assert!(outages.learn(&host(7), FINE, second(5)).is_some());
}

#[test]
fn memory_is_bounded() {
    let mut outages = Outages::default();
    for number in 0..3 * MOST_HOSTS {
        outages.learn(&host(number), FINE, second(1));
    }
    assert_eq!(outages.hosts.len(), MOST_HOSTS);
    outages.learn("new.example.com", FINE, second(7 * 3_600));
    assert_eq!(outages.hosts.len(), 1);
}

#[test]
fn every_fault_is_attributed() {
    let lost = FaultClass::ALL.into_iter().filter(|it| Reach::of(*it) == Some(LOST));
    let expected = [FaultClass::Dns, FaultClass::Connect, FaultClass::Timeout, FaultClass::Interrupted];
    assert_eq!(lost.collect::<Vec<_>>(), expected);
}

fn signs() -> impl Strategy<Value = Vec<(usize, bool, i64)>> {
    proptest::collection::vec((0..12_usize, any::<bool>(), 0..40_000_i64), 0..300)
}

proptest! {
    /// Whatever the signs and the clock: an outage begins only where enough hosts that were fine
    /// are lost at once, and more of them than are fine; it ends only with a success; beginnings
    /// and ends alternate.
    #[test]
    fn an_outage_has_its_reasons(signs in signs()) {
        let rule = OutageRule::default();
        let mut outages = Outages::new(rule);
        let mut last: HashMap<usize, (Reach, UnixMs)> = HashMap::new();
        let mut now = UnixMs(0);
        for (number, is_fine, gap) in signs {
            now = UnixMs(now.0 + gap);
            let reach = if is_fine { FINE } else { LOST };
            let was_down = outages.since();
            let change = outages.learn(&host(number), reach, now);
            last.insert(number, (reach, now));
            match change {
                Some(OutageChange::Began(since)) => {
                    prop_assert!(was_down.is_none() && !is_fine);
                    prop_assert!(now.since(since) <= rule.within);
                    let recent = |wanted| last.values().filter(|(reach, at)| {
                        *reach == wanted && now.since(*at) <= rule.within
                    }).count();
                    prop_assert!(recent(LOST) >= rule.hosts && recent(LOST) > recent(FINE));
                }
                Some(OutageChange::Ended(since)) => {
                    prop_assert!(is_fine && was_down == Some(since));
                }
                None => prop_assert_eq!(outages.since(), was_down),
            }
        }
    }

    /// Total, also with a clock that is set back.
    #[test]
    fn total(signs in proptest::collection::vec((0..9_usize, any::<bool>(), any::<i64>()), 0..100)) {
        let mut outages = Outages::default();
        for (number, is_fine, at) in signs {
            outages.learn(&host(number), if is_fine { FINE } else { LOST }, UnixMs(at));
        }
    }

    /// Where everything was fine and nothing can be reached any more, it is found within a minute
    /// of attempts, and the first host that is back ends it.
    #[test]
    fn everything_gone_is_found(hosts in 5..60_usize, after in 0..3_600_i64) {
        let mut outages = fine(hosts, second(0));
        let began = (after..=after + 61).find_map(|at| {
            (0..hosts).find_map(|number| outages.learn(&host(number), LOST, second(at)))
        });
        prop_assert!(matches!(began, Some(OutageChange::Began(_))));
        prop_assert!(matches!(outages.learn(&host(0), FINE, second(9_999)), Some(OutageChange::Ended(_))));
    }
}
