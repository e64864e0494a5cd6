//! What a receiver can do to us is bounded.

use std::time::Duration;

use stayhook_core::FaultClass;
use stayhook_courier::{MAX_BODY_KEPT, Reply as Answered};
use stayhook_testkit::{Receiver, Reply};

use crate::desk::Desk;

/// Longer than an attempt may take, with room for a slow machine.
const SOON: Duration = Duration::from_secs(8);

async fn reply_to(reply: Reply) -> (Answered, Desk, Receiver) {
    let (desk, receiver) = (Desk::hasty().await, Receiver::start().await.unwrap());
    receiver.always(reply);
    let answered = tokio::time::timeout(SOON, desk.reply(&receiver.url("/"))).await.expect("ends in time");
    (answered, desk, receiver)
}

async fn fault_of(reply: Reply) -> (FaultClass, String) {
    let (desk, receiver) = (Desk::hasty().await, Receiver::start().await.unwrap());
    receiver.always(reply);
    let fault = tokio::time::timeout(SOON, desk.fault(&receiver.url("/"))).await.expect("ends in time");
    (fault.class, fault.words)
}

#[tokio::test]
async fn of_a_long_body_the_beginning_is_kept() {
    let body: Vec<u8> = (0..60_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let (reply, desk, receiver) = reply_to(Reply::status(200).body(body.clone())).await;
    assert!(reply.is_success());
    assert_eq!(reply.body, &body[..MAX_BODY_KEPT]);
    assert!(desk.reply(&receiver.url("/")).await.reused, "60 kB are within bounds");
}

#[tokio::test]
async fn a_body_beyond_its_bound_costs_the_connection() {
    let (reply, desk, receiver) = reply_to(Reply::status(200).body(vec![b'x'; 70_000])).await;
    assert!(reply.is_success());
    assert_eq!(reply.body.len(), MAX_BODY_KEPT);
    assert!(!desk.reply(&receiver.url("/")).await.reused);
}

#[tokio::test]
async fn an_endless_body_after_2xx_is_a_success() {
    let endless = |start: &str, piece: &'static [u8]| Reply::Endless {
        start: start.to_owned().into(),
        piece: piece.into(),
    };
    let bodies = [
        endless("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 8192]),
        endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nspam\r\n"),
        endless("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", &[b'x'; 8192]),
    ];
    for body in bodies {
        let (reply, _desk, _receiver) = reply_to(body).await;
        assert!(reply.is_success());
        assert_eq!(reply.body.len(), MAX_BODY_KEPT);
    }
}

#[tokio::test]
async fn a_dripping_body_after_2xx_is_a_success_and_what_came_is_kept() {
    let (reply, desk, receiver) = reply_to(Reply::Drip {
        start: "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst".into(),
        piece: ".".into(),
        every: Duration::from_millis(30),
    })
    .await;
    assert!(reply.is_success());
    assert!(reply.body.starts_with(b"first...") && reply.body.len() < 100, "{:?}", reply.body);
    receiver.always(Reply::status(200));
    assert!(!desk.reply(&receiver.url("/")).await.reused);
}

#[tokio::test]
async fn a_dripping_body_after_another_status_is_that_status() {
    let (class, words) = fault_of(Reply::Drip {
        start: "HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n".into(),
        piece: ".".into(),
        every: Duration::from_millis(30),
    })
    .await;
    assert_eq!(
        (class, words.as_str()),
        (FaultClass::Status, "the receiver answered 500 Internal Server Error")
    );
}

#[tokio::test]
async fn a_broken_body_after_2xx_is_a_success() {
    let bodies = [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nno number\r\n",
    ];
    for body in bodies {
        let (reply, _desk, _receiver) = reply_to(Reply::raw(body).then(Reply::Drop)).await;
        assert!(reply.is_success());
        assert_eq!(reply.body, "part");
    }
}

#[tokio::test]
async fn bodies_are_not_decompressed() {
    let gzip = Reply::status(200).header("Content-Encoding", "gzip").body(&b"\x1f\x8b\x08\0garbage"[..]);
    let (reply, _desk, _receiver) = reply_to(gzip).await;
    assert_eq!(reply.body, &b"\x1f\x8b\x08\0garbage"[..]);
}

#[tokio::test]
async fn headers_have_a_bound_in_bytes() {
    let within = Reply::status(200).header("X-Long", &"x".repeat(60_000));
    assert!(reply_to(within).await.0.is_success());
    let (class, words) = fault_of(Reply::status(200).header("X-Long", &"x".repeat(66_000))).await;
    assert_eq!(
        (class, words.as_str()),
        (FaultClass::TooLarge, "the response's headers exceed 64 KiB or 256 fields")
    );
    let endless =
        Reply::Endless { start: "HTTP/1.1 200 OK\r\nX-Long: ".into(), piece: (&[b'x'; 8192][..]).into() };
    assert_eq!(fault_of(endless).await.0, FaultClass::TooLarge);
}

#[tokio::test]
async fn headers_have_a_bound_in_fields() {
    let fields = |n: usize| (0..n).fold(Reply::status(200), |reply, n| reply.header(&format!("X-{n}"), "x"));
    // The receiver adds one field itself.
    assert!(reply_to(fields(255)).await.0.is_success());
    assert_eq!(fault_of(fields(256)).await.0, FaultClass::TooLarge);
    let endless = Reply::Endless { start: "HTTP/1.1 200 OK\r\n".into(), piece: "X: y\r\n".into() };
    assert_eq!(fault_of(endless).await.0, FaultClass::TooLarge);
}

#[tokio::test]
async fn a_few_interim_responses_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let (reply, desk, receiver) = reply_to(Reply::raw(interim).then(Reply::status(204))).await;
    assert_eq!(reply.status, 204);
    for _ in 0..20 {
        assert!(desk.reply(&receiver.url("/")).await.reused, "they are counted for each response anew");
    }
}

#[tokio::test]
async fn a_flood_of_interim_responses_ends_the_attempt() {
    let flood = Reply::Endless { start: "".into(), piece: "HTTP/1.1 102 Processing\r\n\r\n".into() };
    let (class, words) = fault_of(flood).await;
    assert_eq!(
        (class, words.as_str()),
        (FaultClass::Protocol, "the receiver sends interim (1xx) responses without end")
    );
    let slow = Reply::Drip {
        start: "".into(),
        piece: "HTTP/1.1 102 Processing\r\n\r\n".into(),
        every: Duration::from_millis(10),
    };
    assert_eq!(fault_of(slow).await.0, FaultClass::Protocol);
}
