//! The request, byte for byte.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use stayhook_courier::Transport;
use stayhook_testkit::Receiver;

use crate::desk::{Desk, NAME};

fn header(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

#[tokio::test]
async fn a_request_is_what_the_reference_shows() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    let mut outbound = desk.outbound(1, &receiver.url_at(NAME, "/nowistay?token=a@b"));
    outbound.headers = vec![
        header("content-type", "application/json"),
        header("user-agent", "Nowistay-Webhooks/1.0"),
        header("nowistay-webhook-id", "42"),
        header("nowistay-webhook-event-id", "evt_LkP2sxR9zV8QyW0000000A"),
        header("nowistay-webhook-signature", "v1=00ff"),
        header("x-request-id", "r-1"),
    ];
    outbound.body = Bytes::from_static(br#"{"id":"evt_LkP2sxR9zV8QyW0000000A"}"#);
    assert!(desk.courier.send(outbound).await.is_success());

    let request = &receiver.requests()[0];
    let port = receiver.address().port();
    let expected = format!(
        "POST /nowistay?token=a@b HTTP/1.1\r\n\
         Host: hooks.example.com:{port}\r\n\
         Content-Type: application/json\r\n\
         User-Agent: Nowistay-Webhooks/1.0\r\n\
         Nowistay-Webhook-Id: 42\r\n\
         Nowistay-Webhook-Event-Id: evt_LkP2sxR9zV8QyW0000000A\r\n\
         Nowistay-Webhook-Signature: v1=00ff\r\n\
         X-Request-Id: r-1\r\n\
         Accept: */*\r\n\
         Content-Length: 35\r\n\
         \r\n"
    );
    assert_eq!(String::from_utf8_lossy(&request.head), expected);
    assert_eq!(request.body, br#"{"id":"evt_LkP2sxR9zV8QyW0000000A"}"#.as_slice());
}

#[tokio::test]
async fn headers_that_frame_the_message_are_the_couriers_own() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    let mut outbound = desk.outbound(1, &receiver.url("/"));
    outbound.headers = vec![
        header("host", "evil.example.com"),
        header("content-length", "7"),
        header("transfer-encoding", "chunked"),
        header("connection", "close"),
        header("accept", "application/json"),
    ];
    assert!(desk.courier.send(outbound).await.is_success());
    let expected = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\n",
        receiver.address()
    );
    assert_eq!(String::from_utf8_lossy(&receiver.requests()[0].head), expected);
}

#[tokio::test]
async fn other_methods_empty_bodies_and_odd_paths_work() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    let paths =
        ["//double//slash", "/a|b^c`d\"e<f>?g|h^i`j\"k<l>'m", "/größe?ü=ö", "/%7B%7d/%00", "?only=query"];
    for path in paths {
        let mut outbound = desk.outbound(1, &receiver.url(path));
        outbound.method = Method::PUT;
        outbound.body = Bytes::new();
        let answer = desk.courier.send(outbound).await;
        assert!(answer.is_success(), "{path}: {answer:?}");
    }
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.method == "PUT"));
    assert!(requests.iter().all(|request| request.header("content-length") == Some("0")));
    assert_eq!(requests[2].path, "/gr%C3%B6%C3%9Fe?%C3%BC=%C3%B6");
    assert_eq!(requests[4].path, "/?only=query");
}

#[tokio::test]
async fn large_bodies_arrive_whole() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await.unwrap());
    let body: Bytes = (0..256 * 1024_u32).map(|n| n.to_le_bytes()[1]).collect();
    let mut outbound = desk.outbound(1, &receiver.url("/"));
    outbound.body = body.clone();
    assert!(desk.courier.send(outbound).await.is_success());
    assert_eq!(receiver.requests()[0].body, body);
}
