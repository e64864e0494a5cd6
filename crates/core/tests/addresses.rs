//! Every one of the 2³² IPv4 addresses, judged against a table written down a second time.

#![allow(clippy::unwrap_used, reason = "the table is written by hand")]

use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use stayhook_core::AddressRules;

/// First and last address of every block that is not public, ascending and disjoint: the IANA
/// IPv4 Special-Purpose Address Registry, multicast, broadcast, and Azure's metadata address.
const NOT_PUBLIC: [(&str, &str); 20] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("192.175.48.0", "192.175.48.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.254"),
    ("255.255.255.255", "255.255.255.255"),
];

/// The table as alternating stretches: (first, last, public).
fn stretches() -> Vec<(u64, u64, bool)> {
    let number = |text: &str| u64::from(u32::from(text.parse::<Ipv4Addr>().unwrap()));
    let mut stretches = Vec::new();
    let mut next = 0;
    for (first, last) in NOT_PUBLIC {
        let (first, last) = (number(first), number(last));
        assert!(next <= first && first <= last, "the table is ascending");
        if next < first {
            stretches.push((next, first - 1, true));
        }
        stretches.push((first, last, false));
        next = last + 1;
    }
    assert_eq!(next, 1 << 32, "the table covers every address");
    stretches
}

fn judge_all(stretch: &[(u64, u64, bool)], step: u64, offset: u64) -> u64 {
    let rules = AddressRules::default();
    let mut judged = 0;
    for &(first, last, public) in stretch {
        let mut bits = first + (offset + step - first % step) % step;
        while bits <= last {
            let address = Ipv4Addr::from(u32::try_from(bits).unwrap());
            assert_eq!(rules.judge(IpAddr::V4(address)).is_ok(), public, "{address}");
            judged += 1;
            bits += step;
        }
    }
    judged
}

#[test]
#[cfg_attr(debug_assertions, ignore = "2^32 addresses: run in release")]
fn every_ipv4_address_is_judged_as_the_table_says() {
    let stretches = &stretches();
    let threads = 4;
    let judged: u64 = thread::scope(|scope| {
        let parts = (0..threads).map(|part| scope.spawn(move || judge_all(stretches, threads, part)));
        parts.collect::<Vec<_>>().into_iter().map(|part| part.join().unwrap()).sum()
    });
    assert_eq!(judged, 1 << 32);
}

#[test]
fn the_edges_of_every_block_are_judged_as_the_table_says() {
    for (first, last, public) in stretches() {
        judge_all(&[(first, first, public), (last, last, public)], 1, 0);
    }
}
