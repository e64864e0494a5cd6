//! Names and addresses: what is resolved is judged, and what was judged is connected to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use stayhook_core::{FaultClass, Span};
use stayhook_testkit::{Receiver, Reply};

use crate::desk::{Desk, LOOPBACK, NAME, Setup};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A desk that may call 127.0.0.1 and 127.0.0.2, and no other address that is not public.
async fn strict_desk() -> Desk {
    Desk::with(Setup { allow: &["127.0.0.1/32", "127.0.0.2/32"], ..Setup::default() }).await
}

/// Two receivers on the same port of 127.0.0.1 and another address.
async fn neighbours(other: &str) -> (Receiver, Receiver) {
    for _ in 0..32 {
        let first = Receiver::start().await.unwrap();
        let beside = SocketAddr::new(ip(other), first.address().port());
        if let Ok(second) = Receiver::start_at(beside).await {
            return (first, second);
        }
    }
    panic!("no port is free on both addresses");
}

const BLOCKED: &str = "the receiver's name resolves to an address that may not be called";

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_in_the_same_words() {
    let desk = strict_desk().await;
    let (_public, private) = neighbours("127.0.0.3").await;
    let url = private.url_at(NAME, "/");
    let forbidden =
        ["127.0.0.3", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"];
    for address in forbidden {
        desk.dns.answer(NAME, vec![ip(address)]);
        let fault = desk.fault(&url).await;
        assert_eq!((fault.class, fault.words.as_str()), (FaultClass::BlockedAddress, BLOCKED), "{address}");
    }
    assert_eq!(private.connections(), 0);
}

#[tokio::test]
async fn one_forbidden_address_among_good_ones_refuses_all() {
    let (desk, receiver) = (strict_desk().await, Receiver::start().await.unwrap());
    let mixtures = [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "fd00::1"]];
    for mixture in mixtures {
        desk.dns.answer(NAME, mixture.map(ip).to_vec());
        desk.fails(&receiver.url_at(NAME, "/"), FaultClass::BlockedAddress, BLOCKED).await;
    }
    // The forbidden one also counts where it stands behind more addresses than are ever tried.
    let mut many = vec![LOOPBACK; 8];
    many.push(ip("192.168.0.1"));
    desk.dns.answer(NAME, many);
    desk.fails(&receiver.url_at(NAME, "/"), FaultClass::BlockedAddress, BLOCKED).await;
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn aliases_are_followed_and_judged() {
    let (desk, receiver) = (strict_desk().await, Receiver::start().await.unwrap());
    desk.dns.cname(NAME, "target.example.net");
    desk.dns.answer("target.example.net", vec![LOOPBACK]);
    assert!(desk.send(&receiver.url_at(NAME, "/")).await.is_success());
    desk.dns.answer("target.example.net", vec![ip("10.0.0.1")]);
    desk.fails(&receiver.url_at(NAME, "/"), FaultClass::BlockedAddress, BLOCKED).await;
}

#[tokio::test]
async fn an_address_that_turns_private_between_attempts_is_refused_on_a_kept_connection_too() {
    let (desk, receiver) = (strict_desk().await, Receiver::start().await.unwrap());
    desk.dns.sequence(NAME, vec![vec![LOOPBACK], vec![ip("127.0.0.9")], vec![LOOPBACK]]);
    let url = receiver.url_at(NAME, "/");
    assert!(!desk.reply(&url).await.reused);
    desk.fails(&url, FaultClass::BlockedAddress, BLOCKED).await;
    assert!(desk.reply(&url).await.reused);
    assert_eq!((receiver.count(), receiver.connections(), desk.dns.lookups(NAME)), (2, 1, 3));
}

#[tokio::test]
async fn a_kept_connection_is_not_used_for_a_name_that_has_moved() {
    let desk = strict_desk().await;
    let (old, new) = neighbours("127.0.0.2").await;
    desk.dns.sequence(NAME, vec![vec![LOOPBACK], vec![ip("127.0.0.2")]]);
    let url = old.url_at(NAME, "/");
    assert!(desk.send(&url).await.is_success());
    assert!(!desk.reply(&url).await.reused);
    assert_eq!((old.count(), new.count()), (1, 1));
}

#[tokio::test]
async fn answers_are_used_for_their_time_to_live() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    let url = receiver.url_at(NAME, "/");
    desk.dns.ttl(1);
    desk.dns.answer(NAME, vec![LOOPBACK, ip("127.0.0.2")]);
    for _ in 0..5 {
        assert!(desk.send(&url).await.is_success());
    }
    assert_eq!(desk.dns.lookups(NAME), 1);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(desk.send(&url).await.is_success());
    assert_eq!(desk.dns.lookups(NAME), 2);
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_does_not_answer() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    desk.dns.answer(NAME, vec![ip("127.0.0.7"), ip("127.0.0.8"), LOOPBACK]);
    assert!(desk.send(&receiver.url_at(NAME, "/")).await.is_success());
    desk.dns.answer(NAME, vec![ip("127.0.0.7"), ip("127.0.0.8")]);
    desk.fails(&receiver.url_at(NAME, "/other"), FaultClass::Connect, "refuses").await;
}

