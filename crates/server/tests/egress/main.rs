//! Egress, observed from outside.
//!
//! Each test runs in a network namespace of its own, in which every address of the internet is local: no
//! packet leaves the machine, and whatever the executable connects to is seen by a receiver that listens
//! on all addresses. Webhooks are registered and names answered so that a mistake would connect to an
//! address that may not be called.
//!
//! Needs `unshare` and `ip` (Debian: util-linux, iproute2), and root or unprivileged user namespaces.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests measure time, and a fault of theirs may end them"
)]

mod addresses;
mod namespace;
#[path = "../served/mod.rs"]
#[allow(dead_code, reason = "shared: each test uses a part of it")]
mod served;
mod tour;
mod world;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use addresses::{PUBLIC_V4, PUBLIC_V6, ip};
use tour::Expect;
use world::World;

#[test]
fn nothing_but_public_addresses_is_ever_called() {
    namespace::within("nothing_but_public_addresses_is_ever_called", async || {
        let world = World::start(&[]).await;
        tour::walk(&world, Expect::Refusals).await;
        let called = world.called();
        let public: BTreeSet<IpAddr> = [ip(PUBLIC_V4), ip(PUBLIC_V6)].into();
        let forbidden: Vec<_> = called.iter().filter(|it| !public.contains(&it.ip())).collect();
        assert!(forbidden.is_empty(), "forbidden addresses were called: {forbidden:?}");
        let reached: BTreeSet<IpAddr> = called.iter().map(SocketAddr::ip).collect();
        assert_eq!(reached, public, "both public addresses are called, or nothing was shown");
        let ports: BTreeSet<u16> = called.iter().map(SocketAddr::port).collect();
        assert_eq!(ports, BTreeSet::from([80, 443]), "other ports are not called at these addresses");
        println!("{} connections to public addresses, none to others", called.len());
    });
}

/// The same tour where the configuration lets it happen: what the test above would see of a mistake.
#[test]
fn forbidden_calls_are_seen_where_the_configuration_allows_them() {
    namespace::within("forbidden_calls_are_seen_where_the_configuration_allows_them", async || {
        let world = World::start(&["0.0.0.0/0", "::/0"]).await;
        tour::walk(&world, Expect::Nothing).await;
        let called: BTreeSet<IpAddr> = world.called().iter().map(SocketAddr::ip).collect();
        for seen in
            ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "100.64.0.1", "::1", "fd00::1"]
        {
            assert!(called.contains(&ip(seen)), "{seen} is not seen: {called:?}");
        }
        let unseen = [addresses::PROXY, addresses::REDIRECTED_TO, addresses::SCHEMA_HOST];
        for address in unseen {
            assert!(!called.contains(&ip(address)), "{address} is called: {called:?}");
        }
        println!("{} distinct addresses called, as allowed", called.len());
    });
}
