//! Connections kept between attempts.

use std::time::Duration;

use stayhook_core::{FaultClass, WebhookId};
use stayhook_courier::Transport;
use stayhook_testkit::{Receiver, Reply};

use crate::desk::{Desk, NAME};

async fn desk_and_receiver() -> (Desk, Receiver) {
    (Desk::new().await, Receiver::start().await.unwrap())
}

#[tokio::test]
async fn a_connection_serves_one_attempt_after_the_other() {
    let (desk, receiver) = desk_and_receiver().await;
    receiver.always(Reply::status(200).body("thanks"));
    for n in 0..20 {
        let reply = desk.reply(&receiver.url_at(NAME, "/")).await;
        assert_eq!((reply.reused, reply.body.as_ref()), (n > 0, b"thanks".as_slice()));
    }
    assert_eq!((receiver.count(), receiver.connections()), (20, 1));
}

#[tokio::test]
async fn failures_with_a_proper_response_keep_the_connection() {
    let (desk, receiver) = desk_and_receiver().await;
    receiver.always(Reply::status(500).body("no"));
    desk.reply(&receiver.url("/")).await;
    assert!(desk.reply(&receiver.url("/other")).await.reused);
}

#[tokio::test]
async fn webhooks_do_not_share_connections() {
    let (desk, receiver) = desk_and_receiver().await;
    for webhook in [1, 2, 3] {
        assert!(!desk.reply_for(webhook, &receiver.url("/")).await.reused);
    }
    assert!(desk.reply_for(2, &receiver.url("/")).await.reused);
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn hosts_do_not_share_connections() {
    let (desk, receiver) = desk_and_receiver().await;
    desk.dns.answer("other.example.com", vec!["127.0.0.1".parse().unwrap()]);
    desk.reply(&receiver.url_at(NAME, "/")).await;
    assert!(!desk.reply(&receiver.url_at("other.example.com", "/")).await.reused);
    assert!(!desk.reply(&receiver.url("/")).await.reused);
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn forgetting_a_webhook_closes_its_connections() {
    let (desk, receiver) = desk_and_receiver().await;
    desk.reply(&receiver.url("/")).await;
    desk.courier.forget(WebhookId(1));
    assert!(!desk.reply(&receiver.url("/")).await.reused);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_receiver_may_ask_to_close() {
    let (desk, receiver) = desk_and_receiver().await;
    receiver.always(Reply::status(200).header("Connection", "close").then(Reply::Drop));
    for _ in 0..3 {
        assert!(!desk.reply(&receiver.url("/")).await.reused);
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let (desk, receiver) = desk_and_receiver().await;
    receiver.always(Reply::status(200).then(Reply::Drop.after(Duration::from_millis(20))));
    for n in 1..=3 {
        assert!(!desk.reply(&receiver.url("/")).await.reused);
        // The receiver closes a little later, and nothing tells us from outside when that has arrived.
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!((receiver.count(), receiver.connections()), (n, n));
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_seen_is_not_sent_twice() {
    let (desk, receiver) = desk_and_receiver().await;
    receiver.reply(|request| if request.path == "/die" { Reply::Drop } else { Reply::status(200) });
    desk.reply(&receiver.url("/")).await;
    desk.fails(&receiver.url("/die"), FaultClass::Protocol, "closed the connection").await;
    assert_eq!((receiver.count(), receiver.connections()), (2, 1));
}

#[tokio::test]
async fn a_second_response_with_the_first_discards_the_connection() {
    let (desk, receiver) = desk_and_receiver().await;
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
    receiver.always(Reply::raw(both));
    for _ in 0..3 {
        let reply = desk.reply(&receiver.url("/")).await;
        assert_eq!((reply.status, reply.reused), (200, false));
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn bytes_on_an_idle_connection_discard_it() {
    let (desk, receiver) = desk_and_receiver().await;
    let late = Reply::raw("HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n").after(Duration::from_millis(20));
    receiver.always(Reply::status(200).then(late));
    for _ in 0..3 {
        let reply = desk.reply(&receiver.url("/")).await;
        assert_eq!((reply.status, reply.reused), (200, false));
        // The extra response comes a little later, and nothing tells us from outside when it has arrived.
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
}

#[tokio::test]
async fn many_attempts_at_once_share_what_is_free() {
    let (desk, receiver) = desk_and_receiver().await;
    receiver.always(Reply::status(200).after(Duration::from_millis(5)));
    let (desk, url) = (std::sync::Arc::new(desk), receiver.url_at(NAME, "/"));
    let workers: Vec<_> = (0..16)
        .map(|_| {
            let (desk, url) = (std::sync::Arc::clone(&desk), url.clone());
            tokio::spawn(async move {
                for _ in 0..10 {
                    assert!(desk.send(&url).await.is_success());
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(receiver.count(), 160);
    assert!(receiver.connections() <= 16, "{} connections", receiver.connections());
}