#[tokio::test]
async fn a_name_whose_servers_are_slow_is_the_receivers_timeout() {
    let (desk, receiver) = (Desk::hasty().await, Receiver::start().await.unwrap());
    let url = receiver.url_at(NAME, "/");
    desk.dns.slow(NAME, Duration::from_secs(5), vec![LOOPBACK]);
    desk.fails(&url, FaultClass::Timeout, "looking up the receiver's name").await;
    desk.dns.silent(NAME);
    desk.fails(&url, FaultClass::Timeout, "looking up the receiver's name").await;
    desk.dns.slow(NAME, Duration::from_millis(150), vec![LOOPBACK]);
    assert!(desk.send(&url).await.is_success());
}

#[tokio::test]
async fn name_servers_of_ours_that_are_gone_are_our_own_fault() {
    let (desk, receiver) = (Desk::hasty().await, Receiver::start().await.unwrap());
    desk.dns.fall_silent();
    let fault = desk.fault(&receiver.url_at(NAME, "/")).await;
    assert!(fault.class.is_ours(), "{fault}");
    // A receiver named by its address needs none.
    assert!(desk.send(&receiver.url("/")).await.is_success());
}

#[tokio::test]
async fn a_refusal_is_ours_where_everything_is_refused() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    let url = receiver.url_at(NAME, "/");
    desk.dns.refused(NAME);
    desk.fails(&url, FaultClass::Dns, "refuse to answer for hooks.example.com").await;
    desk.dns.refused("");
    desk.fails(&url, FaultClass::Interrupted, "refuse to answer us").await;
}

#[tokio::test]
async fn a_final_dot_is_no_other_name() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    assert!(desk.send(&receiver.url_at("Hooks.Example.com.", "/")).await.is_success());
    assert_eq!(receiver.requests()[0].header("host").unwrap().split(':').next(), Some("hooks.example.com."));
    assert_eq!(desk.dns.lookups(NAME), 1);
}

#[tokio::test]
async fn looking_up_judges_but_does_not_connect() {
    let (desk, receiver) = (strict_desk().await, Receiver::start().await.unwrap());
    let url = desk.url(&receiver.url_at(NAME, "/"));
    assert_eq!(desk.courier.look_up(&url).await, Ok(vec![receiver.address()]));
    desk.dns.answer(NAME, vec![ip("10.0.0.1")]);
    assert_eq!(desk.courier.look_up(&url).await.unwrap_err().class, FaultClass::BlockedAddress);
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn the_limit_covers_lookup_and_response_together() {
    let limit = Span::millis(1_000);
    let (desk, receiver) =
        (Desk::with(Setup { limit, ..Setup::default() }).await, Receiver::start().await.unwrap());
    desk.dns.slow(NAME, Duration::from_millis(600), vec![LOOPBACK]);
    receiver.always(Reply::status(200).after(Duration::from_millis(600)));
    desk.fails(&receiver.url_at(NAME, "/"), FaultClass::Timeout, "waiting for the receiver's response").await;
}
