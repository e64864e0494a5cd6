//! Every way in which an attempt fails, and what the subscriber is told.

use std::time::Duration;

use stayhook_core::{FaultClass, Span};
use stayhook_courier::Answer;
use stayhook_testkit::{Receiver, Reply};
use tokio::net::TcpListener;

use crate::desk::{Desk, NAME};

/// A desk, and a receiver that replies so.
async fn facing(reply: Reply) -> (Desk, Receiver, String) {
    seated(Desk::new().await, reply).await
}

async fn seated(desk: Desk, reply: Reply) -> (Desk, Receiver, String) {
    let receiver = Receiver::start().await.unwrap();
    receiver.always(reply);
    let url = receiver.url("/hook");
    (desk, receiver, url)
}

#[tokio::test]
async fn any_2xx_is_success() {
    for status in [200, 201, 202, 204, 206, 299] {
        let (desk, _receiver, url) = facing(Reply::status(status)).await;
        assert!(desk.send(&url).await.is_success(), "{status}");
    }
}

#[tokio::test]
async fn other_statuses_fail_and_keep_the_body() {
    for status in [300, 304, 400, 401, 404, 410, 500, 503, 599] {
        let (desk, _receiver, url) = facing(Reply::status(status).body("why")).await;
        desk.fails(&url, FaultClass::Status, &format!("answered {status}")).await;
        let Answer::Replied(reply) = desk.send(&url).await else { panic!("no reply") };
        assert_eq!(reply.status, status);
        // A 304 has no body, so that what follows it is not one.
        assert_eq!(reply.body, if status == 304 { "" } else { "why" });
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Receiver::start().await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let redirect = Reply::status(status).header("Location", &other.url("/elsewhere"));
        let (desk, _receiver, url) = facing(redirect).await;
        desk.fails(&url, FaultClass::Redirect, "redirects to 127.0.0.1").await;
    }
    assert_eq!(other.connections(), 0);
    let (desk, _receiver, url) = facing(Reply::status(302).header("Location", "/moved")).await;
    desk.fails(&url, FaultClass::Redirect, "the receiver redirects (302)").await;
}

#[tokio::test]
async fn retry_after_counts_on_429_and_503_only() {
    let asked = async |status, value: &str| {
        let (desk, _receiver, url) = facing(Reply::status(status).header("Retry-After", value)).await;
        desk.reply(&url).await.retry_after
    };
    assert_eq!(asked(429, "120").await, Some(Span::seconds(120)));
    assert_eq!(asked(503, "Wed, 27 May 2026 16:50:00 GMT").await, Some(Span::minutes(10)));
    assert_eq!(asked(503, "Fri, 31 Dec 9999 23:59:59 GMT").await, Some(Span::days(30)));
    assert_eq!(asked(429, "inf").await, None);
    assert_eq!(asked(500, "120").await, None);
    assert_eq!(asked(200, "120").await, None);
}

#[tokio::test]
async fn a_closed_port_is_a_connect_fault() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let desk = Desk::new().await;
    desk.fails(&format!("http://{free}/"), FaultClass::Connect, "refuses connections").await;
}

#[tokio::test]
async fn a_receiver_that_says_nothing_times_out() {
    let (desk, receiver, url) = seated(Desk::hasty().await, Reply::Hang).await;
    desk.fails(&url, FaultClass::Timeout, "800ms for one attempt ran out while waiting for").await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn headers_that_drip_time_out() {
    let drip = Reply::Drip {
        start: "HTTP/1.1 200 OK\r\n".into(),
        piece: "X-Drip: drop\r\n".into(),
        every: Duration::from_millis(50),
    };
    let (desk, _receiver, url) = seated(Desk::hasty().await, drip).await;
    desk.fails(&url, FaultClass::Timeout, "while reading the headers of the receiver's response").await;
}

#[tokio::test]
async fn a_delay_within_the_limit_is_no_failure() {
    let (desk, _receiver, url) = facing(Reply::status(200).after(Duration::from_millis(200))).await;
    assert!(desk.send(&url).await.is_success());
}

#[tokio::test]
async fn a_connection_closed_without_response_is_a_protocol_fault() {
    let (desk, receiver, url) = facing(Reply::Drop).await;
    desk.fails(&url, FaultClass::Protocol, "closed the connection").await;
    assert_eq!(receiver.count(), 1);
    let (desk, _receiver, url) = facing(Reply::raw("HTTP/1.1 200 OK\r\nX-Half: ").then(Reply::Drop)).await;
    desk.fails(&url, FaultClass::Protocol, "closed the connection").await;
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_fault() {
    let garbage = [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "\0\u{1}\u{2}\u{3}\r\n\r\n",
    ];
    for bytes in garbage {
        let (desk, _receiver, url) = facing(Reply::raw(bytes).then(Reply::Hang)).await;
        let fault = desk.fault(&url).await;
        assert_eq!(fault.class, FaultClass::Protocol, "{bytes:?}: {fault}");
    }
}

#[tokio::test]
async fn switching_protocols_is_a_protocol_fault() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let (desk, _receiver, url) = facing(Reply::raw(switch)).await;
    desk.fails(&url, FaultClass::Protocol, "101").await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_dns_fault() {
    let (desk, receiver, _) = facing(Reply::status(200)).await;
    desk.dns.nxdomain(NAME);
    let url = receiver.url_at(NAME, "/");
    desk.fails(&url, FaultClass::Dns, "hooks.example.com does not exist").await;
    desk.dns.answer(NAME, vec![]);
    desk.fails(&url, FaultClass::Dns, "has no address").await;
    desk.dns.servfail(NAME);
    desk.fails(&url, FaultClass::Dns, "name servers fail for hooks.example.com").await;
    assert_eq!(receiver.connections(), 0);
}
